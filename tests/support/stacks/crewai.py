"""CrewAI → OpenAI, by its own client and by LiteLLM: a crew with a tool, in a plain program, in one with a loop, and streamed."""

from __future__ import annotations

import asyncio
import functools
import os
import tempfile
import warnings
from collections.abc import Sequence
from typing import Any

from support import openai_wire as wire
from support.litellm_hushed import hush
from support.stacks import Stack
from support.wire import Reply, json_answer

MODEL = "gpt-4o-mini"
"""One that both clients know to be able to call tools."""
TREE = [
    "invoke_workflow weather desk",
    "  task look",
    "    invoke_agent Meteorologist",
    f"      chat {MODEL}",
    "      execute_tool weather",
    f"      chat {MODEL}",
]


@functools.cache
def folder() -> str:
    """Where it keeps what it remembers of its runs: versions of it do not read each other's."""
    return tempfile.mkdtemp(prefix="genba-crewai-")


def quiet() -> None:
    """Nothing is sent to the vendor, nobody is asked anything, and the framework may use what it itself deprecates."""
    warnings.filterwarnings("ignore", "(function_calling_llm is )?deprecated", DeprecationWarning)
    warnings.filterwarnings("ignore", "Cannot set an attribute on 'crewai.rag'", ImportWarning)
    os.environ.update(CREWAI_DISABLE_TELEMETRY="true", CREWAI_DISABLE_TRACKING="true", CREWAI_TRACING_ENABLED="false")
    os.environ["CREWAI_STORAGE_DIR"] = folder()


def model(url: str, over: str = "openai", **more: Any) -> Any:
    """The framework's model: over OpenAI's own client, or over LiteLLM."""
    quiet()
    from crewai import LLM

    if over == "litellm":
        hush()
    return LLM(model=f"openai/{MODEL}", base_url=f"{url}/v1", api_key="none", is_litellm=over == "litellm", **more)


def agent(model: Any, **more: Any) -> Any:
    """An agent with a tool."""
    from crewai import Agent
    from crewai.tools import tool

    @tool("weather")
    def weather(city: str) -> str:
        """The weather in a city."""
        return f"sunny in {city}"

    options = {"role": "Meteorologist", "goal": "Know the weather.", "backstory": "Long at it.", "tools": [weather]}
    return Agent(llm=model, **{**options, **more})


def crew(agent: Any, **more: Any) -> Any:
    """A crew of one, with one task."""
    from crewai import Crew, Task

    task = Task(name="look", description="How is the weather?", expected_output="One line.", agent=agent)
    return Crew(name="weather desk", agents=[agent], tasks=[task], **more)


def replies(*, stream: bool = False) -> Sequence[Reply]:
    """A tool call, then the answer."""
    if stream:
        asked = [*wire.chat_tool_chunks(), wire.chat_chunk({}, choices=[], usage=wire.CHAT_USAGE)]
        return [wire.chunks_stream(asked), wire.chunks_stream(wire.chat_chunks(usage=True))]
    return [json_answer(wire.chat(None, tool_calls=[wire.WEATHER_CALL])), json_answer(wire.chat())]


def play_sync(url: str, over: str) -> None:
    """A plain program."""
    crew(agent(model(url, over))).kickoff()


def play_async(url: str, over: str) -> None:
    """A program with a loop."""

    async def run() -> None:
        await crew(agent(model(url, over))).akickoff()

    asyncio.run(run())


def play_thread(url: str, over: str) -> None:
    """A program with a loop that has the crew work in a thread."""

    async def run() -> None:
        await crew(agent(model(url, over))).kickoff_async()

    asyncio.run(run())


def play_stream(url: str, over: str) -> None:
    """A streamed answer."""
    crew(agent(model(url, over, stream=True))).kickoff()


STACKS = [
    Stack(
        name=f"crewai → {over}, {form}",
        packages=["crewai", over],
        replies=lambda form=form: replies(stream=form == "stream"),  # type: ignore[misc]
        play=lambda url, play=play, over=over: play(url, over),  # type: ignore[misc]
        input_tokens=40,
        output_tokens=18,
        tree=TREE,
    )
    for over in ("openai", "litellm")
    for form, play in (("sync", play_sync), ("async", play_async), ("thread", play_thread), ("stream", play_stream))
]
