"""Every shape in which a model answers × every way in which that can end: one finished span each, and a host that notices nothing.

A test's id reads: host, service, form in which the host holds the answer, ending.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest
from opentelemetry import trace

from genba.tokens import decode_timeline
from support.clients import EVERY_SERVICE
from support.endings import STREAM_ENDINGS, Ending, play_stream, play_value
from support.hosts import HOSTS, Host
from support.services import TEXT, Service
from support.spans import Spans, attributes, failed, is_child, messages, outcome, text
from support.wire import Server

STREAMS = [
    pytest.param(host, service, form, ending, id=f"{host.name}-{service.name}-{form}-{ending.name}".replace(" ", "_"))
    for host in HOSTS
    for service in EVERY_SERVICE
    for form in service.stream_forms
    for ending in STREAM_ENDINGS
    if service.plays(host.name, ending.name)
]
VALUES = [
    pytest.param(host, service, form, ending, id=f"{host.name}-{service.name}-{form}-{ending}".replace(" ", "_"))
    for host in HOSTS
    for service in EVERY_SERVICE
    for form in service.value_forms
    for ending in ("end", "retry", "server error", "connection cut", "cancel", "left unread")
    if (ending != "left unread" or form in ("parsed", "read")) and service.plays(host.name, ending)
]
VALUE_OUTCOMES = {
    "end": "completed",
    "retry": "completed",
    "server error": "failed",
    "connection cut": "failed",
    "cancel": "cancelled",
    "left unread": "cancelled",
}


def possible_outcomes(host: Host, form: str, ending: Ending) -> tuple[str, ...]:
    """The client's own generator, collected as garbage, closes the response just as a host would: not always can that be told."""
    closed_by_itself = ending.name == "dropped" and (host.asynchronous or form in ("raw", "lines", "parsed"))
    return (ending.outcome, "cancelled") if closed_by_itself else (ending.outcome,)


@pytest.mark.parametrize(("host", "service", "form", "ending"), STREAMS)
def test_a_stream_ends_in_one_span_that_says_how(
    host: Host, service: Service, form: str, ending: Ending, server: Server, start_tracing: Callable[..., Spans]
) -> None:
    without, _ = play_stream(host, service, form, ending, server)
    spans = start_tracing()
    with spans.app.start_as_current_span("caller") as caller:
        seen, strangers = play_stream(host, service, form, ending, server)
        assert trace.get_current_span() is caller

    assert seen == without
    assert strangers == [], "only the host's own span is current between two chunks"
    span = spans.only()
    assert is_child(span, caller)
    assert (outcome(span) in possible_outcomes(host, form, ending), text(span)) == (True, ending.text), outcome(span)
    assert failed(span) == (ending.outcome == "failed")
    assert span.name == f"{service.operation} {service.model}"
    assert attributes(span)["gen_ai.request.stream"] is True


@pytest.mark.parametrize(("host", "service", "form", "ending"), VALUES)
def test_a_value_ends_in_one_span_that_says_how(
    host: Host, service: Service, form: str, ending: str, server: Server, start_tracing: Callable[..., Spans]
) -> None:
    without = play_value(host, service, form, ending, server)
    spans = start_tracing()
    with spans.app.start_as_current_span("caller") as caller:
        seen = play_value(host, service, form, ending, server)
        assert trace.get_current_span() is caller

    assert seen == without
    span = spans.only()
    assert is_child(span, caller)
    assert outcome(span) == VALUE_OUTCOMES[ending]
    assert failed(span) == (VALUE_OUTCOMES[ending] == "failed")
    assert text(span) == (TEXT if ending in ("end", "retry") else "")
    assert span.name == f"{service.operation} {service.model}"
    assert "gen_ai.request.stream" not in attributes(span)


BOTH_ENDS = [
    pytest.param(host, service, form, id=f"{host.name}-{service.name}-{form}")
    for host in HOSTS
    for service in EVERY_SERVICE
    for form in service.stream_forms
]
LEFT_MIDWAY = [ends for ends in BOTH_ENDS if ends.values[1].plays(ends.values[0].name, "close")]  # type: ignore[union-attr]
BY_NAME = {ending.name: ending for ending in STREAM_ENDINGS}


@pytest.mark.parametrize(("host", "service", "form"), BOTH_ENDS)
def test_a_stream_read_to_its_end_says_as_much_as_a_value(
    host: Host, service: Service, form: str, server: Server, spans: Spans
) -> None:
    play_stream(host, service, form, BY_NAME["end"], server)
    streamed = spans.only()
    spans.clear()
    play_value(host, service, "value", "end", server)
    whole = spans.only()

    told = attributes(streamed)
    assert told["gen_ai.response.time_to_first_chunk"] > 0
    assert told["genba.chunks.count"] > 0
    assert told["genba.response.finish_reasons"] == (service.finish,)
    assert told.get("gen_ai.usage.input_tokens") == service.input_tokens
    assert told.get("gen_ai.usage.output_tokens") == service.output_tokens
    timeline = decode_timeline(told["genba.chunks.timeline"])
    assert len(timeline.offsets_ns) == told["genba.chunks.count"]
    assert timeline.characters is None or sum(count or 0 for count in timeline.characters) == len(text(streamed))
    assert without_what_streams_have(told) == without_what_streams_have(attributes(whole))


def without_what_streams_have(told: Mapping[str, Any]) -> Mapping[str, Any]:
    own = ("gen_ai.request.stream", "gen_ai.response.time_to_first_chunk", "genba.call.sequence", "genba.usage.raw")
    return {
        name: value for name, value in told.items() if name not in own and not name.startswith(("genba.chunks.", "genba.timing."))
    }


@pytest.mark.parametrize(("host", "service", "form"), LEFT_MIDWAY)
def test_a_stream_left_midway_has_error_in_place_of_the_finish_reason_that_never_came(
    host: Host, service: Service, form: str, server: Server, spans: Spans
) -> None:
    play_stream(host, service, form, BY_NAME["close"], server)
    span = spans.only()
    assert attributes(span)["gen_ai.response.finish_reasons"] == ("error",)
    assert attributes(span).get("gen_ai.response.id") == service.whole["id"]
    assert attributes(span).get("gen_ai.response.model") == (service.served or None)
    assert len(messages(span)) == 1
