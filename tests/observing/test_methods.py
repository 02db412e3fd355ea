"""A library's own methods, declared: whatever shape their result has, each use is one call, and the host gets what it would have got."""

from __future__ import annotations

import asyncio
import gc
import inspect
import pickle
import sys
import types
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest
from opentelemetry import trace

from genba.conversation import Response, parts
from genba.observing import patching
from genba.observing.endpoint import Endpoint
from genba.observing.methods import Arguments, Held, Method, Sent, patches
from support.spans import Spans, attributes, failed, is_child, outcome, text

PIECES = ["Hel", "lo ", "you"]


def _said(body: Any) -> Response:
    return Response(messages=[parts.message("assistant", [parts.text(body["text"])])], model="demo-2")


ENDPOINT = Endpoint(
    operation="chat",
    provider="demo",
    response=_said,
    fold=lambda events: {"text": "".join(event["text"] for event in events)},
    failed=lambda body: ("demo_error", "sorry") if body.get("failed") else None,
)


class Stream:
    """A stream object with its iterator inside."""

    def __init__(self, items: Any) -> None:
        self.items = items

    def __iter__(self) -> Stream:
        return self

    def __next__(self) -> Any:
        return next(self.items)


class Client:
    """What a library might look like."""

    def chat(self, question: str, *, model: str = "demo-1") -> Any:
        if question == "boom":
            raise ValueError(question)
        return {"text": f"{question}?"}

    async def chat_async(self, question: str, *, model: str = "demo-1") -> Any:
        await asyncio.sleep(0)
        return self.chat(question, model=model)

    def chat_later(self, question: str, *, model: str = "demo-1") -> Any:
        return self.chat_async(question, model=model)

    def generator(self, question: str, *, model: str = "demo-1") -> Iterator[Any]:
        for piece in PIECES:
            self.current = trace.get_current_span()
            got = yield {"text": piece}
            self.got = got
        if question == "boom":
            raise ValueError(question)

    async def async_generator(self, question: str, *, model: str = "demo-1") -> AsyncIterator[Any]:
        for piece in PIECES:
            await asyncio.sleep(0)
            yield {"text": piece}
        if question == "boom":
            raise ValueError(question)

    def given_generator(self, question: str, *, model: str = "demo-1") -> Any:
        return self.generator(question, model=model)

    def stream(self, question: str, *, model: str = "demo-1") -> Stream:
        return Stream(Client.generator(self, question, model=model))

    @staticmethod
    def static(question: str, model: str = "demo-1") -> Any:
        return {"text": question, "model": model}


NAMES = [name for name in vars(Client) if name[0] != "_"]


def sent(arguments: Arguments) -> Sent | None:
    if arguments.get("question") == "not ours":
        return None
    return Sent(
        endpoint=ENDPOINT,
        body={"question": arguments.get("question")},
        model=arguments.get("model") or "demo-1",
        address="here",
        port=8,
    )


@pytest.fixture
def client(spans: Spans) -> Iterator[Any]:
    """The library's client, traced."""
    module: Any = types.ModuleType("demo_library")
    module.Client = type("Client", (Client,), dict(vars(Client)))
    sys.modules["demo_library"] = module
    methods = [
        Method(
            where=f"demo_library:Client.{name}",
            sent=sent,
            holds=(lambda stream: Held(holder=stream, attribute="items")) if name == "stream" else None,
        )
        for name in NAMES
    ]
    originals = {name: vars(module.Client)[name] for name in NAMES}
    for patch in patches("demo", methods):
        patching.apply(patch)
    yield module.Client()
    patching.remove_all()
    assert {name: vars(module.Client)[name] for name in NAMES} == originals
    del sys.modules["demo_library"]


async def _listed(items: Any) -> list[Any]:
    return [item async for item in items]


def play(client: Any, name: str, question: str = "Hi") -> Any:
    """Call a method and take all that it gives."""
    result = getattr(client, name)(question)
    if inspect.iscoroutine(result):
        return asyncio.run(result)
    if hasattr(result, "__anext__"):
        return asyncio.run(_listed(result))
    return list(result) if hasattr(result, "__next__") else result


@pytest.mark.parametrize("name", NAMES)
def test_the_host_gets_what_it_would_have_got_and_one_span_tells_it(name: str, client: Any, spans: Spans) -> None:
    with spans.app.start_as_current_span("caller") as caller:
        seen = play(client, name)
        assert trace.get_current_span() is caller
    assert seen == play(Client(), name)
    span = spans.only()
    assert is_child(span, caller)
    assert (span.name, outcome(span), failed(span)) == ("chat demo-1", "completed", False)
    assert text(span) == (seen["text"] if isinstance(seen, dict) else "Hello you")
    told = attributes(span)
    assert (told["gen_ai.provider.name"], told["server.address"], told["server.port"]) == ("demo", "here", 8)
    assert told.get("genba.chunks.count") == (None if isinstance(seen, dict) else 3)


