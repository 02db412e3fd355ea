"""Libraries with spans of their own: each span that they start becomes one of ours, and what they do with it still works."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.trace import SpanKind, Status, StatusCode

import genba
from genba.conversation import Response, parts
from genba.frameworks.native import Hidden, Taken, Taking
from genba.recording.reported import Reported
from support.spans import Spans, attributes, outcome, text, tree


def take(name: str, attributes: Mapping[str, Any]) -> Taken | None:
    if name == "noise":
        return Hidden
    operation = attributes.get("gen_ai.operation.name")
    return Taken(operation=operation, name=name, kind=SpanKind.CLIENT if operation == "chat" else SpanKind.INTERNAL)


def tell(told: Mapping[str, Any], reported: Reported) -> None:
    reported.attributes["demo.said"] = str(told.get("said"))
    answer = told.get("answer")
    if answer:
        reported.read_response = lambda: Response(messages=[parts.message("assistant", [parts.text(answer)])])


@pytest.fixture
def tracer(spans: Spans) -> trace.Tracer:
    return Taking("demo", take, tell)


CHAT = {"gen_ai.operation.name": "chat"}
AGENT = {"gen_ai.operation.name": "invoke_agent"}
TOOL = {"gen_ai.operation.name": "execute_tool"}


def test_its_spans_are_ours_with_what_it_said(tracer: trace.Tracer, spans: Spans) -> None:
    with tracer.start_as_current_span("chat m", attributes=CHAT) as span:
        assert trace.get_current_span() is span
        assert span.is_recording()
        span.set_attribute("said", 7)
        span.set_attributes({"answer": "Hello"})
    told = spans.only()
    assert (told.name, outcome(told), text(told)) == ("chat m", "completed", "Hello")
    assert attributes(told)["demo.said"] == "7"
    assert told.kind is SpanKind.CLIENT
    assert not span.is_recording()


@pytest.mark.parametrize("way", ["own", "use_span", "by hand"])
def test_a_model_call_below_its_span_adds_to_it_however_it_makes_it_current(way: str, tracer: trace.Tracer, spans: Spans) -> None:
    def call() -> None:
        with genba.inference("m", provider="demo") as invocation:
            invocation.response("Hello from the wire")

    if way == "own":
        with tracer.start_as_current_span("chat m", attributes=CHAT):
            call()
    elif way == "use_span":
        with trace.use_span(tracer.start_span("chat m", attributes=CHAT), end_on_exit=True):
            call()
    else:
        from opentelemetry.context import attach, detach

        span = tracer.start_span("chat m", attributes=CHAT)
        token = attach(trace.set_span_in_context(span))
        call()
        detach(token)
        span.end()
    assert text(spans.only()) == "Hello from the wire"


def test_its_tree_keeps_its_shape_and_noise_has_no_span(tracer: trace.Tracer, spans: Spans) -> None:
    with (
        spans.app.start_as_current_span("caller"),
        tracer.start_as_current_span("agent", attributes=AGENT),
        tracer.start_as_current_span("noise"),
        tracer.start_as_current_span("tool", attributes=TOOL),
        spans.app.start_as_current_span("of the host"),
        genba.inference("m", provider="demo"),
    ):
        pass
    assert tree(spans) == ["caller", "  agent", "    tool", "      of the host", "        chat m"]


def test_an_error_that_leaves_its_span_fails_it(tracer: trace.Tracer, spans: Spans) -> None:
    with pytest.raises(ValueError, match="no"), tracer.start_as_current_span("chat m", attributes=CHAT):
        raise ValueError("no")
    assert (outcome(spans.only()), attributes(spans.only())["error.type"]) == ("failed", "ValueError")


def test_a_status_that_it_sets_fails_the_span(tracer: trace.Tracer, spans: Spans) -> None:
    span = tracer.start_span("chat m", attributes=CHAT)
    span.set_status(Status(StatusCode.ERROR, "no"))
    span.set_attribute("error.type", "demo_error")
    span.end()
    span.end()
    assert (outcome(spans.only()), attributes(spans.only())["error.type"]) == ("failed", "demo_error")
    assert spans.only().status.description == "no"


def test_its_tracer_also_decorates_functions(tracer: trace.Tracer, spans: Spans) -> None:
    @tracer.start_as_current_span("tool", attributes=TOOL)
    def look() -> int:
        return 7

    assert (look(), look()) == (7, 7)
    assert [span.name for span in spans.all()] == ["tool", "tool"]


def test_while_genba_is_off_it_has_a_span_that_records_nothing(tracer: trace.Tracer, spans: Spans) -> None:
    genba.uninstrument()
    with spans.app.start_as_current_span("caller") as caller, tracer.start_as_current_span("chat m", attributes=CHAT) as span:
        assert not span.is_recording()
        assert span.get_span_context() == caller.get_span_context()
    assert spans.all() == []


def test_a_conversation_around_it_is_on_its_spans(tracer: trace.Tracer, spans: Spans) -> None:
    with genba.conversation(id="c-1"), tracer.start_as_current_span("agent", attributes=AGENT):
        pass
    assert attributes(spans.only())["gen_ai.conversation.id"] == "c-1"
