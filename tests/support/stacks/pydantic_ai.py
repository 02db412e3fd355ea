"""pydantic-ai → OpenAI and Anthropic: an agent with a tool, at once and streamed, in a plain program and in one with a loop."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from support import anthropic_wire, openai_wire
from support.stacks import Stack
from support.wire import Reply, json_answer

MODELS = {"openai": openai_wire.MODEL, "openai responses": openai_wire.MODEL, "anthropic": anthropic_wire.MODEL}
TOKENS = {"openai": (20, 9), "openai responses": (21, 11), "anthropic": (20, 9)}


def model(url: str, provider: str) -> Any:
    """The framework's model over the real client."""
    if provider == "anthropic":
        import anthropic
        from pydantic_ai.models.anthropic import AnthropicModel
        from pydantic_ai.providers.anthropic import AnthropicProvider

        client = anthropic.AsyncAnthropic(base_url=url, api_key="key-for-tests", max_retries=0)
        return AnthropicModel(anthropic_wire.MODEL, provider=AnthropicProvider(anthropic_client=client))
    import openai
    from pydantic_ai.models.openai import OpenAIChatModel, OpenAIResponsesModel
    from pydantic_ai.providers.openai import OpenAIProvider

    kind = OpenAIChatModel if provider == "openai" else OpenAIResponsesModel
    asynchronous = openai.AsyncOpenAI(base_url=f"{url}/v1", api_key="key-for-tests", max_retries=0)
    return kind(openai_wire.MODEL, provider=OpenAIProvider(openai_client=asynchronous))


def agent(model: Any, **more: Any) -> Any:
    """An agent with a tool."""
    from pydantic_ai import Agent

    made = Agent(model, name="helper", instructions="Be brief.", **more)

    @made.tool_plain
    def weather(city: str) -> str:
        """The weather in a city."""
        return f"sunny in {city}"

    return made


def replies(provider: str, *, stream: bool) -> Sequence[Reply]:
    """A tool call, then the answer."""
    if provider == "anthropic":
        if stream:
            wire = anthropic_wire
            tool = wire.block(0, {**wire.TOOL_USE, "input": {}}, [{"type": "input_json_delta", "partial_json": '{"city": "Bath"}'}])
            return [wire.events_stream([wire.start(), *tool, *wire.end("tool_use")]), wire.events_stream(wire.message_events())]
        asked = anthropic_wire.message(content=[anthropic_wire.TOOL_USE], stop="tool_use")
        return [json_answer(asked), json_answer(anthropic_wire.message())]
    from support.stacks import openai_agents

    return openai_agents.replies("chat" if provider == "openai" else "responses", stream=stream)


def play_sync(url: str, provider: str) -> None:
    """A plain program."""
    agent(model(url, provider)).run_sync("How is the weather?")


def play_async(url: str, provider: str) -> None:
    """A program with a loop."""

    async def run() -> None:
        await agent(model(url, provider)).run("How is the weather?")

    asyncio.run(run())


def play_stream(url: str, provider: str) -> None:
    """A streamed run."""

    async def run() -> None:
        async with agent(model(url, provider)).run_stream("How is the weather?") as result:
            async for _ in result.stream_text():
                pass

    asyncio.run(run())


def _stack(provider: str, form: str, play: Any) -> Stack:
    read, written = TOKENS[provider]
    name = MODELS[provider]
    return Stack(
        name=f"pydantic-ai → {provider}, {form}",
        packages=["pydantic_ai", provider.partition(" ")[0]],
        replies=lambda: replies(provider, stream=form == "stream"),
        play=lambda url: play(url, provider),
        input_tokens=2 * read,
        output_tokens=2 * written,
        tree=["invoke_agent helper", f"  chat {name}", "  execute_tool weather", f"  chat {name}"],
    )


STACKS = [
    _stack(provider, form, play)
    for provider in MODELS
    for form, play in (("sync", play_sync), ("async", play_async), ("stream", play_stream))
]
