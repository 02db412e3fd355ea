"""Google's client for Gemini, for the shapes and endings; and the bodies of its API, with our own words in them."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from typing import Any

from support.openai_wire import ANSWER
from support.services import ARRIVED, Other
from support.wire import Answer, Stream, json_answer, sse

MODEL = "gemini-3-flash"
SERVED = "gemini-3-flash-002"
QUESTION = "What do bees make?"
USAGE = {
    "promptTokenCount": 18,
    "toolUsePromptTokenCount": 2,
    "candidatesTokenCount": 7,
    "thoughtsTokenCount": 2,
    "totalTokenCount": 29,
    "cachedContentTokenCount": 4,
    "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 18}],
}


def said(*parts: Any, finish: str | None = "STOP", usage: Any = None, **more: Any) -> dict[str, Any]:
    """A response of one candidate; texts are parts too."""
    each = [{"text": part} if isinstance(part, str) else part for part in parts]
    candidate: dict[str, Any] = {"content": {"parts": each, "role": "model"}, "index": 0}
    if finish:
        candidate["finishReason"] = finish
    body: dict[str, Any] = {"candidates": [candidate], "modelVersion": SERVED, "responseId": "resp-1", **more}
    return {**body, "usageMetadata": USAGE} if usage is None else {**body, "usageMetadata": usage}


def pieces(texts: Sequence[str], *, last: bool) -> list[dict[str, Any]]:
    """The chunks of a stream; usage grows with each."""
    counted = {"promptTokenCount": 18, "totalTokenCount": 18}
    chunks = [said(text, finish=None, usage=counted) for text in texts]
    if last:
        chunks[-1] = said(texts[-1])
    return chunks


def call(name: str, arguments: dict[str, Any], id: str | None = None) -> dict[str, Any]:
    """A part in which the model asks for a function."""
    return {"functionCall": {"name": name, "args": arguments, **({"id": id} if id else {})}}


def error(code: int = 503, status: str = "UNAVAILABLE") -> dict[str, Any]:
    return {"error": {"code": code, "message": "the model is overloaded", "status": status}}


def answer(*parts: Any, **more: Any) -> Answer:
    return json_answer(said(*parts, **more))


def stream(chunks: Sequence[dict[str, Any]], **more: Any) -> Stream:
    return Stream([sse(chunk) for chunk in chunks], **more)


class Async:
    """The asynchronous half of a client, as the tests hold one: what closes it closes all."""

    def __init__(self, client: Any) -> None:
        self.models, self.chats, self.live = client.aio.models, client.aio.chats, client.aio.live
        self._client = client

    async def aclose(self) -> None:
        await self._client.aio.aclose()
        self._client.close()


def client(url: str, **options: Any) -> Any:
    """The real client, of Gemini or with `vertexai=True` of Vertex."""
    genai = importlib.import_module("google.genai")
    types = importlib.import_module("google.genai.types")
    http = types.HttpOptions(base_url=url, **options.pop("http", {}))
    return genai.Client(**{"api_key": "key-for-tests", **options, "http_options": http})


def http_module() -> Any:
    """The HTTP library that the installed client stands on."""
    module = importlib.import_module("google.genai._api_client")
    return getattr(module, "httpx2", None) or module.httpx


def _make(url: str, asynchronous: bool, transport: Any, max_retries: int) -> Any:
    http: dict[str, Any] = {}
    if transport:
        http["client_args"] = {"transport": transport(http_module())}
    if max_retries:
        http["retry_options"] = {"attempts": max_retries + 1, "initial_delay": 0.001, "max_delay": 0.002, "jitter": 0.001}
    made = client(url, http=http)
    return Async(made) if asynchronous else made


CONTENT = Other(
    name="google-genai",
    package="google.genai",
    operation="generate_content",
    model=MODEL,
    served=SERVED,
    make=_make,
    value=lambda client: client.models.generate_content(model=MODEL, contents=QUESTION),
    streamed=lambda client: client.models.generate_content_stream(model=MODEL, contents=QUESTION),
    whole={**said("".join(ANSWER)), "id": "resp-1"},
    events=[sse(chunk) for chunk in pieces(ANSWER, last=True)],
    events_arrived=[sse(chunk) for chunk in pieces(ANSWER[:ARRIVED], last=False)],
    error_event=sse(error()),
    error=error(),
    finish="STOP",
    input_tokens=20,
    output_tokens=9,
    left_out={
        "server error before": "nothing is sent before the host asks for the first chunk: see test_google_genai",
        "close before reading": "nothing is sent before the host asks for the first chunk",
        "dropped before reading": "nothing is sent before the host asks for the first chunk",
    },
)
SERVICES = (CONTENT,)
