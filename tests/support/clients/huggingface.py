"""Hugging Face's client, pointed at a server of one's own that speaks like OpenAI's, as its inference servers do."""

from __future__ import annotations

from importlib import metadata
from importlib.util import find_spec
from typing import Any

from support import openai_wire
from support.openai_wire import ANSWER, MESSAGES
from support.services import ARRIVED, Other
from support.wire import sse

MODEL = "llama-wire"


def make(url: str, asynchronous: bool, transport: Any = None, retries: int = 0) -> Any:
    import huggingface_hub
    from huggingface_hub import AsyncInferenceClient, InferenceClient

    if hasattr(huggingface_hub, "set_client_factory"):  # older ones stand on requests and aiohttp
        from huggingface_hub.utils import _http

        http: Any = getattr(_http, "httpx2", None) or _http.httpx  # whichever the installed version stands on
        options = {"transport": transport(http)} if transport else {}
        huggingface_hub.set_client_factory(lambda: http.Client(trust_env=False, verify=False, **options))
        huggingface_hub.set_async_client_factory(lambda: http.AsyncClient(trust_env=False, verify=False))
    client = (AsyncInferenceClient if asynchronous else InferenceClient)(
        base_url=url, token="key-for-tests", provider="hf-inference"
    )
    if not hasattr(client, "close"):
        client.close = lambda: None
    return client


def _left_out() -> dict[str, str]:
    left = {"retry": "it does not try again"}
    if find_spec("huggingface_hub") and metadata.version("huggingface_hub").startswith("0."):
        left["sync cancel"] = "the HTTP library of this version has no transport to interrupt"
    return left


SERVICES = (
    Other(
        name="huggingface",
        package="huggingface_hub",
        model=MODEL,
        served=openai_wire.SERVED,
        whole=openai_wire.chat(),
        events=openai_wire.chunks_stream(openai_wire.chat_chunks(usage=True)).events,
        events_arrived=[sse(chunk) for chunk in openai_wire.chat_pieces(ANSWER[:ARRIVED])],
        error_event=sse({"error": "the engine is overheated", "error_type": "overloaded"}),
        error=openai_wire.error(),
        finish="stop",
        input_tokens=20,
        output_tokens=9,
        make=make,
        value=lambda client: client.chat_completion(MESSAGES, model=MODEL),
        streamed=lambda client: client.chat_completion(MESSAGES, model=MODEL, stream=True),
        left_out=_left_out(),
    ),
)
