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

import genba
from support import openai_wire
from support.hostile import NAMED, Endless, Fatal, Hostile, values
from support.programs import run
from support.services import SERVICES
from support.spans import Spans, attributes, failed, outcome, readable
from support.wire import Server, json_answer

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
with_a_client = pytest.mark.skipif(not SERVICES, reason="no client is installed")
hostile = pytest.mark.parametrize("make", NAMED.values(), ids=[name.replace(" ", "_") for name in NAMED])


@decorators
@hostile
def test_any_argument_and_result_pass_through_untouched(
    make: Callable[[], Any], decorator: Callable[[], Any], spans: Spans
) -> None:
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


# Without the one of which the client itself never comes to an end.
FINITE = {name: make for name, make in NAMED.items() if name != "endless iterable"}


@with_a_client
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


@with_a_client
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


@with_a_client
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
