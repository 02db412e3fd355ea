"""Strands Agents → OpenAI: an agent with a tool, in a plain program, in one with a loop, and read as it goes."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from support import openai_wire as wire
from support.stacks import Stack
from support.wire import Reply

TREE = ["invoke_agent helper", f"  chat {wire.MODEL}", "  execute_tool weather", f"  chat {wire.MODEL}"]


def model(url: str) -> Any:
    """The framework's model over the real client, which it always asks for a stream."""
    from strands.models.openai import OpenAIModel

    return OpenAIModel(client_args={"base_url": f"{url}/v1", "api_key": "none", "max_retries": 0}, model_id=wire.MODEL)


def agent(model: Any, **more: Any) -> Any:
    """An agent with a tool."""
    from strands import Agent, tool

    @tool
    def weather(city: str) -> str:
        """The weather in a city."""
        return f"sunny in {city}"

    options = {"name": "helper", "system_prompt": "Be brief.", "tools": [weather], "callback_handler": None}
    return Agent(model=model, **{**options, **more})


def tool_call(name: str = "weather", arguments: str = '{"city": "Bath"}', id: str = "call_7") -> Reply:
    """The model asks for a tool."""
    call = {"index": 0, "id": id, "type": "function", "function": {"name": name, "arguments": arguments}}
    asks = wire.chat_chunk({"role": "assistant", "content": None, "tool_calls": [call]})
    return wire.chunks_stream([asks, wire.chat_chunk({}, "tool_calls"), wire.chat_chunk({}, choices=[], usage=wire.CHAT_USAGE)])


def answer(*pieces: str) -> Reply:
    """The model answers."""
    return wire.chunks_stream(wire.chat_chunks(pieces or wire.ANSWER, usage=True))


def replies() -> Sequence[Reply]:
    """A tool call, then the answer."""
    return [tool_call(), answer()]


def play_sync(url: str) -> None:
    """A plain program."""
    agent(model(url))("How is the weather?")


def play_async(url: str) -> None:
    """A program with a loop."""
    asyncio.run(agent(model(url)).invoke_async("How is the weather?"))


def play_stream(url: str) -> None:
    """A run that is read as it goes."""

    async def run() -> None:
        async for _ in agent(model(url)).stream_async("How is the weather?"):
            pass

    asyncio.run(run())


STACKS = [
    Stack(
        name=f"strands → openai, {form}",
        packages=["strands", "openai"],
        replies=replies,
        play=play,
        input_tokens=40,
        output_tokens=18,
        tree=TREE,
    )
    for form, play in (("sync", play_sync), ("async", play_async), ("stream", play_stream))
]
