"""LlamaIndex over OpenAI's client: a model alone, and an agent with a tool."""

from __future__ import annotations

import asyncio
import warnings
from collections.abc import Callable, Sequence
from typing import Any

from support import openai_wire
from support.stacks import Stack
from support.wire import Reply, json_answer

CHAT = "chat gpt-4o"
"""It looks models up in a table, so the name must be one of those."""


def llm(url: str) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # older releases use what newer ones of pydantic warn of, when they are imported
        from llama_index.llms.openai import OpenAI

    return OpenAI(model="gpt-4o", api_base=f"{url}/v1", api_key="none", max_retries=0, reuse_client=False)


def messages() -> list[Any]:
    from llama_index.core.llms import ChatMessage  # imported by `llm` before

    return [ChatMessage(openai_wire.QUESTION)]


async def _streamed(url: str) -> None:
    async for _ in await llm(url).astream_chat(messages()):
        pass


async def _agent(url: str) -> None:
    model = llm(url)
    from llama_index.core.agent.workflow import FunctionAgent

    def weather(city: str) -> str:
        """The weather in a city."""
        return f"sunny in {city}"

    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore", DeprecationWarning
        )  # it looks at every attribute of itself, deprecated ones of pydantic too
        await FunctionAgent(name="forecaster", tools=[weather], llm=model).run("How is the weather in Bath?")


def _answers(*, streamed: bool) -> Sequence[Reply]:
    if streamed:
        return [openai_wire.chunks_stream(openai_wire.chat_chunks(usage=True))]
    return [json_answer(openai_wire.chat())]


def _with_a_tool() -> Sequence[Reply]:
    usage = openai_wire.chat_chunk({}, choices=[], usage=openai_wire.CHAT_USAGE)
    return [openai_wire.chunks_stream([*openai_wire.chat_tool_chunks(), usage]), *_answers(streamed=True)]


PLAYS: dict[str, Callable[[str], Any]] = {
    "sync": lambda url: llm(url).chat(messages()),
    "async": lambda url: asyncio.run(llm(url).achat(messages())),
    "stream": lambda url: list(llm(url).stream_chat(messages())),
    "async stream": lambda url: asyncio.run(_streamed(url)),
    "completion": lambda url: llm(url).complete(openai_wire.QUESTION),
}


def _stack(way: str) -> Stack:
    return Stack(
        name=f"llama-index → openai, {way}",
        packages=["llama_index.llms.openai"],
        replies=lambda: _answers(streamed=way.endswith("stream")),
        play=PLAYS[way],
        input_tokens=20,
        output_tokens=9,
        tree=[CHAT],
    )


STACKS = [
    *(_stack(way) for way in PLAYS),
    Stack(
        name="llama-index agent → openai",
        packages=["llama_index.llms.openai"],
        replies=_with_a_tool,
        play=lambda url: asyncio.run(_agent(url)),
        input_tokens=40,
        output_tokens=18,
        tree=["invoke_agent forecaster", f"  {CHAT}", "  execute_tool weather", f"  {CHAT}"],
    ),
]
