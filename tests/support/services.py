"""The model services that the tests call, each behind the same few names, so that one test can be true of all of them."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

from support import anthropic_wire, openai_wire
from support.wire import Answer, Stream, json_answer, sse

ARRIVED = 3
"""How many pieces of the answer come before a stream breaks off, in tests where it does."""
MARKER = openai_wire.ANSWER[ARRIVED - 1]
"""The last piece that came."""
TEXT = "".join(openai_wire.ANSWER)
TEXT_ARRIVED = "".join(openai_wire.ANSWER[:ARRIVED])


@dataclass(frozen=True)
class Service:
    """A way to talk to a model: which client, which method, and what the wire carries."""

    name: str
    package: str
    model: str
    served: str
    resource: Callable[[Any], Any]
    ask: Mapping[str, Any]
    """Keyword arguments of `create` and `stream`."""
    whole: Mapping[str, Any]
    events: Sequence[bytes]
    events_arrived: Sequence[bytes]
    error_event: bytes
    error: Mapping[str, Any]
    finish: str
    """The provider's own word for the normal end."""
    output_tokens: int
    input_tokens: int

    def answer(self) -> Answer:
        return json_answer(self.whole)

    def stream(self, **more: Any) -> Stream:
        return Stream(self.events, **more)

    def broken_stream(self, **more: Any) -> Stream:
        """A stream that goes no further than `MARKER`."""
        return Stream(self.events_arrived, **more)

    def broken_stream_then(self, *events: bytes, **more: Any) -> Stream:
        """A stream in which something other than the next piece follows `MARKER`."""
        return Stream([*self.events_arrived, *events], **more)

    def client(self, url: str, *, asynchronous: bool, transport: Callable[[Any], Any] | None = None, **options: Any) -> Any:
        """The real client. `transport` may wrap the HTTP transport."""
        return client(self.package, url, asynchronous=asynchronous, transport=transport, **options)


def client(
    package: str, url: str, *, asynchronous: bool = False, transport: Callable[[Any], Any] | None = None, **options: Any
) -> Any:
    """A real client of a generated package, made cheaply: no certificates read, no proxy looked for."""
    module = importlib.import_module(package)
    kind = {"openai": "OpenAI", "anthropic": "Anthropic", "groq": "Groq"}[package]
    http_kind = getattr(module, "DefaultAsyncHttpxClient" if asynchronous else "DefaultHttpxClient")
    settings: dict[str, Any] = {"trust_env": False, "verify": False}
    if transport:
        settings["transport"] = transport(http_module(package))
    base = {"openai": f"{url}/v1", "anthropic": url, "groq": url}[package]
    maker = getattr(module, f"Async{kind}" if asynchronous else kind)
    return maker(base_url=base, api_key="key-for-tests", http_client=http_kind(**settings), **{"max_retries": 0, **options})


def http_module(package: str) -> Any:
    """The HTTP library that the installed client stands on: `httpx`, or `httpx2` for the newer ones."""
    base = importlib.import_module(package).DefaultHttpxClient.__mro__[1]
    return importlib.import_module(base.__module__.partition(".")[0])


CHAT = Service(
    name="chat",
    package="openai",
    model=openai_wire.MODEL,
    served=openai_wire.SERVED,
    resource=lambda client: client.chat.completions,
    ask={"model": openai_wire.MODEL, "messages": openai_wire.MESSAGES},
    whole=openai_wire.chat(),
    events=openai_wire.chunks_stream(openai_wire.chat_chunks(usage=True)).events,
    events_arrived=[sse(chunk) for chunk in openai_wire.chat_pieces(openai_wire.ANSWER[:ARRIVED])],
    error_event=sse(openai_wire.error()),
    error=openai_wire.error(),
    finish="stop",
    input_tokens=20,
    output_tokens=9,
)
RESPONSES = Service(
    name="responses",
    package="openai",
    model=openai_wire.MODEL,
    served=openai_wire.SERVED,
    resource=lambda client: client.responses,
    ask={"model": openai_wire.MODEL, "input": openai_wire.QUESTION, "instructions": "Answer in one line."},
    whole=openai_wire.response(),
    events=openai_wire.events_stream(openai_wire.response_events()).events,
    events_arrived=openai_wire.events_stream(openai_wire.response_pieces(openai_wire.ANSWER[:ARRIVED])).events,
    error_event=sse(openai_wire.error(), "error"),
    error=openai_wire.error(),
    finish="completed",
    input_tokens=21,
    output_tokens=11,
)
MESSAGES = Service(
    name="messages",
    package="anthropic",
    model=anthropic_wire.MODEL,
    served=anthropic_wire.SERVED,
    resource=lambda client: client.messages,
    ask={
        "model": anthropic_wire.MODEL,
        "messages": anthropic_wire.MESSAGES,
        "system": anthropic_wire.SYSTEM,
        "max_tokens": 100,
    },
    whole=anthropic_wire.message(),
    events=anthropic_wire.events_stream(anthropic_wire.message_events()).events,
    events_arrived=anthropic_wire.events_stream(anthropic_wire.message_pieces(anthropic_wire.ANSWER[:ARRIVED])).events,
    error_event=sse(anthropic_wire.error(), "error"),
    error=anthropic_wire.error(),
    finish="end_turn",
    input_tokens=20,
    output_tokens=9,
)
SERVICES = tuple(service for service in (CHAT, RESPONSES, MESSAGES) if find_spec(service.package))
"""Those whose client is installed."""
