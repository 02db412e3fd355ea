"""What is measured and what is logged for every operation, against the conventions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import genba
from conformance.conventions import CONTENT, INFERENCE, TYPES
from conformance.measurements import METRICS, measured, points, wrong_with_metrics
from conformance.operations import OPERATIONS
from support.signals import Signals
from support.spans import Spans, attributes
from support.wire import Server

operations = pytest.mark.parametrize("name", list(OPERATIONS), ids=[name.replace(" ", "_") for name in OPERATIONS])
DETAILS = "gen_ai.client.inference.operation.details"
EXCEPTION = "gen_ai.client.operation.exception"


Start = Callable[..., tuple[Spans, Signals]]


@pytest.fixture
def start(start_tracing: Callable[..., Spans]) -> Start:
    def start_with(**options: Any) -> tuple[Spans, Signals]:
        signals = Signals()
        return start_tracing(meter_provider=signals.meters, logger_provider=signals.loggers, **options), signals

    return start_with


@operations
def test_its_metrics_follow_the_conventions(name: str, server: Server, start: Start) -> None:
    spans, signals = start()
    OPERATIONS[name](server)
    data = signals.metrics()
    assert list(wrong_with_metrics(data)) == []
    for span in spans.all():
        operation = attributes(span)["gen_ai.operation.name"]
        expected = {
            **dict.fromkeys(INFERENCE, "gen_ai.client.inference.duration"),
            "execute_tool": "gen_ai.execute_tool.duration",
            "invoke_agent": "gen_ai.invoke_agent.duration",
            "invoke_workflow": "gen_ai.invoke_agent.duration",
        }.get(operation, "gen_ai.client.operation.duration")
        assert expected in measured(data)
        if operation in INFERENCE:
            assert "gen_ai.client.operation.duration" not in measured(data)


@operations
def test_a_duration_is_as_long_as_its_span_and_fails_alike(name: str, server: Server, start: Start) -> None:
    spans, signals = start()
    OPERATIONS[name](server)
    data = signals.metrics()
    found = [
        (point.sum, point.attributes.get("error.type"))
        for name in measured(data)
        if name.endswith(".duration")
        for point in points(data, name)
    ]
    expected = [((span.end_time - span.start_time) / 1e9, attributes(span).get("error.type")) for span in spans.all()]
    assert sorted(seconds for seconds, _ in found) == pytest.approx(sorted(seconds for seconds, _ in expected))
    assert {error for _, error in found} == {error for _, error in expected}


needs_openai = pytest.mark.skipif("openai chat plain" not in OPERATIONS, reason="openai is not installed")
needs_anthropic = pytest.mark.skipif("anthropic count_tokens" not in OPERATIONS, reason="anthropic is not installed")


@needs_openai
def test_tokens_are_counted_once_and_split_by_modality_where_known(server: Server, start: Start) -> None:
    _, signals = start()
    OPERATIONS["openai chat plain"](server)
    data = signals.metrics()

    def counted(kind: str) -> int:
        return sum(point.value for point in points(data, f"gen_ai.client.inference.usage.{kind}"))

    assert counted("input_tokens") == 20
    assert counted("output_tokens") == 9
    assert counted("cache_read.input_tokens") == 8
    assert counted("cache_write.input_tokens") == 3
    assert counted("reasoning.output_tokens") == 4
    [histogram] = points(data, "gen_ai.client.inference.operation.input_tokens")
    assert (histogram.sum, histogram.count) == (20, 1)
    assert "gen_ai.token.modality" not in histogram.attributes


@needs_anthropic
def test_a_stream_s_pace_is_measured(server: Server, start: Start) -> None:
    _, signals = start()
    OPERATIONS["anthropic messages stream"](server)
    data = signals.metrics()
    [first] = points(data, "gen_ai.client.inference.time_to_first_chunk")
    [gaps] = points(data, "gen_ai.client.inference.time_per_output_chunk")
    assert first.count == 1
    assert gaps.count > 1


def test_an_agent_s_calls_are_counted(server: Server, start: Start) -> None:
    _, signals = start()

    @genba.tool
    def look_up() -> str:
        return "honey"

    @genba.inference(provider="acme", model="acme-1")
    def think(messages: list[str]) -> str:
        return "hm"

    with genba.agent("outer"):
        think(["a"])
        look_up()
        with genba.agent("inner"):
            think(["b"])
            think(["c"])
    data = signals.metrics()
    inferences = {
        point.attributes.get("gen_ai.agent.name"): point.sum for point in points(data, "gen_ai.invoke_agent.inference_calls")
    }
    tools = {point.attributes.get("gen_ai.agent.name"): point.sum for point in points(data, "gen_ai.invoke_agent.tool_calls")}
    assert inferences == {"outer": 1, "inner": 2}
    assert tools == {"outer": 1, "inner": 0}


@needs_openai
def test_metric_attributes_are_scalars_even_where_the_request_is_not(server: Server, start: Start) -> None:
    _, signals = start()
    from support import openai_wire
    from support.services import client
    from support.wire import json_answer

    server.serve(json_answer({**openai_wire.chat(), "model": ["a", "list"], "service_tier": {"an": "object"}}))
    client("openai", server.url).chat.completions.create(model=openai_wire.MODEL, messages=openai_wire.MESSAGES)
    for name, metric in measured(signals.metrics()).items():
        assert name in METRICS
        for point in metric.data.data_points:
            assert all(isinstance(value, (str, int, float, bool)) for value in point.attributes.values())


@operations
@pytest.mark.parametrize("content", ["event", "both"])
def test_the_details_event_says_what_the_span_says_with_structured_content(
    name: str, content: str, server: Server, start: Start
) -> None:
    spans, signals = start(capture_content=content)
    OPERATIONS[name](server)
    inferences = [span for span in spans.all() if attributes(span)["gen_ai.operation.name"] in INFERENCE]
    events = signals.events(DETAILS)
    assert len(events) == len(inferences)
    for span, event in zip(inferences, events, strict=True):
        assert event.severity_number.value == 5
        assert event.body is None
        assert event.span_id == span.get_span_context().span_id
        told = dict(event.attributes)
        on_span = attributes(span)
        for attribute in TYPES:
            if attribute in CONTENT:
                continue
            assert told.get(attribute) == on_span.get(attribute), attribute
        for attribute, check in CONTENT.items():
            if attribute in told:
                assert not isinstance(told[attribute], (str, bytes)), attribute
                assert list(check(plain(told[attribute]))) == []
            assert (attribute in on_span) <= (content == "both")
        assert "gen_ai.input.messages" in told


def plain(value: Any) -> Any:
    """Structured log attributes may come back as tuples and mappings of the SDK's own."""
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return {key: plain(item) for key, item in value.items()} if hasattr(value, "items") else value


@operations
def test_without_content_the_details_event_is_not_emitted_or_holds_none(name: str, server: Server, start: Start) -> None:
    _, signals = start(capture_content="none")
    OPERATIONS[name](server)
    for event in signals.events(DETAILS):
        assert not set(CONTENT) & set(event.attributes)


@needs_openai
@pytest.mark.parametrize("content", ["span", "none"])
def test_an_exception_is_a_log_record_without_its_words_where_content_is_off(content: str, server: Server, start: Start) -> None:
    spans, signals = start(capture_content=content)
    OPERATIONS["openai chat refused by the server"](server)
    [event] = signals.events(EXCEPTION)
    told = dict(event.attributes)
    assert event.severity_number.value == 13
    assert told["exception.type"] == "openai.BadRequestError"
    assert ("exception.message" in told) == (content == "span")
    assert ("exception.stacktrace" in told) == (content == "span")
    assert event.span_id == spans.only().get_span_context().span_id
    assert spans.only().events == ()


@needs_openai
def test_an_operation_without_a_failure_logs_no_exception(server: Server, start: Start) -> None:
    _, signals = start()
    OPERATIONS["openai chat plain"](server)
    assert signals.events(EXCEPTION) == []
