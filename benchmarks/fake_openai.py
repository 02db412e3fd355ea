"""OpenAI's API below the real client: the client builds, sends and parses every request; only the transport is replaced."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import openai

try:
    import httpx2 as httpx  # openai 3 and later
except ImportError:
    import httpx  # type: ignore[no-redef]

CHUNKS = 400
ANSWER = "Two events are concurrent when neither clock is at most the other; a Lamport clock has one number and cannot tell. " * 2
SYSTEM = "You explain distributed systems to working engineers, tersely."
QUESTION = "Explain in two sentences how a vector clock orders events across processes, and why a Lamport clock cannot tell."
PARAGRAPH = "The log is compacted while each follower acknowledges its offset and the leader advances the commit index.\n"

_USAGE = {
    "prompt_tokens": 74, "completion_tokens": 46, "total_tokens": 120,
    "prompt_tokens_details": {"cached_tokens": 0}, "completion_tokens_details": {"reasoning_tokens": 0},
}  # fmt: skip
_COMPLETION = json.dumps({
    "id": "chatcmpl-bench", "object": "chat.completion", "created": 1767225600, "model": "gpt-bench-2026-01-01",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": ANSWER}, "logprobs": None, "finish_reason": "stop"}],
    "usage": _USAGE, "service_tier": "default", "system_fingerprint": "fp_bench",
}).encode()  # fmt: skip


def _events() -> list[bytes]:
    base = {"id": "chatcmpl-bench", "object": "chat.completion.chunk", "created": 1767225600, "model": "gpt-bench-2026-01-01"}

    def event(delta: dict[str, str], reason: str | None = None) -> dict[str, Any]:
        return {**base, "choices": [{"index": 0, "delta": delta, "finish_reason": reason}], "usage": None}

    events = [event({"role": "assistant", "content": ""})]
    events += [event({"content": f" word{number % 8}"}) for number in range(CHUNKS - 3)]
    events += [event({}, "stop"), {**base, "choices": [], "usage": _USAGE}]
    return [b"data: " + json.dumps(one).encode() + b"\n\n" for one in events] + [b"data: [DONE]\n\n"]


_STREAM = _events()


class _Bytes(httpx.SyncByteStream):
    def __iter__(self) -> Iterator[bytes]:
        yield from _STREAM


def _answer(body: bytes) -> httpx.Response:
    if b'"stream":true' in body or b'"stream": true' in body:
        return httpx.Response(200, headers={"content-type": "text/event-stream"}, stream=_Bytes())
    return httpx.Response(200, headers={"content-type": "application/json"}, content=_COMPLETION)


class _Transport(httpx.BaseTransport):
    def handle_request(self, request: httpx.Request) -> httpx.Response:
        return _answer(request.read())


class _AsyncTransport(httpx.AsyncBaseTransport):
    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        body = await request.aread()
        await asyncio.sleep(0)  # the other tasks' turn, as a network wait would give them
        return _answer(body)


def client() -> openai.OpenAI:
    """A client whose server is this file."""
    return openai.OpenAI(api_key="bench", max_retries=0, http_client=httpx.Client(transport=_Transport()))


def async_client() -> openai.AsyncOpenAI:
    """The same, asynchronous."""
    return openai.AsyncOpenAI(api_key="bench", max_retries=0, http_client=httpx.AsyncClient(transport=_AsyncTransport()))


def small() -> dict[str, Any]:
    """A short request."""
    messages = [{"role": "system", "content": SYSTEM}, {"role": "user", "content": QUESTION}]
    return {"model": "gpt-bench", "temperature": 0.2, "max_tokens": 256, "messages": messages}


def large() -> dict[str, Any]:
    """A request with ten earlier turns, 100 KB."""
    turns = [{"role": ("user", "assistant")[number % 2], "content": PARAGRAPH * 93} for number in range(10)]
    request = small()
    return {**request, "messages": [request["messages"][0], *turns, request["messages"][1]]}


def streamed() -> dict[str, Any]:
    """A short request for a stream, usage included."""
    return {**small(), "stream": True, "stream_options": {"include_usage": True}}


__all__ = ["async_client", "client", "large", "small", "streamed"]
