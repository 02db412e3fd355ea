"""IBM's client for watsonx.ai, which speaks to `https://` only: its transport takes the TLS off, and the server needs none."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from support import openai_wire
from support.openai_wire import ANSWER, MESSAGES
from support.services import ARRIVED, Other

MODEL = "ibm/granite-wire"
TEXT = "".join(ANSWER)
HEAD = {"model_id": MODEL, "created_at": "2026-01-01T00:00:00.000Z", "model_version": "1.2.0"}
USAGE = {"prompt_tokens": 20, "completion_tokens": 9, "total_tokens": 29}
ERROR = {"errors": [{"code": "model_overheated", "message": "The engine is overheated."}], "trace": "wire", "status_code": 500}


def chat(text: str | None = TEXT, **more: Any) -> dict[str, Any]:
    """A whole answer of a chat."""
    body = openai_wire.chat(text, usage=USAGE, **more)
    return {"id": body["id"], **HEAD, "model": MODEL, **{name: body[name] for name in ("choices", "created", "usage")}}


def chat_chunks(pieces: Sequence[str]) -> list[dict[str, Any]]:
    """An answer in pieces, without its finish."""
    return [_chunk(chunk["choices"]) for chunk in openai_wire.chat_pieces(pieces)]


def chat_finish() -> list[dict[str, Any]]:
    """The last pieces, of which one has the reason and one the counts."""
    return [_chunk(openai_wire.chat_chunk({"content": ""}, "stop")["choices"]), _chunk([], usage=USAGE)]


def _chunk(choices: Any, **more: Any) -> dict[str, Any]:
    return {"id": "chatcmpl-wire", **HEAD, "model": MODEL, "choices": choices, "created": 1767225600, **more}


def text(said: str = TEXT, *, input: int = 4, output: int = 5, reason: str = "eos_token", **more: Any) -> dict[str, Any]:
    """A whole text, or a piece of one."""
    result = {"generated_text": said, "generated_token_count": output, "input_token_count": input, "stop_reason": reason, **more}
    return {**HEAD, "results": [result]}


def text_pieces() -> list[dict[str, Any]]:
    """A text in pieces: what was generated is counted so far, what went in only at first."""
    last = len(ANSWER) - 1
    return [
        text(piece, input=0 if place else 4, output=place + 1, reason="eos_token" if place == last else "not_finished")
        for place, piece in enumerate(ANSWER)
    ]


def event(data: Any, name: str = "message") -> bytes:
    """One server-sent event, as the service writes them."""
    return f"id: 1\nevent: {name}\ndata: {json.dumps(data)}\n\n".encode()


def api(url: str, *, transport: Any = None) -> Any:
    """The client that all others stand on; `transport` takes the place of its own."""
    import httpx
    from ibm_watsonx_ai import APIClient, Credentials

    class Plain(httpx.BaseTransport):
        def __init__(self) -> None:
            self.inner = transport(httpx) if transport else httpx.HTTPTransport()

        def handle_request(self, request: Any) -> Any:
            request.url = request.url.copy_with(scheme="http")
            return self.inner.handle_request(request)

        def close(self) -> None:
            self.inner.close()

    class AsyncPlain(httpx.AsyncHTTPTransport):
        async def handle_async_request(self, request: Any) -> Any:
            request.url = request.url.copy_with(scheme="http")
            return await super().handle_async_request(request)

    secure = url.replace("http://", "https://")
    return APIClient(
        Credentials(url=secure, token="token-for-tests", platform_url=secure),
        httpx_client=httpx.Client(transport=Plain()),
        async_httpx_client=httpx.AsyncClient(transport=AsyncPlain()),
    )


def make(url: str, asynchronous: bool, transport: Any = None, retries: int = 0, **options: Any) -> Any:
    from ibm_watsonx_ai.foundation_models import ModelInference

    made = api(url, transport=transport)
    which = options or {"model_id": MODEL}
    client = ModelInference(
        api_client=made, validate=False, max_retries=retries, delay_time=0, retry_status_codes=[500, 503], **which
    )
    client.close = made.async_httpx_client.aclose if asynchronous else made.httpx_client.close  # it has none itself
    client.asynchronous = asynchronous
    return client


def _value(client: Any) -> Any:
    return (client.achat if client.asynchronous else client.chat)(messages=MESSAGES)


def _streamed(client: Any) -> Any:
    return (client.achat_stream if client.asynchronous else client.chat_stream)(messages=MESSAGES)


SERVICES = (
    Other(
        name="watsonx",
        package="ibm_watsonx_ai",
        model=MODEL,
        served=MODEL,
        whole=chat(),
        events=[event(chunk) for chunk in [*chat_chunks(ANSWER), *chat_finish()]],
        events_arrived=[event(chunk) for chunk in chat_chunks(ANSWER[:ARRIVED])],
        error_event=event(ERROR, "error"),
        error=ERROR,
        finish="stop",
        input_tokens=20,
        output_tokens=9,
        make=make,
        value=_value,
        streamed=_streamed,
        left_out={
            "server error before": "nothing is sent before the first item is asked for",
            "async retry": "the client fails itself: before it tries again, it closes the asynchronous response as a synchronous one",
        },
    ),
)
