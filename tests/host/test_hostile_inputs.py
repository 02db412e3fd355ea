"""What the host passes through us may be anything: it comes out as it went in, and there is a span."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import genba
from support import openai_wire
from support.hostile import NAMED, Endless, Fatal, Hostile, values
from support.programs import run
from support.services import SERVICES, Service
from support.spans import Spans, attributes, failed, outcome
from support.wire import Answer, Server, Stream, json_answer, sse

pytestmark = pytest.mark.hostile
DECORATORS = {
    "observe": lambda: genba.observe,
    "tool": lambda: genba.tool,
    "agent": lambda: genba.agent,
    "workflow": lambda: genba.workflow,
    "retrieval": lambda: genba.retrieval,
    "embeddings": lambda: genba.embeddings,
    "inference": lambda: genba.inference(provider="acme", model="acme-1"),
}
decorators = pytest.mark.parametrize("decorator", DECORATORS.values(), ids=list(DECORATORS))
hostile = pytest.mark.parametrize("make", NAMED.values(), ids=[name.replace(" ", "_") for name in NAMED])


def readable(span: Any) -> None:
    """Everything on the span can be exported: attributes of the allowed types, JSON where JSON is promised."""
    told = attributes(span)
    for value in told.values():
        for one in value if isinstance(value, tuple) else (value,):
            assert isinstance(one, (str, int, float, bool))
            if isinstance(one, str):
                one.encode()
    for name in ("genba.input", "genba.output", "gen_ai.input.messages", "gen_ai.output.messages", "gen_ai.tool.call.arguments"):
        if name in told:
            json.loads(told[name])
    json.loads(span.to_json())


@decorators
@hostile
def test_any_argument_and_result_pass_through_untouched(make: Callable[[], Any], decorator: Callable[[], Any], spans: Spans) -> None:
    value, keyword = make(), make()

    @decorator()
    def function(given: Any, *rest: Any, word: Any = None, **more: Any) -> Any:
        assert given is value
        assert word is keyword
        return given

    assert function(value, value, word=keyword, extra=value) is value
    span = spans.only()
    assert outcome(span) == "completed"
    readable(span)


@hostile
def test_any_yielded_value_passes_through_untouched(make: Callable[[], Any], spans: Spans) -> None:
    value = make()

    @genba.observe
    def generator() -> Iterator[Any]:
        got = yield value
        assert got is value

    @genba.inference(provider="acme", model="acme-1")
    async def async_generator(messages: Any) -> AsyncIterator[Any]:
        yield value

    steps: Any = generator()
    assert next(steps) is value
    with pytest.raises(StopIteration):
        steps.send(value)

    async def read() -> None:
        async for item in async_generator(value):
            assert item is value

    asyncio.run(read())
    assert [outcome(span) for span in spans.all()] == ["completed", "completed"]
    for span in spans.all():
        readable(span)


@hostile
def test_any_value_told_by_hand_costs_at_most_itself(make: Callable[[], Any], spans: Spans) -> None:
    value = make()
    with genba.inference(provider="acme", model="acme-1") as invocation:
        invocation.request(messages=value, temperature=value)
        invocation.chunk(value)
        invocation.usage(input_tokens=value)
        invocation.response(value)
    span = spans.only()
    assert outcome(span) == "completed"
    readable(span)


@given(value=values, keyword=values)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
def test_any_combination_passes_through_untouched(spans: Spans, value: Any, keyword: Any) -> None:
    spans.clear()

    @genba.observe
    def function(given: Any, word: Any) -> Any:
        return given

    assert function(value, word=keyword) is value
    assert outcome(spans.only()) == "completed"
    readable(spans.only())


JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-(2**63), 2**63), st.floats(allow_nan=False), st.text(max_size=8)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=8), inner, max_size=3)),
    max_leaves=8,
)
FIELDS = ("id", "model", "choices", "usage", "content", "output", "stop_reason", "error", "service_tier", "status", "type", "role", "data")


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


@pytest.mark.parametrize("body", [b"", b"not json", b"[]", b"null", b'"text"', b"\xff\xfe", b'{"id":' + b"1" * 5000 + b"}", b"[" * 5000])
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


# Without the one of which the client itself never comes to an end.
FINITE = {name: make for name, make in NAMED.items() if name != "endless iterable"}


@pytest.mark.parametrize("make", FINITE.values(), ids=[name.replace(" ", "_") for name in FINITE])
def test_a_client_call_with_a_hostile_argument_does_what_it_did(
    make: Callable[[], Any], server: Server, start_tracing: Callable[..., Spans]
) -> None:
    service = SERVICES[0]

    def seen() -> Any:
        server.serve(service.answer())
        calls = service.resource(service.client(server.url, asynchronous=False))
        try:
            value = calls.create(**{**service.ask, "temperature": make(), "metadata": make()})
        except Exception as error:
            return type(error).__name__
        return type(value).__name__, [request.body for request in server.received]

    without = seen()
    start_tracing()
    assert seen() == without


def test_a_hundred_megabytes_of_text_are_shortened_and_their_length_and_hash_kept(spans: Spans) -> None:
    text = "honey " * (100_000_000 // 6)

    @genba.observe
    def weigh(text: str) -> int:
        return len(text)

    assert weigh(text) == len(text)
    told = attributes(spans.only())
    assert len(told["genba.input"]) < 10_000_000
    [shortened] = json.loads(told["genba.content.shortened"])
    assert shortened["length"] == len(text)
    assert shortened["sha256"] == hashlib.sha256(text.encode()).hexdigest()
    kept = json.loads(told["genba.input"])["text"]
    assert kept.startswith("honey ")
    assert kept.endswith("honey ")


def test_a_long_message_to_a_model_is_shortened_and_reaches_the_wire_whole(server: Server, spans: Spans) -> None:
    service = SERVICES[0]
    text = "honey " * 1_000_000
    server.serve(service.answer())
    messages = [{"role": "user", "content": text}, {"role": "user", "content": "short"}]
    name = "input" if service.name == "responses" else "messages"
    service.resource(service.client(server.url, asynchronous=False)).create(**{**service.ask, name: messages})
    assert server.received[0].json[name] == messages
    span = spans.only()
    assert len(attributes(span)["gen_ai.input.messages"]) < 3_000_000
    recorded = json.loads(attributes(span)["gen_ai.input.messages"])
    assert recorded[-1]["parts"] == [{"type": "text", "content": "short"}]
    [shortened] = json.loads(attributes(span)["genba.content.shortened"])
    assert shortened["length"] == len(text)


def test_a_small_value_that_is_endless_to_write_exhausts_neither_memory_nor_patience(tmp_path: Path) -> None:
    """Each level refers twice to the next. In a process of its own, with little memory: to fail here is to be killed."""
    program = """
