"""smolagents over OpenAI's client and over LiteLLM: models alone, and an agent with a tool."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from support import openai_wire as wire
from support.litellm_hushed import hush
from support.stacks import Stack
from support.wire import Reply, json_answer

CHAT = f"chat {wire.MODEL}"
AGENT = ["invoke_agent forecaster", f"  {CHAT}", "  execute_tool weather", f"  {CHAT}", "  execute_tool final_answer"]


def over_openai(url: str) -> Any:
    from smolagents import OpenAIServerModel

    return OpenAIServerModel(model_id=wire.MODEL, api_base=f"{url}/v1", api_key="none")


def over_litellm(url: str) -> Any:
    from smolagents import LiteLLMModel

    hush()
    return LiteLLMModel(model_id=f"openai/{wire.MODEL}", api_base=f"{url}/v1", api_key="none")


def agent(model: Any, **options: Any) -> Any:
    from smolagents import LogLevel, ToolCallingAgent, tool

    @tool
    def weather(city: str) -> str:
        """The weather in a city.

        Args:
            city: Which one.
        """
        return f"sunny in {city}"

    return ToolCallingAgent(
        tools=[weather],
        model=model,
        name="forecaster",
        description="Knows the weather.",
        max_steps=3,
        verbosity_level=LogLevel.OFF,
        **options,
    )


def says(text: str) -> list[Any]:
    return [{"role": "user", "content": [{"type": "text", "text": text}]}]


def calls(name: str, arguments: str) -> dict[str, Any]:
    return {"id": f"call_{name}", "type": "function", "function": {"name": name, "arguments": arguments}}


def agent_replies() -> list[Reply]:
    turns = (calls("weather", '{"city": "Bath"}'), calls("final_answer", '{"answer": "Sunny."}'))
    return [json_answer(wire.chat(None, tool_calls=[call])) for call in turns]


def _stack(name: str, play: Callable[[str], Any], replies: Callable[[], Sequence[Reply]], tree: Sequence[str], over: str) -> Stack:
    turns = len(replies())
    return Stack(
        name=f"smolagents → {name}",
        packages=("smolagents", *over.split()),
        replies=replies,
        play=play,
        input_tokens=20 * turns,
        output_tokens=9 * turns,
        tree=tree,
    )


def _value() -> list[Reply]:
    return [json_answer(wire.chat())]


def _streamed() -> list[Reply]:
    return [wire.chunks_stream(wire.chat_chunks(usage=True))]


STACKS = (
    _stack("openai", lambda url: over_openai(url).generate(says(wire.QUESTION)), _value, [CHAT], "openai"),
    _stack("openai, stream", lambda url: list(over_openai(url).generate_stream(says(wire.QUESTION))), _streamed, [CHAT], "openai"),
    _stack("openai, agent", lambda url: agent(over_openai(url)).run("How is Bath?"), agent_replies, AGENT, "openai"),
    _stack(
        "openai, agent streamed",
        lambda url: list(agent(over_openai(url)).run("How is Bath?", stream=True)),
        agent_replies,
        AGENT,
        "openai",
    ),
    _stack("litellm", lambda url: over_litellm(url).generate(says(wire.QUESTION)), _value, [CHAT], "litellm"),
    _stack(
        "litellm, stream",
        lambda url: list(over_litellm(url).generate_stream(says(wire.QUESTION))),
        _streamed,
        [CHAT],
        "litellm",
    ),
)
