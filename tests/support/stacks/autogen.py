"""AutoGen → OpenAI: an agent with a tool, and a team, at once and streamed."""

from __future__ import annotations

import asyncio
import warnings
from collections.abc import Sequence
from typing import Any

from support import openai_wire as wire
from support.stacks import Stack
from support.wire import Reply, json_answer

CHAT = f"chat {wire.MODEL}"
AGENT = ["invoke_agent helper", f"  {CHAT}", "  execute_tool weather", f"  {CHAT}"]
TEAM = ["invoke_workflow desk", *(f"  {line}" for line in AGENT), "  invoke_agent critic", f"    {CHAT}"]


def model(url: str) -> Any:
    """The framework's model over the real client."""
    from autogen_ext.models.openai import OpenAIChatCompletionClient

    able = {"vision": False, "function_calling": True, "json_output": True, "family": "unknown", "structured_output": True}
    return OpenAIChatCompletionClient(
        model=wire.MODEL, base_url=f"{url}/v1", api_key="none", max_retries=0, model_info=able, include_name_in_message=False
    )  # fmt: skip


async def weather(city: str) -> str:
    """The weather in a city."""
    return f"sunny in {city}"


def agent(model: Any, **more: Any) -> Any:
    """An agent with a tool, that says what it made of its result."""
    warnings.filterwarnings("ignore", "Resolved model mismatch")  # it takes any name but the one it asked for to be a mistake
    from autogen_agentchat.agents import AssistantAgent

    options = {"name": "helper", "system_message": "Be brief.", "tools": [weather], "reflect_on_tool_use": True}
    return AssistantAgent(model_client=model, **{**options, **more})


def team(model: Any, **more: Any) -> Any:
    """Two agents that speak in turn, once each."""
    from autogen_agentchat.conditions import MaxMessageTermination
    from autogen_agentchat.teams import RoundRobinGroupChat

    streams = {"model_client_stream": more.pop("model_client_stream", False)}
    both = [agent(model, **streams), agent(model, name="critic", tools=None, reflect_on_tool_use=None, **streams)]
    return RoundRobinGroupChat(both, name="desk", termination_condition=MaxMessageTermination(3), **more)


def replies(*, stream: bool = False, team: bool = False) -> Sequence[Reply]:
    """A tool call, then the answer, then that of another agent."""
    if stream:
        asked = [*wire.chat_tool_chunks(), wire.chat_chunk({}, choices=[], usage=wire.CHAT_USAGE)]
        said: list[Reply] = [wire.chunks_stream(wire.chat_chunks(usage=True)) for _ in range(2)]
        return [wire.chunks_stream(asked), *said[: 1 + team]]
    return [json_answer(wire.chat(None, tool_calls=[wire.WEATHER_CALL])), *(json_answer(wire.chat()) for _ in range(1 + team))]


def play_agent(url: str) -> None:
    asyncio.run(agent(model(url)).run(task="How is the weather?"))


def play_agent_stream(url: str) -> None:
    asyncio.run(_read(agent(model(url), model_client_stream=True)))


def play_team(url: str) -> None:
    async def run() -> None:
        await team(model(url)).run(task="How is the weather?")

    asyncio.run(run())


def play_team_stream(url: str) -> None:
    async def run() -> None:
        await _read(team(model(url), model_client_stream=True))

    asyncio.run(run())


async def _read(works: Any) -> None:
    async for _ in works.run_stream(task="How is the weather?"):
        pass


STACKS = [
    Stack(
        name=f"autogen → openai, {form}",
        packages=["autogen_agentchat", "autogen_ext.models.openai"],
        replies=lambda form=form: replies(stream="stream" in form, team="team" in form),  # type: ignore[misc]
        play=play,
        input_tokens=20 * (3 if "team" in form else 2),
        output_tokens=9 * (3 if "team" in form else 2),
        tree=TEAM if "team" in form else AGENT,
    )
    for form, play in (
        ("agent", play_agent), ("agent stream", play_agent_stream), ("team", play_team), ("team stream", play_team_stream),
    )
]  # fmt: skip
