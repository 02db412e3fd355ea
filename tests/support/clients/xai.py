"""xAI's client, and a gRPC server that says what the tests' HTTP server is told to serve: its JSON, made into protobuf messages."""

from __future__ import annotations

import functools
import http.client
import json
import socket
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlsplit

from support.openai_wire import ANSWER, MESSAGES, QUESTION
from support.services import ARRIVED, MARKER, Other
from support.wire import sse

MODEL = "grok-wire"
SERVED = "grok-wire-1"
ID = "xai-wire"
USAGE = {"prompt_tokens": 20, "completion_tokens": 5, "reasoning_tokens": 4, "total_tokens": 29, "cached_prompt_text_tokens": 8}
HEAD = {"id": ID, "model": SERVED, "system_fingerprint": "fp_wire"}
LAZY = "nothing is sent before the first item is asked for"
DETACHES = "without genba, the client's own span then complains that it is left in another context"


def whole(*outputs: dict[str, Any], **more: Any) -> dict[str, Any]:
    """An answer."""
    said = {"message": {"role": "ROLE_ASSISTANT", "content": "".join(ANSWER)}, "finish_reason": "REASON_STOP"}
    return {**HEAD, "outputs": list(outputs) or [said], "usage": USAGE, **more}


def chunk(delta: dict[str, Any], **more: Any) -> bytes:
    return sse({**HEAD, "outputs": [{"delta": {"role": "ROLE_ASSISTANT", **delta}}], **more})


def ended() -> bytes:
    return sse({**HEAD, "outputs": [{"delta": {"role": "ROLE_ASSISTANT"}, "finish_reason": "REASON_STOP"}], "usage": USAGE})


def client(url: str, *, asynchronous: bool = False, retries: int = 0) -> Any:
    """A client of a server that plays what is served at `url`."""
    import xai_sdk

    kind = xai_sdk.AsyncClient if asynchronous else xai_sdk.Client
    return kind(api_key="key-for-tests", api_host=bridge(url, retries), use_insecure_channel=True)


def make(url: str, asynchronous: bool, transport: Any = None, retries: int = 0) -> Any:
    made = client(url, asynchronous=asynchronous, retries=retries)
    if transport is not None:
        _interrupt(made.chat._stub, before=transport.__name__ == "striking")
    return made


def ask(client: Any) -> Any:
    from xai_sdk.chat import system, user

    return client.chat.create(model=MODEL, messages=[system(MESSAGES[0]["content"]), user(QUESTION)])


def _interrupt(stub: Any, *, before: bool) -> None:
    """Ctrl-C strikes before the answer, or after `MARKER`."""
    chunks = stub.GetCompletionChunk

    def strike(request: Any) -> Any:
        raise KeyboardInterrupt

    def until_marker(request: Any) -> Iterator[Any]:
        for piece in chunks(request):
            yield piece
            if MARKER in str(piece):
                raise KeyboardInterrupt

    if before:
        stub.GetCompletion = strike
    else:
        stub.GetCompletionChunk = until_marker


@functools.cache
def bridge(url: str, retries: int) -> str:
    """The address of a gRPC server in front of the HTTP server. Without retries, no error says that it may be tried again."""
    import grpc
    from xai_sdk.proto import chat_pb2, chat_pb2_grpc, deferred_pb2, image_pb2, image_pb2_grpc

    refusal = grpc.StatusCode.UNAVAILABLE if retries else grpc.StatusCode.INTERNAL
    play = functools.partial(_play, url, refusal)

    class Chat(chat_pb2_grpc.ChatServicer):  # type: ignore[misc]
        def GetCompletion(self, request: Any, context: Any) -> Any:  # noqa: N802  # the service\'s own name
            return play(request, context, chat_pb2.GetChatCompletionResponse)

        def StartDeferredCompletion(self, request: Any, context: Any) -> Any:  # noqa: N802  # the service\'s own name
            return deferred_pb2.StartDeferredResponse(request_id="deferred-wire")

        def GetDeferredCompletion(self, request: Any, context: Any) -> Any:  # noqa: N802  # the service\'s own name
            return play(request, context, chat_pb2.GetDeferredCompletionResponse)

        def GetCompletionChunk(self, request: Any, context: Any) -> Iterator[Any]:  # noqa: N802  # the service\'s own name
            return _stream(url, refusal, request, context, chat_pb2.GetChatCompletionChunk)

    class Image(image_pb2_grpc.ImageServicer):  # type: ignore[misc]
        def GenerateImage(self, request: Any, context: Any) -> Any:  # noqa: N802  # the service\'s own name
            return play(request, context, image_pb2.ImageResponse)

    server = grpc.server(ThreadPoolExecutor(16))
    chat_pb2_grpc.add_ChatServicer_to_server(Chat(), server)
    image_pb2_grpc.add_ImageServicer_to_server(Image(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    _running.append(server)
    return f"127.0.0.1:{port}"


_running: list[Any] = []


def _requested(url: str, request: Any, context: Any, refusal: Any) -> http.client.HTTPResponse:
    from google.protobuf.json_format import MessageToDict

    connection = http.client.HTTPConnection(urlsplit(url).netloc)
    context.add_callback(lambda: connection.sock and connection.sock.shutdown(socket.SHUT_RDWR))  # wakes who reads from it
    body = MessageToDict(request, preserving_proto_field_name=True)
    try:
        connection.request("POST", "/", json.dumps(body), {"content-type": "application/json"})
        response = connection.getresponse()
        if response.status != 200:
            context.abort(refusal, response.read().decode())
    except (OSError, http.client.HTTPException):
        context.abort(refusal, "the connection was cut")
    return response


def _play(url: str, refusal: Any, request: Any, context: Any, kind: Callable[[], Any]) -> Any:
    from google.protobuf.json_format import Parse

    response = _requested(url, request, context, refusal)
    try:
        return Parse(response.read(), kind())
    except (OSError, http.client.HTTPException):
        context.abort(refusal, "the connection was cut")


def _stream(url: str, refusal: Any, request: Any, context: Any, kind: Callable[[], Any]) -> Iterator[Any]:
    from google.protobuf.json_format import ParseDict

    response, whole = _requested(url, request, context, refusal), False
    try:
        for line in response:
            if line.startswith(b"data: "):
                said = json.loads(line[6:])
                if "error" in said:
                    context.abort(refusal, said["error"])
                whole = any("finish_reason" in output for output in said["outputs"])
                yield ParseDict(said, kind())
    except (OSError, http.client.HTTPException):
        pass
    if not whole:
        context.abort(refusal, "the connection was cut")


SERVICES = (
    Other(
        name="xai",
        package="xai_sdk",
        model=MODEL,
        served=SERVED,
        whole=whole(),
        events=[*(chunk({"content": text}) for text in ANSWER), ended()],
        events_arrived=[chunk({"content": text}) for text in ANSWER[:ARRIVED]],
        error_event=sse({"error": "the engine is overheated"}),
        error={"error": "the engine is overheated"},
        finish="REASON_STOP",
        input_tokens=20,
        output_tokens=9,
        make=make,
        value=lambda client: ask(client).sample(),
        streamed=lambda client: ask(client).stream(),
        left_out={
            "server error before": LAZY,
            "close before reading": LAZY,
            "dropped before reading": LAZY,
            "closed elsewhere": DETACHES,
            "async dropped": DETACHES,
        },
    ),
)
