"""What a server sends may be anything: the host gets it as it came, and there is a span."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from support.services import SERVICES, Service
from support.spans import Spans, readable
from support.wire import Answer, Server, Stream, json_answer, sse

pytestmark = pytest.mark.hostile
JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-(2**63), 2**63), st.floats(allow_nan=False), st.text(max_size=8)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=8), inner, max_size=3)),
    max_leaves=8,
)
FIELDS = (
    "id",
    "model",
    "choices",
    "usage",
    "content",
    "output",
    "stop_reason",
    "error",
    "service_tier",
    "status",
    "type",
    "role",
    "data",
)


@pytest.mark.parametrize("service", SERVICES, ids=lambda service: service.name)
@given(change=st.dictionaries(st.sampled_from(FIELDS), JSON, min_size=1, max_size=3))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
def test_an_answer_of_any_shape_is_one_span_and_the_same_to_the_host(
    session_server: Server, spans: Spans, service: Service, change: dict[str, Any]
) -> None:
    spans.clear()
    session_server.serve(json_answer({**service.whole, **change}))
    caller = service.client(session_server.url, asynchronous=False)
    calls = service.resource(caller)
    raw = calls.with_raw_response.create(**service.ask)
    assert json.loads(raw.http_response.content) == {**service.whole, **change}
    caller.close()
    readable(spans.only())


@pytest.mark.parametrize("service", SERVICES, ids=lambda service: service.name)
@given(events=st.lists(st.one_of(JSON, st.integers(0, 6)), max_size=6))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
def test_a_stream_of_any_events_is_one_span_and_the_same_to_the_host(
    session_server: Server, spans: Spans, service: Service, events: list[Any]
) -> None:
    """Real events, by number, mixed with nonsense."""
    spans.clear()
    known = list(service.events)
    wire = [known[event % len(known)] if isinstance(event, int) else sse(event, "message_delta") for event in events]
    session_server.serve(Stream(wire))
    caller = service.client(session_server.url, asynchronous=False)
    with service.resource(caller).with_streaming_response.create(**service.ask, stream=True) as response:
        assert b"".join(response.iter_bytes()) == b"".join(wire)
    caller.close()
    readable(spans.only())


@pytest.mark.parametrize(
    "body", [b"", b"not json", b"[]", b"null", b'"text"', b"\xff\xfe", b'{"id":' + b"1" * 5000 + b"}", b"[" * 5000]
)
@pytest.mark.parametrize("service", SERVICES, ids=lambda service: service.name)
def test_an_answer_that_is_no_answer_reaches_the_host_as_it_is(
    service: Service, body: bytes, server: Server, start_tracing: Callable[..., Spans]
) -> None:
    def seen() -> Any:
        server.serve(Answer(body))
        calls = service.resource(service.client(server.url, asynchronous=False))
        try:
            value = calls.create(**service.ask)
        except Exception as error:
            return type(error), str(error)
        return type(value), repr(value)

    without = seen()
    spans = start_tracing()
    assert seen() == without
    readable(spans.only())
