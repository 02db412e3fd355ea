"""Mistral's client: OpenAI's chat on the wire, and conversations, whose events name themselves."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import metadata
from importlib.util import find_spec
from typing import Any

from support import openai_wire
from support.openai_wire import ANSWER, MESSAGES, QUESTION
from support.services import ARRIVED, Other
from support.wire import sse

MODEL = "mistral-wire"
TEXT = "".join(ANSWER)
USAGE = {"prompt_tokens": 20, "completion_tokens": 9, "total_tokens": 29}
CONVERSATION_USAGE = {**USAGE, "connector_tokens": None, "connectors": None}
KEYS = ("id", "object", "created", "model", "choices")
ERROR = {"object": "error", "message": "The engine is overheated.", "type": "internal_error", "param": None, "code": "3000"}


def chat(text: Any = TEXT, **more: Any) -> dict[str, Any]:
    """A whole answer."""
    body = openai_wire.chat(text, usage=USAGE, **more)
    return {name: value for name, value in body.items() if name not in ("service_tier", "system_fingerprint")}


def chunks(pieces: Sequence[str]) -> list[dict[str, Any]]:
    """An answer in pieces, without its finish."""
    return [{name: chunk[name] for name in KEYS} for chunk in openai_wire.chat_pieces(pieces)]


def finish() -> dict[str, Any]:
    """The last piece, which has the usage with it."""
    last = openai_wire.chat_chunk({"content": ""}, "stop")
    return {**{name: last[name] for name in KEYS}, "usage": USAGE}


def entry(content: Any = TEXT, **more: Any) -> dict[str, Any]:
    """What a model said in a conversation."""
    said = {"object": "entry", "type": "message.output", "id": "msg_wire", "role": "assistant", "model": MODEL, "content": content}
    return {**said, **more}


def conversation(outputs: Sequence[dict[str, Any]] = (), **more: Any) -> dict[str, Any]:
    """A whole answer of a conversation."""
    whole = {"object": "conversation.response", "conversation_id": "conv_wire", "outputs": list(outputs) or [entry()]}
    return {**whole, "usage": CONVERSATION_USAGE, **more}


def event(type: str, **more: Any) -> bytes:
    """An event of a conversation."""
    return sse({"type": type, "created_at": "2026-01-01T00:00:00Z", **more}, type)


def is_new() -> bool:
    """Whether the installed version is of the newer layout."""
    return not metadata.version("mistralai").startswith("1.")


def make(url: str, asynchronous: bool, transport: Any = None, retries: int = 0) -> Any:
    if is_new():
        import httpx2 as http
        from mistralai.client import Mistral
        from mistralai.client.utils import BackoffStrategy, RetryConfig
    else:
        import httpx as http  # type: ignore[no-redef]
        from mistralai import Mistral  # type: ignore[no-redef,attr-defined]
        from mistralai.utils import BackoffStrategy, RetryConfig  # type: ignore[no-redef]
    options = {"trust_env": False, "verify": False, **({"transport": transport(http)} if transport else {})}
    connection = (http.AsyncClient if asynchronous else http.Client)(**options)
    clients = {"async_client": connection} if asynchronous else {"client": connection}
    retry = {"retry_config": RetryConfig("backoff", BackoffStrategy(1, 5, 1.0, 2000), False)} if retries else {}
    client = Mistral(api_key="key-for-tests", server_url=url, **clients, **retry)
    client.close = connection.aclose if asynchronous else connection.close  # it has none itself
    client.asynchronous = asynchronous
    return client


def _value(client: Any) -> Any:
    return (client.chat.complete_async if client.asynchronous else client.chat.complete)(model=MODEL, messages=MESSAGES)


def _streamed(client: Any) -> Any:
    return (client.chat.stream_async if client.asynchronous else client.chat.stream)(model=MODEL, messages=MESSAGES)


def ask_in_conversation(client: Any, *, stream: bool = False) -> Any:
    conversations = client.beta.conversations
    name = ("start_stream" if stream else "start") + ("_async" if client.asynchronous else "")
    return getattr(conversations, name)(model=MODEL, inputs=QUESTION, instructions="Answer in one line.")


def _left_out() -> dict[str, str]:
    if find_spec("mistralai") is None or is_new():
        return {}
    endings = ("close", "close twice", "close before reading", "closed elsewhere")
    return dict.fromkeys(endings, "a stream of this version has no way to be closed but leaving it")


SERVICES = (
    Other(
        name="mistral",
        package="mistralai",
        model=MODEL,
        served=openai_wire.SERVED,
        whole=chat(),
        events=[*(sse(chunk) for chunk in [*chunks(ANSWER), finish()]), sse("[DONE]")],
        events_arrived=[sse(chunk) for chunk in chunks(ANSWER[:ARRIVED])],
        error_event=sse(ERROR),
        error=ERROR,
        finish="stop",
        input_tokens=20,
        output_tokens=9,
        make=make,
        value=_value,
        streamed=_streamed,
        left_out=_left_out(),
    ),
)
