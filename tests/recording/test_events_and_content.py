"""Where prompts and completions go: on spans, into events, both, or nowhere at all; and what an event looks like."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from opentelemetry._logs import SeverityNumber
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import SimpleLogRecordProcessor
from opentelemetry.sdk.trace import ReadableSpan

import genba
from support.spans import Spans, attributes

try:
    from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter
except ImportError:  # its name before 1.40
    from opentelemetry.sdk._logs.export import InMemoryLogExporter as InMemoryLogRecordExporter

DETAILS = "gen_ai.client.inference.operation.details"
EXCEPTION = "gen_ai.client.operation.exception"
TOOL_EXCEPTION = "gen_ai.execute_tool.exception"
SECRET = "xylophone"
Start = Callable[..., tuple[Spans, "Logs"]]


class Logs:
    """Log records in memory."""

    def __init__(self) -> None:
        self.exporter = InMemoryLogRecordExporter()
        self.provider = LoggerProvider()
        self.provider.add_log_record_processor(SimpleLogRecordProcessor(self.exporter))

    def records(self, name: str | None = None) -> list[Any]:
        assert genba.flush(timeout=5)
        found = [logged.log_record for logged in self.exporter.get_finished_logs()]
        return [record for record in found if name in (None, record.event_name)]


@pytest.fixture
def start(start_tracing: Callable[..., Spans]) -> Iterator[Start]:
    logs = Logs()
    yield lambda **options: (start_tracing(logger_provider=logs.provider, **options), logs)
    logs.provider.shutdown()


def everything() -> None:
    """Each kind of operation, with the secret wherever content can be."""

    @genba.observe
    def observed(text: str) -> str:
        return text

    @genba.tool(description=f"About the {SECRET}.")
    def tool(text: str) -> str:
        return text

    @genba.tool
    def described(text: str) -> str:
        return text

    @genba.retrieval("library")
    def retrieval(query: str) -> list[dict[str, str]]:
        return [{"id": "d-1", "content": query}]

    @genba.embeddings("acme-embed")
    def embeddings(texts: list[str]) -> list[list[float]]:
        return [[0.5] for _ in texts]

    @genba.inference(model="acme-1")
    def stream(prompt: str, tools: Any = None, system: str = "") -> Iterator[str]:
        yield from (prompt, "!")

    class Unhappy(RuntimeError):
        pass

    @genba.inference(model="acme-1")
    def failing(prompt: str) -> str:
        raise Unhappy(f"cannot say {prompt}") from ValueError(prompt)

    @genba.tool
    def failing_tool(text: str) -> str:
        raise Unhappy(f"cannot say {text}")

    @genba.observe
    def failing_step(text: str) -> str:
        raise Unhappy(f"cannot say {text}")

    described.__doc__ = f"About the {SECRET}."
    with genba.agent("planner"), genba.workflow("steps"):
        observed(SECRET)
        tool(SECRET)
        described(SECRET)
        retrieval(SECRET)
        embeddings([SECRET])
        list(stream(SECRET, [{"type": "function", "name": "t", "description": SECRET}], SECRET))
    for function in (failing, failing_tool, failing_step):
        with pytest.raises(Unhappy):
            function(SECRET)
    with genba.inference("acme-1") as invocation:
        invocation.request(messages=SECRET, system=SECRET)
        invocation.chunk(SECRET)
        invocation.response({"text": SECRET, "finish_reason": "stop"})
        invocation.answered_badly("server_error", f"cannot say {SECRET}")
    with genba.inference("acme-1") as invocation:
        invocation.fail(Unhappy(SECRET))


def written(span: ReadableSpan) -> str:
    """Everything of a span that leaves the process."""
    return repr(
        (dict(span.attributes or {}), span.status.description, [(e.name, dict(e.attributes or {})) for e in span.events], span.name)
    )


def test_without_content_nothing_of_it_is_anywhere(start: Start, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    spans, logs = start(capture_content="none")
    everything()
    for span in spans.all():
        assert SECRET not in written(span), span.name
    for record in logs.records():
        assert SECRET not in repr((record.attributes, record.body)), record.event_name
    assert SECRET not in caplog.text
    assert len(spans.all()) == 13


def test_without_content_and_without_events_nothing_of_it_is_anywhere(start_tracing: Callable[..., Spans]) -> None:
    spans = start_tracing(capture_content="none")
    everything()
    failed = [span for span in spans.all() if "error.type" in attributes(span)]
    assert len(failed) == 5
    for span in spans.all():
        assert SECRET not in written(span), span.name


def test_without_content_the_facts_stay(start: Start) -> None:
    spans, logs = start(capture_content="none")

    def failing() -> None:
        with genba.inference(provider="acme", model="acme-1") as invocation:
            invocation.request(messages="Why?", temperature=0.5)
            invocation.usage(input_tokens=3)
            raise ZeroDivisionError("words")

    with pytest.raises(ZeroDivisionError):
        failing()
    span = spans.only()
    told = attributes(span)
    assert told["gen_ai.request.temperature"] == 0.5
    assert told["gen_ai.usage.input_tokens"] == 3
    assert told["error.type"] == "ZeroDivisionError"
    assert span.status.description == "ZeroDivisionError"
    (event,) = logs.records(EXCEPTION)
    assert dict(event.attributes) == {"exception.type": "ZeroDivisionError"}
    assert logs.records(DETAILS) == []


@pytest.mark.parametrize(
    ("content", "on_span", "in_event"), [("span", True, None), ("event", False, True), ("both", True, True), ("none", False, None)]
)
def test_content_is_where_it_was_asked_for(content: str, on_span: bool, in_event: bool | None, start: Start) -> None:
    spans, logs = start(capture_content=content)
    with genba.inference(provider="acme", model="acme-1") as invocation:
        invocation.request(messages="Why?", system="Be brief.")
        invocation.response("Because.")
    told = attributes(spans.only())
    names = {"gen_ai.input.messages", "gen_ai.output.messages", "gen_ai.system_instructions"}
    assert (names <= set(told)) == on_span
    assert bool(names & set(told)) == on_span
    events = logs.records(DETAILS)
    assert len(events) == (0 if in_event is None else 1)
    for event in events:
        assert [message["parts"][0]["content"] for message in event.attributes["gen_ai.output.messages"]] == ["Because."]
        assert event.attributes["gen_ai.input.messages"][0]["role"] == "user"
        assert event.attributes["gen_ai.system_instructions"][0] == {"type": "text", "content": "Be brief."}


def test_only_on_the_span_means_not_in_the_event(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_INSTRUMENTATION_GENAI_EMIT_EVENT", "true")
    spans, logs = start(capture_content="span")
    with genba.inference("acme-1") as invocation:
        invocation.request(messages=SECRET)
        invocation.response(SECRET)
    (event,) = logs.records(DETAILS)
    assert SECRET not in repr(event.attributes)
    assert event.attributes["gen_ai.operation.name"] == "chat"
    assert SECRET in written(spans.only())


def test_the_details_event_belongs_to_its_span(start: Start) -> None:
    spans, logs = start(capture_content="event")
    with genba.inference(provider="acme", model="acme-1") as invocation:
        invocation.response("Because.")
    (event,) = logs.records()
    context = spans.only().get_span_context()
    assert context is not None
    assert (event.trace_id, event.span_id) == (context.trace_id, context.span_id)
    assert event.event_name == DETAILS
    assert event.severity_number is SeverityNumber.DEBUG
    assert event.severity_text == "DEBUG"
    assert event.timestamp == spans.only().end_time


def test_only_inference_has_a_details_event(start: Start) -> None:
    _, logs = start(capture_content="event")
    for block in (
        genba.observe("a"),
        genba.tool("t"),
        genba.agent("p"),
        genba.workflow("w"),
        genba.retrieval("r"),
        genba.embeddings("e"),
    ):
        with block:
            pass
    assert logs.records() == []


@pytest.mark.parametrize(
    ("block", "name"),
    [(genba.inference("m"), EXCEPTION), (genba.tool("t"), TOOL_EXCEPTION), (genba.agent("a"), EXCEPTION)],
    ids=["inference", "tool", "agent"],
)
def test_a_failure_is_an_event_with_its_words_and_stack(block: Any, name: str, start: Start) -> None:
    spans, logs = start()
    with pytest.raises(ZeroDivisionError), block:
        raise ZeroDivisionError("by nothing")
    (event,) = logs.records()
    assert event.event_name == name
    assert event.severity_number is SeverityNumber.WARN
    assert event.attributes["exception.type"] == "ZeroDivisionError"
    assert event.attributes["exception.message"] == "by nothing"
    assert "test_events_and_content" in event.attributes["exception.stacktrace"]
    assert spans.only().events == ()


def test_where_nobody_takes_events_the_stack_is_on_the_span(spans: Spans) -> None:
    with pytest.raises(ZeroDivisionError), genba.tool("t"):
        raise ZeroDivisionError("by nothing")
    (event,) = spans.only().events
    assert event.name == "exception"
    assert (event.attributes or {})["exception.message"] == "by nothing"


def test_a_cancelled_call_is_no_failure(start: Start) -> None:
    spans, logs = start()
    with pytest.raises(GeneratorExit), genba.inference("m"):
        raise GeneratorExit
    assert logs.records() == []
    assert spans.only().status.is_unset


def test_an_error_that_cannot_say_what_it_is_still_ends_the_span(start: Start) -> None:
    class Mute(Exception):
        def __str__(self) -> str:
            raise RuntimeError

    spans, logs = start()
    with pytest.raises(Mute), genba.inference("m"):
        raise Mute
    assert spans.only().status.description == "Mute"
    (event,) = logs.records(EXCEPTION)
    assert event.attributes["exception.message"] == ""


def test_long_words_of_an_error_are_shortened(spans: Spans) -> None:
    with pytest.raises(ValueError, match="aaa"), genba.tool("t"):
        raise ValueError("a" * 100_000)
    assert len(spans.only().status.description or "") < 1100
    assert json.dumps(written(spans.only()))
