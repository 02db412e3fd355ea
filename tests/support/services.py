"""The model services that the tests call, each behind the same few names, so that one test can be true of all of them."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from types import MappingProxyType
from typing import Any, NamedTuple

from support import anthropic_wire, openai_wire
from support.wire import Answer, Stream, json_answer, sse

ARRIVED = 3
"""How many pieces of the answer come before a stream breaks off, in tests where it does."""
MARKER = openai_wire.ANSWER[ARRIVED - 1]
"""The last piece that came."""
TEXT = "".join(openai_wire.ANSWER)
TEXT_ARRIVED = "".join(openai_wire.ANSWER[:ARRIVED])


STREAM_FORMS = ("stream", "manager", "raw", "lines", "parsed")
"""How a host can hold a stream: `create(stream=True)`, `.stream()`, `with_raw_response` then `.parse()`, and
`with_streaming_response` then `.iter_lines()` or `.parse()`."""
VALUE_FORMS = ("value", "raw", "raw unparsed", "parsed", "read")


@dataclass(frozen=True, kw_only=True)
class Service:
    """A way to talk to a model: which client, and what the wire carries."""

    name: str
    package: str
    model: str
    served: str
    whole: Mapping[str, Any]
    events: Sequence[bytes]
    events_arrived: Sequence[bytes]
    error_event: bytes | None
    """An event that says midway that the call failed; None where the wire has none."""
    error: Mapping[str, Any]
    finish: str
    """The provider's own word for the normal end."""
    output_tokens: int | None
    """What a stream counts too; None where it counts nothing."""
    input_tokens: int | None
    operation: str = "chat"
    stream_type: str = "text/event-stream"
    stream_forms: Sequence[str] = ("stream",)
    value_forms: Sequence[str] = ("value",)
    left_out: Mapping[str, str] = field(default_factory=dict)
    """Endings that cannot be played with this client -> why. `"sync cancel"` and the like leave one host out."""

    def plays(self, host: str, ending: str) -> bool:
        """Whether this ending can be played on this host (`sync` or `async`)."""
        if ending == "error event midway" and self.error_event is None:
            return False
        return ending not in self.left_out and f"{host} {ending}" not in self.left_out

    def answer(self) -> Answer:
        return json_answer(self.whole)

    def stream(self, **more: Any) -> Stream:
        return Stream(self.events, content_type=self.stream_type, **more)

    def broken_stream(self, **more: Any) -> Stream:
        """A stream that goes no further than `MARKER`."""
        return Stream(self.events_arrived, content_type=self.stream_type, **more)

    def broken_stream_then(self, *events: bytes, **more: Any) -> Stream:
        """A stream in which something other than the next piece follows `MARKER`."""
        return Stream([*self.events_arrived, *events], content_type=self.stream_type, **more)

    def client(self, url: str, *, asynchronous: bool, transport: Callable[[Any], Any] | None = None, max_retries: int = 0) -> Any:
        """The real client. `transport` may wrap the HTTP transport."""
        raise NotImplementedError

    def ask_for_a_value(self, client: Any) -> Any:
        """Call it so that the answer comes whole: the result, or for an asynchronous client what is to be awaited."""
        raise NotImplementedError

    def ask_for_a_stream(self, client: Any) -> Any:
        """Call it so that the answer comes as a stream: an iterable or a context manager, or what is to be awaited for one."""
        raise NotImplementedError


@dataclass(frozen=True, kw_only=True)
class Other(Service):
    """A client of its own kind, with functions that make it and call it."""

    make: Callable[[str, bool, Any, int], Any]
    """(the server's address, whether asynchronous, what wraps an HTTP transport or None, retries) -> the client."""
    value: Callable[[Any], Any]
    streamed: Callable[[Any], Any]

    def client(self, url: str, *, asynchronous: bool, transport: Callable[[Any], Any] | None = None, max_retries: int = 0) -> Any:
        return self.make(url, asynchronous, transport, max_retries)

    def ask_for_a_value(self, client: Any) -> Any:
        return self.value(client)

    def ask_for_a_stream(self, client: Any) -> Any:
        return self.streamed(client)


@dataclass(frozen=True, kw_only=True)
class Generated(Service):
    """A client of the generated family: the same methods and forms for all."""

    resource: Callable[[Any], Any]
    ask: Mapping[str, Any]
    """Keyword arguments of `create` and `stream`."""
    stream_forms: Sequence[str] = STREAM_FORMS
    value_forms: Sequence[str] = VALUE_FORMS

    def ask_for_a_value(self, client: Any) -> Any:
        return self.resource(client).create(**self.ask)

    def ask_for_a_stream(self, client: Any) -> Any:
        return self.resource(client).create(**self.ask, stream=True)

    def client(self, url: str, *, asynchronous: bool, transport: Callable[[Any], Any] | None = None, **options: Any) -> Any:
        """The real client. `transport` may wrap the HTTP transport."""
        return client(self.package, url, asynchronous=asynchronous, transport=transport, **options)


def client(
    package: str, url: str, *, asynchronous: bool = False, transport: Callable[[Any], Any] | None = None, **options: Any
) -> Any:
    """A real client of a generated package, made cheaply: no certificates read, no proxy looked for."""
    module, kind = importlib.import_module(package), KINDS[package]
    http_kind = getattr(module, "DefaultAsyncHttpxClient" if asynchronous else "DefaultHttpxClient")
    settings: dict[str, Any] = {"trust_env": False, "verify": False}
    if transport:
        settings["transport"] = transport(http_module(package))
    maker = getattr(module, f"Async{kind.name}" if asynchronous else kind.name)
    made = {"max_retries": 0, **kind.options, **options}
    return maker(base_url=url + kind.path, api_key="key-for-tests", http_client=http_kind(**settings), **made)


class Kind(NamedTuple):
    """How a generated package makes a client."""

    name: str
    path: str = ""
    """What its base URL has after the server."""
    options: Mapping[str, Any] = MappingProxyType({})


KINDS = {
    "openai": Kind("OpenAI", "/v1"),
    "anthropic": Kind("Anthropic"),
    "groq": Kind("Groq"),
    "together": Kind("Together"),
    "fireworks": Kind("Fireworks"),
    "cerebras.cloud.sdk": Kind("Cerebras", options={"warm_tcp_connection": False}),  # else it calls before it is asked to
    "writerai": Kind("Writer"),
}


def http_module(package: str) -> Any:
    """The HTTP library that the installed client stands on: `httpx`, or `httpx2` for the newer ones."""
    base = importlib.import_module(package).DefaultHttpxClient.__mro__[1]
    return importlib.import_module(base.__module__.partition(".")[0])


CHAT = Generated(
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
RESPONSES = Generated(
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
MESSAGES = Generated(
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
