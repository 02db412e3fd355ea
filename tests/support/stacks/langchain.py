"""LangChain and LangGraph over OpenAI's and Anthropic's clients: models alone, in a chain, in an agent with a tool."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from support import anthropic_wire, openai_wire
from support.stacks import Stack
from support.wire import Reply, json_answer

QUESTION = openai_wire.QUESTION
CHAT = f"chat {openai_wire.MODEL}"
AGENT_TREE = ["invoke_agent forecaster", "  model", f"    {CHAT}", "  tools", "    execute_tool weather", "  model", f"    {CHAT}"]
_made = itertools.count()
CHAIN_TREE = ["invoke_workflow RunnableSequence", f"  {CHAT}"]


def chat_openai(url: str) -> Any:
    import openai
    from langchain_openai import ChatOpenAI

    return ChatOpenAI(
        model=openai_wire.MODEL,
        base_url=f"{url}/v1",
        api_key="none",
        max_retries=0,
        stream_usage=True,
        use_responses_api=False,
        http_async_client=openai.DefaultAsyncHttpxClient(),  # the one that it would share outlives our event loop
    )


def chat_anthropic(url: str) -> Any:
    from langchain_anthropic import ChatAnthropic

    # It shares one asynchronous client among models of the same timeout, also when the event loop of the first one is closed.
    timeout = 60.0 + next(_made)
    return ChatAnthropic(model_name=anthropic_wire.MODEL, base_url=url, api_key="none", max_retries=0, timeout=timeout, stop=None)


def chain(url: str) -> Any:
    from langchain_core.output_parsers import StrOutputParser
    from langchain_core.prompts import ChatPromptTemplate

    return ChatPromptTemplate.from_template("{question}") | chat_openai(url) | StrOutputParser()


def agent(url: str) -> Any:
    from langchain.agents import create_agent
    from langchain_core.tools import tool

    @tool
    def weather(city: str) -> str:
        """The weather in a city."""
        return f"sunny in {city}"

    return create_agent(chat_openai(url), [weather], name="forecaster")


async def _all(stream: Any) -> list[Any]:
    return [chunk async for chunk in stream]


TOKENS: dict[str, Callable[[Any, Any], Any]] = {
    "tokens": lambda graph, asked: list(graph.stream(asked, stream_mode="messages")),
    "async tokens": lambda graph, asked: asyncio.run(_all(graph.astream(asked, stream_mode="messages"))),
}
WAYS: dict[str, Callable[[Any, Any], Any]] = {
    "sync": lambda runnable, asked: runnable.invoke(asked),
    "async": lambda runnable, asked: asyncio.run(runnable.ainvoke(asked)),
    "stream": lambda runnable, asked: list(runnable.stream(asked)),
    "async stream": lambda runnable, asked: asyncio.run(_all(runnable.astream(asked))),
}


def _answers(*, streamed: bool) -> Sequence[Reply]:
    if streamed:
        return [openai_wire.chunks_stream(openai_wire.chat_chunks(usage=True))]
    return [json_answer(openai_wire.chat())]


def _anthropic_answers(*, streamed: bool) -> Sequence[Reply]:
    return [anthropic_wire.events_stream(anthropic_wire.message_events()) if streamed else json_answer(anthropic_wire.message())]


def _with_a_tool(*, streamed: bool) -> Sequence[Reply]:
    return [json_answer(openai_wire.chat(None, tool_calls=[openai_wire.WEATHER_CALL])), *_answers(streamed=False)]


def _with_a_streamed_tool(*, streamed: bool) -> Sequence[Reply]:
    usage = openai_wire.chat_chunk({}, choices=[], usage=openai_wire.CHAT_USAGE)
    return [openai_wire.chunks_stream([*openai_wire.chat_tool_chunks(), usage]), *_answers(streamed=True)]


def _stack(
    name: str,
    made: Callable[[str], Any],
    asked: Any,
    tree: Sequence[str],
    replies: Any,
    tokens: tuple[int, int],
    *packages: str,
    ways: Mapping[str, Callable[[Any, Any], Any]] = WAYS,
) -> list[Stack]:
    def one(way: str) -> Stack:
        return Stack(
            name=f"{name}, {way}",
            packages=["langchain_core", *packages],
            replies=lambda: replies(streamed=way.endswith("stream")),
            play=lambda url: ways[way](made(url), asked),
            input_tokens=tokens[0],
            output_tokens=tokens[1],
            tree=tree,
        )

    return [one(way) for way in ways]


def _two_answers(*, streamed: bool) -> Sequence[Reply]:
    return [json_answer(openai_wire.chat(id=f"chatcmpl-{number}")) for number in range(2)]


def _two_prompts() -> list[Any]:
    from langchain_core.messages import HumanMessage

    return [[HumanMessage("one")], [HumanMessage("two")]]


TOGETHER: dict[str, Callable[[Any, Any], Any]] = {
    "together": lambda model, _: model.generate(_two_prompts()),
    "async together": lambda model, _: asyncio.run(model.agenerate(_two_prompts())),
}
ASKED = {"messages": [("user", "How is the weather in Bath?")]}
STACKS = [
    *_stack("langchain → openai", chat_openai, QUESTION, [CHAT], _answers, (20, 9), "langchain_openai"),
    *_stack(
        "langchain → anthropic",
        chat_anthropic,
        QUESTION,
        [f"chat {anthropic_wire.MODEL}"],
        _anthropic_answers,
        (20, 9),
        "langchain_anthropic",
    ),
    *_stack("langchain → openai", chat_openai, None, [CHAT, CHAT], _two_answers, (40, 18), "langchain_openai", ways=TOGETHER),
    *_stack("chain → openai", chain, {"question": QUESTION}, CHAIN_TREE, _answers, (20, 9), "langchain_openai"),
    *_stack(
        "langgraph → langchain → openai",
        agent,
        ASKED,
        AGENT_TREE,
        _with_a_tool,
        (40, 18),
        "langchain.agents.middleware",
        "langchain_openai",
    ),
    *_stack(
        "langgraph → langchain → openai",
        agent,
        ASKED,
        AGENT_TREE,
        _with_a_streamed_tool,
        (40, 18),
        "langchain.agents.middleware",
        "langchain_openai",
        ways=TOKENS,
    ),
]
