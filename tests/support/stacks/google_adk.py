"""Google's agents over Google's client: plain and streamed, with a tool, and one agent that hands over to another."""

from __future__ import annotations

import asyncio
import os
import warnings
from collections.abc import Callable
from typing import Any
from unittest import mock

from support.clients import google_genai as wire
from support.clients.google_genai import MODEL, answer, call, said, stream
from support.stacks import Stack


def get_weather(city: str) -> dict[str, str]:
    """Say the weather."""
    return {"sky": f"blue over {city}"}


def model(url: str) -> Any:
    """A model that talks to the fake server."""
    from google.adk.models import Gemini

    class Local(Gemini):
        @property
        def api_client(self) -> Any:
            return wire.client(url)

    return Local(model=MODEL)


def agent(url: str, **more: Any) -> Any:
    from google.adk.agents import LlmAgent

    return LlmAgent(**{"name": "meteorologist", "model": model(url), "description": "Knows the sky.", **more})


async def run(root: Any, question: str = "Weather?", *, streams: bool = False) -> list[Any]:
    """Everything that happened in one run."""
    from google.adk.agents.run_config import RunConfig, StreamingMode
    from google.adk.runners import InMemoryRunner
    from google.genai import types

    runner = InMemoryRunner(agent=root, app_name="sky")
    session = await runner.session_service.create_session(app_name="sky", user_id="someone")
    config = RunConfig(streaming_mode=StreamingMode.SSE if streams else StreamingMode.NONE)
    message = types.Content(role="user", parts=[types.Part(text=question)])
    steps = runner.run_async(user_id="someone", session_id=session.id, new_message=message, run_config=config)
    return [event async for event in steps]


def run_without_a_loop(root: Any) -> list[Any]:
    """The same by the method that plain code calls: it runs in a thread of its own."""
    from google.adk.runners import InMemoryRunner
    from google.genai import types

    runner = InMemoryRunner(agent=root, app_name="sky")
    session = asyncio.run(runner.session_service.create_session(app_name="sky", user_id="someone"))
    message = types.Content(role="user", parts=[types.Part(text="Weather?")])
    return list(runner.run(user_id="someone", session_id=session.id, new_message=message))


def _play(run: Callable[[Any], Any], **agent_options: Any) -> Callable[[str], Any]:
    def play(url: str) -> None:
        with mock.patch.dict(os.environ, SCHEMA), warnings.catch_warnings():
            warnings.filterwarnings("ignore", ".EXPERIMENTAL. feature", UserWarning)
            finished = run(agent(url, **agent_options))
            if asyncio.iscoroutine(finished):
                finished = asyncio.run(finished)
        assert finished[-1].content.parts[0].text == "Blue."

    return play


SCHEMA = {"ADK_TELEMETRY_SCHEMA_VERSION_OPT_IN": "2"}
"""Its spans as they are by default from 2.13 on."""
TREE = [
    "invoke_workflow meteorologist",
    "  invoke_agent meteorologist",
    f"    generate_content {MODEL}",
    "    execute_tool get_weather",
    f"    generate_content {MODEL}",
]
ASKS = call("get_weather", {"city": "Bern"}, "call-1")


def _stack(form: str, play: Callable[[str], Any], replies: Callable[[], list[Any]]) -> Stack:
    return Stack(
        name=f"google-adk → google-genai, {form}",
        packages=("google.adk", "google.genai"),
        replies=replies,
        play=play,
        input_tokens=40,
        output_tokens=18,
        tree=TREE,
    )


STACKS = (
    _stack("async", _play(run, tools=[get_weather]), lambda: [answer(ASKS), answer("Blue.")]),
    _stack("sync", _play(run_without_a_loop, tools=[get_weather]), lambda: [answer(ASKS), answer("Blue.")]),
    _stack(
        "async stream",
        _play(lambda root: run(root, streams=True), tools=[get_weather]),
        lambda: [stream([said(ASKS)]), stream(wire.pieces(["Bl", "ue."], last=True))],
    ),
)
