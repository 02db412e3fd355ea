"""Replicate's client. A stream is announced by a prediction, which the transport gives here, and then read from its own address."""

from __future__ import annotations

import json
from typing import Any

from support.openai_wire import ANSWER, QUESTION
from support.services import ARRIVED, Other

MODEL = "bees/honey-wire"
ID = "prediction-wire"
INPUT = {"prompt": QUESTION}
LAZY = "nothing is sent before the first item is asked for"


def prediction(status: str = "succeeded", output: Any = ANSWER, **more: Any) -> dict[str, Any]:
    """A prediction, finished or not."""
    said = {"id": ID, "model": MODEL, "version": "hidden", "status": status, "input": INPUT}
    return {**said, "output": list(output) if isinstance(output, tuple) else output, "error": None, "logs": "", **more}


def event(name: str, data: str) -> bytes:
    return f"event: {name}\nid: 1690212292:0\ndata: {data}\n\n".encode()


def make(url: str, asynchronous: bool, transport: Any = None, retries: int = 0) -> Any:
    import httpx
    import replicate

    inner = transport(httpx) if transport else (httpx.AsyncHTTPTransport if asynchronous else httpx.HTTPTransport)(verify=False)
    begun = prediction("starting", None, urls={"stream": f"{url}/stream"})

    def announced(request: Any) -> Any:
        streams = request.method == "POST" and json.loads(request.content).get("stream")
        return httpx.Response(201, json=begun, request=request) if streams else None

    class Announcing(httpx.BaseTransport, httpx.AsyncBaseTransport):
        def handle_request(self, request: Any) -> Any:
            return announced(request) or inner.handle_request(request)

        async def handle_async_request(self, request: Any) -> Any:
            return announced(request) or await inner.handle_async_request(request)

        def close(self) -> None:
            inner.close()

        async def aclose(self) -> None:
            await inner.aclose()

    client = replicate.Client(api_token="key-for-tests", base_url=url, transport=Announcing(), trust_env=False)
    client.poll_interval, client.asynchronous = 0.001, asynchronous
    client.close = client._async_client.aclose if asynchronous else client._client.close  # it has none itself
    return client


SERVICES = (
    Other(
        name="replicate",
        package="replicate",
        operation="generate_content",
        model=MODEL,
        served=MODEL,
        whole=prediction(),
        events=[*(event("output", text) for text in ANSWER), event("done", "{}")],
        events_arrived=[event("output", text) for text in ANSWER[:ARRIVED]],
        error_event=event("error", "the engine is overheated"),
        error={"detail": "the engine is overheated"},
        finish="succeeded",
        input_tokens=None,
        output_tokens=None,
        make=make,
        value=lambda client: (client.async_run if client.asynchronous else client.run)(MODEL, INPUT),
        streamed=lambda client: (client.async_stream if client.asynchronous else client.stream)(MODEL, input=INPUT),
        left_out={
            "retry": "it does not try to send a request again",
            "server error before": LAZY,
            "close before reading": LAZY,
            "dropped before reading": LAZY,
        },
    ),
)
