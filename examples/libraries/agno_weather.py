"""An Agno agent with a tool: its run is a span, with the model's turns and the tool's calls below it."""

from __future__ import annotations

import os

from agno.agent import Agent
from agno.models.openai import OpenAIChat

import genba

genba.init()


def weather(city: str) -> str:
    """The weather in a city."""
    return f"sunny in {city}"


model = OpenAIChat(id="gpt-5-mini", base_url=os.environ["OPENAI_BASE_URL"], api_key=os.environ["OPENAI_API_KEY"])
agent = Agent(name="helper", model=model, tools=[weather], telemetry=False)
print(agent.run("How is the weather in Bath?").content)
