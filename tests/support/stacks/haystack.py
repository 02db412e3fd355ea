"""Haystack over OpenAI's client: a pipeline, and an agent with a tool."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Annotated, Any

from support import openai_wire
from support.stacks import Stack
from support.wire import Reply, json_answer

CHAT = f"chat {openai_wire.MODEL}"
TREE = ["invoke_workflow Pipeline", f"  {CHAT}"]
AGENT_TREE = ["invoke_agent", f"  {CHAT}", "  execute_tool weather", f"  {CHAT}"]


def generator(url: str, **more: Any) -> Any:
    from haystack.components.generators.chat import OpenAIChatGenerator
    from haystack.utils import Secret

    key = Secret.from_token("none")
    return OpenAIChatGenerator(model=openai_wire.MODEL, api_base_url=f"{url}/v1", api_key=key, max_retries=0, **more)


def pipeline(url: str, *, asynchronous: bool = False, **more: Any) -> Any:
    import haystack

    kind = getattr(haystack, "AsyncPipeline", haystack.Pipeline) if asynchronous else haystack.Pipeline  # one class from 3.0 on
    made = kind()
    made.add_component("llm", generator(url, **more))
    return made


def asked() -> dict[str, Any]:
    from haystack.dataclasses import ChatMessage

    return {"llm": {"messages": [ChatMessage.from_user(openai_wire.QUESTION)]}}


def agent(url: str) -> Any:
    from haystack.components.agents import Agent
    from haystack.tools import Tool

    def weather(city: Annotated[str, "Where"]) -> str:
        """The weather in a city."""
        return f"sunny in {city}"

    parameters = openai_wire.WEATHER_TOOL["function"]["parameters"]
    return Agent(chat_generator=generator(url), tools=[Tool("weather", "The weather in a city.", parameters, weather)])


async def _heard(chunk: Any) -> None:
    """A chunk arrived."""


def _answers(*, streamed: bool) -> Sequence[Reply]:
    if streamed:
        return [openai_wire.chunks_stream(openai_wire.chat_chunks(usage=True))]
    return [json_answer(openai_wire.chat())]


def _with_a_tool() -> Sequence[Reply]:
    return [json_answer(openai_wire.chat(None, tool_calls=[openai_wire.WEATHER_CALL])), *_answers(streamed=False)]


PLAYS: dict[str, Callable[[str], Any]] = {
    "sync": lambda url: pipeline(url).run(asked()),
    "async": lambda url: asyncio.run(pipeline(url, asynchronous=True).run_async(asked())),
    "stream": lambda url: pipeline(url, streaming_callback=id).run(asked()),
    "async stream": lambda url: asyncio.run(pipeline(url, asynchronous=True, streaming_callback=_heard).run_async(asked())),
}
AGENT_PLAYS: dict[str, Callable[[str], Any]] = {
    "sync": lambda url: agent(url).run(messages=asked()["llm"]["messages"]),
    "async": lambda url: asyncio.run(agent(url).run_async(messages=asked()["llm"]["messages"])),
}


def _stack(way: str) -> Stack:
    return Stack(
        name=f"haystack → openai, {way}",
        packages=["haystack"],
        replies=lambda: _answers(streamed=way.endswith("stream")),
        play=PLAYS[way],
        input_tokens=20,
        output_tokens=9,
        tree=TREE,
    )


def _agent_stack(way: str) -> Stack:
    return Stack(
        name=f"haystack agent → openai, {way}",
        packages=["haystack"],
        replies=_with_a_tool,
        play=AGENT_PLAYS[way],
        input_tokens=40,
        output_tokens=18,
        tree=AGENT_TREE,
    )


STACKS = [*(_stack(way) for way in PLAYS), *(_agent_stack(way) for way in AGENT_PLAYS)]
