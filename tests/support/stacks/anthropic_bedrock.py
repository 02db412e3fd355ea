"""AnthropicBedrock, which borrows botocore's signature and speaks HTTP itself: one call, though both clients are traced."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from support import anthropic_wire, aws_event_stream
from support.clients.bedrock import MODEL, client, invoked_events
from support.stacks import Stack
from support.wire import Reply, Stream, json_answer

ASK = {"model": MODEL, "messages": anthropic_wire.MESSAGES, "max_tokens": 100}


def made(url: str, *, asynchronous: bool) -> Any:
    import anthropic

    client(url)  # botocore is there, and traced
    kind = anthropic.AsyncAnthropicBedrock if asynchronous else anthropic.AnthropicBedrock
    return kind(base_url=url, aws_access_key="id-for-tests", aws_secret_key="key-for-tests", aws_region="us-east-1", max_retries=0)


def whole() -> Sequence[Reply]:
    return [json_answer(anthropic_wire.message())]


def streamed() -> Sequence[Reply]:
    return [Stream(invoked_events(anthropic_wire.message_events()), content_type=aws_event_stream.TYPE)]


def play(url: str) -> None:
    with made(url, asynchronous=False) as bedrock:
        bedrock.messages.create(**ASK)


def play_stream(url: str) -> None:
    with made(url, asynchronous=False) as bedrock:
        assert list(bedrock.messages.create(**ASK, stream=True))


def play_async(url: str) -> None:
    async def run() -> None:
        async with made(url, asynchronous=True) as bedrock:
            await bedrock.messages.create(**ASK)

    asyncio.run(run())


def play_async_stream(url: str) -> None:
    async def run() -> None:
        async with made(url, asynchronous=True) as bedrock:
            async for _ in await bedrock.messages.create(**ASK, stream=True):
                pass

    asyncio.run(run())


STACKS = tuple(
    Stack(
        name=f"AnthropicBedrock beside botocore, {name}",
        packages=("anthropic", "boto3"),
        replies=replies,
        play=play,
        input_tokens=20,
        output_tokens=9,
        tree=(f"chat {MODEL}",),
    )
    for name, replies, play in (
        ("sync", whole, play),
        ("sync stream", streamed, play_stream),
        ("async", whole, play_async),
        ("async stream", streamed, play_async_stream),
    )
)
