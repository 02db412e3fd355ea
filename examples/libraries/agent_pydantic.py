"""Run an agent of Pydantic AI with a tool, against the server that OPENAI_BASE_URL names."""

from __future__ import annotations

import os

from pydantic_ai import Agent
from pydantic_ai.models.openai import OpenAIChatModel

import genba

genba.init()
agent = Agent(OpenAIChatModel(os.environ.get("OPENAI_MODEL", "gpt-5-mini")), name="forecaster", instructions="Be brief.")


@agent.tool_plain
def weather(city: str) -> str:
    """The weather in a city now."""
    return f"sunny in {city}"


print(agent.run_sync("How is the weather in Bath?").output)
