"""Agno → OpenAI: an agent with a tool, at once and streamed, in a plain program and in one with a loop."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from support import openai_wire as wire
from support.stacks import Stack
from support.wire import Reply, json_answer

CHAT = f"chat {wire.MODEL}"
TREE = ["invoke_agent helper", f"  {CHAT}", "  execute_tool weather", f"  {CHAT}"]


def model(url: str, **more: Any) -> Any:
    """The framework's model over the real client."""
    from agno.models.openai import OpenAIChat

    return OpenAIChat(id=wire.MODEL, base_url=f"{url}/v1", api_key="none", max_retries=0, **more)


def weather(city: str) -> str:
    """The weather in a city."""
    return f"sunny in {city}"


def agent(model: Any, **more: Any) -> Any:
    """An agent with a tool."""
    from agno.agent import Agent

    return Agent(model=model, **{"name": "helper", "instructions": "Be brief.", "tools": [weather], "telemetry": False, **more})


def replies(*, stream: bool = False, calls: Sequence[Any] = (wire.WEATHER_CALL,)) -> Sequence[Reply]:
    """A tool call, then the answer."""
    if stream:
        asked = [*wire.chat_tool_chunks(), wire.chat_chunk({}, choices=[], usage=wire.CHAT_USAGE)]
        return [wire.chunks_stream(asked), wire.chunks_stream(wire.chat_chunks(usage=True))]
    return [json_answer(wire.chat(None, tool_calls=calls)), json_answer(wire.chat())]


def play_sync(url: str) -> None:
    """A plain program."""
    agent(model(url)).run("How is the weather?")


def play_async(url: str) -> None:
    """A program with a loop."""

    async def run() -> None:
        await agent(model(url)).arun("How is the weather?")

    asyncio.run(run())


def play_stream(url: str) -> None:
    """A streamed run."""
    for _ in agent(model(url)).run("How is the weather?", stream=True):
        pass


def play_async_stream(url: str) -> None:
    """A streamed run in a program with a loop."""

    async def run() -> None:
        async for _ in agent(model(url)).arun("How is the weather?", stream=True):
            pass

    asyncio.run(run())


STACKS = [
    Stack(
        name=f"agno → openai, {form}",
        packages=["agno", "openai"],
        replies=lambda form=form: replies(stream="stream" in form),  # type: ignore[misc]
        play=play,
        input_tokens=40,
        output_tokens=18,
        tree=TREE,
    )
    for form, play in (("sync", play_sync), ("async", play_async), ("stream", play_stream), ("async stream", play_async_stream))
]
