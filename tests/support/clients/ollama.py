"""Ollama's client, and lines of JSON as the server writes them."""

from __future__ import annotations

import json
from typing import Any

from support.openai_wire import ANSWER, MESSAGES
from support.services import ARRIVED, Other

MODEL = "gemma-wire"
METRICS = {
    "total_duration": 1078043917,
    "load_duration": 109557375,
    "prompt_eval_count": 19,
    "prompt_eval_duration": 153401750,
    "eval_count": 11,
    "eval_duration": 814595750,
}
LAZY = "nothing is sent before the first item is asked for"


def chat(message: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A line of a chat, or all of it."""
    return {"model": MODEL, "created_at": "2026-01-01T09:45:30.391699Z", "message": {"role": "assistant", **message}, **more}


def whole(message: dict[str, Any] | None = None) -> dict[str, Any]:
    """A whole answer."""
    return chat(message or {"content": "".join(ANSWER)}, done_reason="stop", done=True, **METRICS)


def line(value: Any) -> bytes:
    return json.dumps(value).encode() + b"\n"


def pieces(texts: tuple[str, ...]) -> list[bytes]:
    return [line(chat({"content": text}, done=False)) for text in texts]


def make(url: str, asynchronous: bool, transport: Any = None, retries: int = 0) -> Any:
    import httpx
    import ollama

    options = {"transport": transport(httpx)} if transport else {}
    client = (ollama.AsyncClient if asynchronous else ollama.Client)(host=url, trust_env=False, verify=False, **options)
    if not hasattr(client, "close"):  # older ones have no way to be closed but this
        client.close = client._client.aclose if asynchronous else client._client.close
    return client


SERVICES = (
    Other(
        name="ollama",
        package="ollama",
        model=MODEL,
        served=MODEL,
        whole={**whole(), "id": None},
        events=[*pieces(ANSWER), line(whole({"content": ""}))],
        events_arrived=pieces(ANSWER[:ARRIVED]),
        error_event=line({"error": "the model runner has unexpectedly stopped"}),
        error={"error": "the engine is overheated"},
        finish="stop",
        input_tokens=19,
        output_tokens=11,
        stream_type="application/x-ndjson",
        make=make,
        value=lambda client: client.chat(model=MODEL, messages=MESSAGES),
        streamed=lambda client: client.chat(model=MODEL, messages=MESSAGES, stream=True),
        left_out={"retry": "it does not try again", "server error before": LAZY},
    ),
)