import resource
import genba
from opentelemetry.sdk.trace import TracerProvider
from support.hostile import wide
resource.setrlimit(resource.RLIMIT_AS, (2**31, 2**31))
genba.init(tracer_provider=TracerProvider(), store="off")
value = wide()
print(genba.observe(lambda given: given)(value) is value)
"""
    assert run(program, folder=tmp_path).out.strip() == "True"


def test_an_iterable_argument_is_not_consumed(spans: Spans) -> None:
    endless, steps = Endless(), (number for number in range(3))

    @genba.observe
    def take(endless: Any, steps: Any) -> list[int]:
        return list(steps)

    assert take(endless, steps) == [0, 1, 2]
    assert endless.read == 0


def test_an_exception_that_cannot_describe_itself_passes_through(spans: Spans) -> None:
    class Mute(Exception):
        def __str__(self) -> str:
            raise RuntimeError("no words")

        __repr__ = __str__

    error = Mute(Hostile())

    @genba.observe
    def function() -> None:
        raise error

    with pytest.raises(Mute) as caught:
        function()
    assert caught.value is error
    assert failed(spans.only())


def test_a_base_exception_passes_through(spans: Spans) -> None:
    @genba.observe
    def function() -> None:
        raise Fatal

    with pytest.raises(Fatal):
        function()
    assert outcome(spans.only()) == "cancelled"


def test_an_argument_whose_repr_exits_the_process_does_not(spans: Spans) -> None:
    class Exits:
        def __repr__(self) -> str:
            raise SystemExit(1)

        __str__ = __repr__

    @genba.observe
    def function(value: Any) -> str:
        return "fine"

    assert function(Exits()) == "fine"
    assert outcome(spans.only()) == "completed"


def test_each_kind_of_failure_is_logged_once_and_counted(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, server: Server, spans: Spans
) -> None:
    """A broken reader stands for every mistake of ours: the span is there, without what could not be read."""
    service = SERVICES[0]
    nonsense = openai_wire.chat() if service.package == "openai" else service.whole
    server.serve(json_answer({**nonsense, "choices": [[[]]], "content": 5, "usage": []}))
    calls = service.resource(service.client(server.url, asynchronous=False))
    for _ in range(5):
        calls.with_raw_response.create(**service.ask)
    assert len(spans.all()) == 5
    for span in spans.all():
        readable(span)
    assert len([record for record in caplog.records if record.name.startswith("genba")]) <= 1
