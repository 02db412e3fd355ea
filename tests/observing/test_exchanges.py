"""What a library has below its methods: the exchange itself, managers that are entered, answers a line at a time."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import json
import sys
import types
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from opentelemetry import trace

from genba import semconv
from genba.conversation import Request, Response, parts
from genba.observing import exchanges, methods, ndjson, patching
from genba.observing.endpoint import Endpoint
from genba.observing.exchanges import Exchange
from genba.observing.methods import Method, Sent
from support.spans import Spans, messages, outcome, text


def _asked(body: Any) -> Request:
    return Request(messages=[parts.message("user", [parts.text(str(body["question"]))])])


def _said(body: Any) -> Response:
    return Response(messages=[parts.message("assistant", [parts.text(body["text"])])])


ENDPOINT = Endpoint(
    operation="chat",
    provider="demo",
    request=_asked,
    response=_said,
    fold=lambda events: {"text": "".join(event["text"] for event in events)},
)


class Client:
    """A library whose methods are near to the wire, with the wire below."""

    def chat(self, question: str) -> str:
        return str(json.loads(self.post(json.dumps({"question": question, "extra": 1}).encode()))["text"])

    async def chat_async(self, question: str) -> str:
        answer = await self.post_async(json.dumps({"question": question, "extra": 1}).encode())
        return str(json.loads(answer)["text"])

    def post(self, body: bytes) -> bytes:
        if b"boom" in body:
            raise ValueError("boom")
        return b'{"text": "on the wire"}'

    async def post_async(self, body: bytes) -> bytes:
        await asyncio.sleep(0)
        return self.post(body)

    def insist(self, question: str) -> dict[str, str]:
        self.payload(question)
        attempt = 0
        while self.waits(attempt) is not None:
            attempt += 1
        return {"text": "at last"}

    @staticmethod
    def payload(question: str) -> dict[str, str]:
        return {"question": f"made of {question}"}

    def waits(self, attempt: int) -> float | None:
        return 0.0 if attempt < 2 else None

    @contextlib.contextmanager
    def entered(self, question: str) -> Iterator[Any]:
        self.current = trace.get_current_span()
        if question == "boom":
            raise ValueError("boom")
        yield iter([{"text": "Hel"}, {"text": "lo"}])

    @contextlib.asynccontextmanager
    async def entered_async(self, question: str) -> AsyncIterator[Any]:
        async def pieces() -> AsyncIterator[Any]:
            for piece in ("Hel", "lo"):
                yield {"text": piece}

        yield pieces()


@pytest.fixture
def client(spans: Spans) -> Iterator[Any]:
    module: Any = types.ModuleType("demo_wire")
    module.Client = type("Client", (Client,), dict(vars(Client)))
    sys.modules["demo_wire"] = module

    def sent(arguments: Any) -> Sent:
        return Sent(endpoint=ENDPOINT, body={"question": f"about {arguments.get('question')}"}, model="demo-1")

    found = [
        Method(where=f"demo_wire:Client.{name}", sent=sent, is_entered=name.startswith("entered"))
        for name in ("chat", "chat_async", "insist", "entered", "entered_async")
    ]
    listened = [
        Exchange(
            where=f"demo_wire:Client.{name}",
            sent=lambda arguments: arguments.get("body"),
            received=lambda _, result: result,
        )
        for name in ("post", "post_async")
    ]
    listened.append(Exchange(where="demo_wire:Client.payload", makes=lambda payload: payload))
    listened.append(
        Exchange(where="demo_wire:Client.waits", retried=lambda _: types.SimpleNamespace(status_code=503), decides=True)
    )
    originals = dict(vars(module.Client))
    for patch in [*methods.patches("demo", found), *exchanges.patches("demo", listened)]:
        patching.apply(patch)
    yield module.Client()
    patching.remove_all()
    assert dict(vars(module.Client)) == originals
    del sys.modules["demo_wire"]


def test_what_passed_below_replaces_what_the_method_was_given(client: Any, spans: Spans) -> None:
    assert client.chat("bees") == "on the wire"
    assert (text(spans.only(), "input"), text(spans.only())) == ("bees", "on the wire")


async def test_it_does_so_for_coroutines(client: Any, spans: Spans) -> None:
    assert inspect.iscoroutinefunction(client.post_async)
    assert await client.chat_async("bees") == "on the wire"
    assert (text(spans.only(), "input"), text(spans.only())) == ("bees", "on the wire")


def test_a_request_that_failed_below_is_still_what_was_sent(client: Any, spans: Spans) -> None:
    with pytest.raises(ValueError, match="boom"):
        client.chat("boom")
    assert (text(spans.only(), "input"), outcome(spans.only())) == ("boom", "failed")


def test_what_makes_the_request_says_what_is_sent_and_stays_a_static_method(client: Any, spans: Spans) -> None:
    assert isinstance(vars(type(client))["payload"], staticmethod)
    client.insist("bees")
    assert text(spans.only(), "input") == "made of bees"


def test_what_decides_on_a_retry_tells_of_those_that_it_wants(client: Any, spans: Spans) -> None:
    client.insist("bees")
    retries = [dict(event.attributes or {}) for event in spans.only().events if event.name == semconv.RETRY_EVENT]
    assert retries == [{semconv.RETRY_ATTEMPT: attempt, "http.response.status_code": 503} for attempt in (1, 2)]


def test_where_no_call_is_at_work_it_says_nothing(client: Any, spans: Spans) -> None:
    assert client.post(b"{}") == b'{"text": "on the wire"}'
    assert spans.all() == []


def test_a_manager_begins_its_call_when_it_is_entered(client: Any, spans: Spans) -> None:
    manager = client.entered("bees")
    assert isinstance(manager, contextlib.AbstractContextManager)
    assert spans.all() == []
    with manager as items:
        assert trace.get_current_span() is trace.INVALID_SPAN
        assert [item["text"] for item in items] == ["Hel", "lo"]
    assert client.current.get_span_context() == spans.only().get_span_context()
    assert (text(spans.only()), outcome(spans.only())) == ("Hello", "completed")


def test_a_manager_left_midway_ends_its_call(client: Any, spans: Spans) -> None:
    with client.entered("bees") as items:
        next(items)
    assert (text(spans.only()), outcome(spans.only())) == ("Hel", "cancelled")


def test_a_manager_that_cannot_be_entered_has_failed(client: Any, spans: Spans) -> None:
    with pytest.raises(ValueError, match="boom"), client.entered("boom"):
        pass
    assert outcome(spans.only()) == "failed"


async def test_an_asynchronous_manager_does_the_same(client: Any, spans: Spans) -> None:
    async with client.entered_async("bees") as items:
        assert [item["text"] async for item in items] == ["Hel", "lo"]
    assert (text(spans.only()), outcome(spans.only())) == ("Hello", "completed")
    assert messages(spans.only(), "input")[0]["parts"][0]["content"] == "about bees"


@pytest.mark.parametrize("size", [1, 3, 100])
def test_lines_are_whole_however_they_come_apart(size: int) -> None:
    sent = b'{"a": 1}\n\nno json\r\n{"a": "\\u00e9"}\r\n{"a": 3}'
    pieces = [sent[start : start + size] for start in range(0, len(sent), size)]
    assert [event for _, event, _ in ndjson.events(pieces, range(len(pieces)))] == [{"a": 1}, {"a": "é"}, {"a": 3}]


def test_a_line_that_was_cut_off_is_left_out() -> None:
    assert list(ndjson.events([b'{"a": 1}\n{"a"'], [7])) == [(7, {"a": 1}, 8)]
