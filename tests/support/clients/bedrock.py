"""botocore and aiobotocore for Bedrock: Converse, and InvokeModel with Anthropic's body."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Any

from support import anthropic_wire, aws_event_stream
from support.openai_wire import ANSWER, QUESTION
from support.services import ARRIVED, MARKER, Other

MODEL = "us.anthropic.claude-wire-1-v1:0"
MESSAGES = [{"role": "user", "content": [{"text": QUESTION}]}]
USAGE = {"inputTokens": 20, "outputTokens": 9, "totalTokens": 29}
CACHED = {**USAGE, "inputTokens": 10, "cacheReadInputTokens": 6, "cacheWriteInputTokens": 4}
"""The same, much of it from a cache; older releases give the host no more than the first three."""
BODY = {"anthropic_version": "bedrock-2023-05-31", "messages": anthropic_wire.MESSAGES, "max_tokens": 100}
CREDENTIALS = {"aws_access_key_id": "id-for-tests", "aws_secret_access_key": "key-for-tests", "region_name": "us-east-1"}


def whole(content: list[dict[str, Any]] | None = None, *, stop: str = "end_turn", **more: Any) -> dict[str, Any]:
    """An answer of Converse."""
    message = {"role": "assistant", "content": content or [{"text": "".join(ANSWER)}]}
    return {"output": {"message": message}, "stopReason": stop, "usage": USAGE, "metrics": {"latencyMs": 41}, **more}


def invoked_events(events: list[dict[str, Any]]) -> list[bytes]:
    """A vendor's events; the last has Bedrock's own counts."""
    *first, last = events
    metrics = {"inputTokenCount": 10, "outputTokenCount": 9, "invocationLatency": 41, "firstByteLatency": 12}
    return [aws_event_stream.chunk(event) for event in (*first, {**last, "amazon-bedrock-invocationMetrics": metrics})]


def client(url: str, *, service: str = "bedrock-runtime", retries: int = 0, **more: Any) -> Any:
    """The plain client."""
    import boto3
    from botocore.config import Config

    config = Config(retries={"total_max_attempts": retries + 1, "mode": "standard"})
    return boto3.session.Session().client(service, endpoint_url=url, config=config, **CREDENTIALS, **more)


class Asynchronous:
    """aiobotocore's client, which exists only once it was entered."""

    def __init__(self, url: str, *, service: str = "bedrock-runtime", retries: int = 0) -> None:
        from aiobotocore.config import AioConfig
        from aiobotocore.session import get_session

        config = AioConfig(retries={"total_max_attempts": retries + 1, "mode": "standard"})
        self._entering = get_session().create_client(service, endpoint_url=url, config=config, **CREDENTIALS)
        self._entered: Any = None

    def __getattr__(self, name: str) -> Any:
        if name == "aclose":
            raise AttributeError(name)

        async def call(**arguments: Any) -> Any:
            if self._entered is None:
                self._entered = await self._entering.__aenter__()
            return await getattr(self._entered, name)(**arguments)

        return call

    async def close(self) -> None:
        if self._entered is not None:
            await self._entering.__aexit__(None, None, None)


def make(url: str, asynchronous: bool, transport: Any = None, retries: int = 0) -> Any:
    if asynchronous:
        return Asynchronous(url, retries=retries)
    made = client(url, retries=retries)
    if transport is not None:
        made._endpoint.http_session = Interrupting(made._endpoint.http_session, before=transport.__name__ == "striking")
    return made


class Interrupting:
    """Ctrl-C strikes before the answer, or after `MARKER`: what the tests' transports do, for a client without httpx."""

    def __init__(self, session: Any, *, before: bool) -> None:
        self._session = session
        self._before = before

    def send(self, request: Any) -> Any:
        if self._before:
            raise KeyboardInterrupt
        response = self._session.send(request)
        response.raw = Interrupted(response.raw)
        return response

    def close(self) -> None:
        self._session.close()


class Interrupted:
    """Its body."""

    def __init__(self, raw: Any) -> None:
        self._raw = raw

    def stream(self) -> Any:
        arrived = b""
        for piece in self._raw.stream():
            arrived += piece
            yield piece
            if any(_says_so(payload) for _, payload in aws_event_stream.frames(arrived)):
                raise KeyboardInterrupt

    def close(self) -> None:
        self._raw.close()


def _says_so(payload: bytes) -> bool:
    said = json.loads(payload)
    return MARKER.encode() in (payload if "bytes" not in said else base64.b64decode(said["bytes"]))


def read_body(answer: Mapping[str, Any]) -> Any:
    """The body of InvokeModel, read as most hosts do, with what came beside it."""
    return {**answer, "body": json.loads(answer["body"].read())}


def invoke(client: Any) -> Any:
    answer = client.invoke_model(modelId=MODEL, body=json.dumps(BODY))
    if not hasattr(answer, "__await__"):
        return read_body(answer)

    async def read() -> Any:
        said = await answer
        return {**said, "body": json.loads(await said["body"].read())}

    return read()


def streamed(client: Any, name: str, key: str, **arguments: Any) -> Any:
    """The event stream in an answer."""
    answer = getattr(client, name)(modelId=MODEL, **arguments)
    if not hasattr(answer, "__await__"):
        return answer[key]

    async def stream() -> Any:
        return (await answer)[key]

    return stream()


ERROR = {"message": "The engine is overheated."}
BROKEN = aws_event_stream.error("modelStreamErrorException", "The engine is overheated.")

SERVICES = (
    Other(
        name="bedrock converse",
        package="aiobotocore",
        model=MODEL,
        served="",
        whole={**whole(), "id": None},
        events=aws_event_stream.converse(ANSWER, usage=USAGE),
        events_arrived=aws_event_stream.converse_pieces(ANSWER[:ARRIVED]),
        error_event=BROKEN,
        error=ERROR,
        finish="end_turn",
        input_tokens=20,
        output_tokens=9,
        stream_type=aws_event_stream.TYPE,
        make=make,
        value=lambda client: client.converse(modelId=MODEL, messages=MESSAGES),
        streamed=lambda client: streamed(client, "converse_stream", "stream", messages=MESSAGES),
        left_out={"sync connection cut": "botocore takes half a body for an empty answer, and tells the host nothing"},
    ),
    Other(
        name="bedrock invoke",
        package="aiobotocore",
        model=MODEL,
        served=anthropic_wire.SERVED,
        whole=anthropic_wire.message(),
        events=invoked_events(anthropic_wire.message_events()),
        events_arrived=[aws_event_stream.chunk(event) for event in anthropic_wire.message_pieces(ANSWER[:ARRIVED])],
        error_event=BROKEN,
        error=ERROR,
        finish="end_turn",
        input_tokens=20,
        output_tokens=9,
        stream_type=aws_event_stream.TYPE,
        make=make,
        value=invoke,
        streamed=lambda client: streamed(client, "invoke_model_with_response_stream", "body", body=json.dumps(BODY)),
    ),
)