@pytest.mark.parametrize("name", [name for name in NAMES if name != "static"])
def test_an_error_reaches_the_host_and_fails_the_span(name: str, client: Any, spans: Spans) -> None:
    with pytest.raises(ValueError, match="boom"):
        play(client, name, "boom")
    assert outcome(spans.only()) == "failed"
    assert attributes(spans.only())["error.type"] == "ValueError"


@pytest.mark.parametrize("name", NAMES)
def test_what_is_none_of_ours_leaves_no_span(name: str, client: Any, spans: Spans) -> None:
    assert play(client, name, "not ours") == play(Client(), name, "not ours")
    assert spans.all() == []


@pytest.mark.parametrize("name", NAMES)
def test_a_method_keeps_its_kind_and_signature(name: str, client: Any) -> None:
    ours, theirs = getattr(client, name), getattr(Client(), name)
    assert inspect.signature(ours) == inspect.signature(theirs)
    assert inspect.iscoroutinefunction(ours) == inspect.iscoroutinefunction(theirs)


@pytest.mark.parametrize("name", ["generator", "given_generator"])
def test_a_generator_still_passes_for_one(name: str, client: Any, spans: Spans) -> None:
    steps = getattr(client, name)("Hi")
    assert inspect.isgenerator(steps)
    assert next(steps) == {"text": "Hel"}
    assert steps.send("on") == {"text": "lo "}
    assert client.got == "on"
    steps.close()
    assert list(steps) == []
    assert outcome(spans.only()) == "cancelled"


def test_an_async_generator_still_passes_for_one(client: Any, spans: Spans) -> None:
    async def scenario() -> None:
        steps = client.async_generator("Hi")
        assert inspect.isasyncgen(steps)
        assert await steps.__anext__() == {"text": "Hel"}
        assert await steps.asend("on") == {"text": "lo "}
        await steps.aclose()
        assert [item async for item in steps] == []

    asyncio.run(scenario())
    assert outcome(spans.only()) == "cancelled"
    assert attributes(spans.only())["genba.chunks.count"] == 2


@pytest.mark.parametrize("name", ["generator", "async_generator"])
def test_a_generator_that_is_never_read_has_called_nobody(name: str, client: Any, spans: Spans) -> None:
    getattr(client, name)("Hi")
    gc.collect()
    assert spans.all() == []


@pytest.mark.parametrize("name", ["generator", "given_generator", "stream"])
def test_a_stream_that_is_dropped_keeps_what_arrived(name: str, client: Any, spans: Spans) -> None:
    steps = getattr(client, name)("Hi")
    next(steps)
    del steps
    gc.collect()
    assert (outcome(spans.only()), text(spans.only())) == ("abandoned", "Hel")


@pytest.mark.parametrize("name", ["generator", "given_generator"])
def test_an_error_thrown_into_a_generator_is_the_hosts_own(name: str, client: Any, spans: Spans) -> None:
    steps = getattr(client, name)("Hi")
    next(steps)
    with pytest.raises(KeyError):
        steps.throw(KeyError("mine"))
    assert outcome(spans.only()) == "cancelled"


def test_while_a_generator_works_its_span_is_current_and_between_its_items_it_is_not(client: Any, spans: Spans) -> None:
    for _ in client.generator("Hi"):
        assert trace.get_current_span() is trace.INVALID_SPAN
        assert client.current is not trace.INVALID_SPAN


def test_a_chunk_that_the_host_changes_was_seen_before(client: Any, spans: Spans) -> None:
    for chunk in client.generator("Hi"):
        chunk["text"] = "changed"
    assert text(spans.only()) == "Hello you"


def test_a_client_can_still_be_pickled(client: Any) -> None:
    assert pickle.loads(pickle.dumps(Client())).chat("Hi") == {"text": "Hi?"}


@pytest.mark.hostile
def test_a_reader_that_breaks_costs_the_trace_and_not_the_call(client: Any, spans: Spans, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Arguments, "get", lambda *_: 1 / 0)
    assert client.chat("Hi") == {"text": "Hi?"}
    assert list(client.generator("Hi")) == [{"text": piece} for piece in PIECES]
    assert spans.all() == []


def test_nothing_is_begun_once_genba_is_off(client: Any, start_tracing: Callable[..., Spans]) -> None:
    import genba

    held = client.chat
    genba.uninstrument()
    assert held("Hi") == {"text": "Hi?"}
