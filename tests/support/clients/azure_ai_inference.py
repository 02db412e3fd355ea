"""Azure's inference client, which stands on requests and aiohttp, pointed at a server that speaks like OpenAI's."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from support import openai_wire
from support.openai_wire import ANSWER, MESSAGES
from support.services import ARRIVED, MARKER, Other
from support.wire import sse

MODEL = "phi-wire"


def client(url: str, name: str, *, asynchronous: bool = False, **options: Any) -> Any:
    """A client of that name."""
    from azure.ai import inference
    from azure.ai.inference import aio
    from azure.core.credentials import AzureKeyCredential

    kind = getattr(aio if asynchronous else inference, name)
    return kind(endpoint=url, credential=AzureKeyCredential("key-for-tests"), **{"retry_total": 0, **options})


def make(url: str, asynchronous: bool, transport: Any = None, retries: int = 0) -> Any:
    options = {"transport": _interrupting(before=transport.__name__ == "striking")} if transport else {}
    return client(
        url,
        "ChatCompletionsClient",
        asynchronous=asynchronous,
        retry_total=retries,
        retry_read=0,
        retry_backoff_factor=0,
        retry_on_methods=["POST"],
        **options,
    )


def _interrupting(*, before: bool) -> Any:
    """Ctrl-C strikes before the answer, or after `MARKER`."""
    from azure.core.pipeline.transport import RequestsTransport

    class Transport(RequestsTransport):
        def send(self, request: Any, **options: Any) -> Any:
            if before:
                raise KeyboardInterrupt
            response: Any = super().send(request, **options)
            whole = response.iter_bytes

            def iter_bytes() -> Iterator[bytes]:
                for piece in whole():
                    yield piece
                    if MARKER.encode() in piece:
                        raise KeyboardInterrupt

            response.iter_bytes = iter_bytes
            return response

    return Transport()


SERVICES = (
    Other(
        name="azure_ai_inference",
        package="azure.ai.inference",
        model=MODEL,
        served=openai_wire.SERVED,
        whole=openai_wire.chat(),
        events=openai_wire.chunks_stream(openai_wire.chat_chunks(usage=True)).events,
        events_arrived=[sse(chunk) for chunk in openai_wire.chat_pieces(ANSWER[:ARRIVED])],
        error_event=None,  # the client passes over whatever has neither choices nor usage
        error=openai_wire.error(),
        finish="stop",
        input_tokens=20,
        output_tokens=9,
        make=make,
        value=lambda client: client.complete(model=MODEL, messages=MESSAGES),
        streamed=lambda client: client.complete(model=MODEL, messages=MESSAGES, stream=True),
    ),
)
