"""An agent with a tool: its run is a span, with the model's turns and the tool's calls below it."""

from __future__ import annotations

import os

from smolagents import LogLevel, OpenAIServerModel, ToolCallingAgent, tool

import genba

genba.init()


@tool
def weather(city: str) -> str:
    """The weather in a city.

    Args:
        city: Which one.
    """
    return f"sunny in {city}"


model = OpenAIServerModel("gpt-5-mini", api_base=os.environ["OPENAI_BASE_URL"], api_key=os.environ["OPENAI_API_KEY"])
agent = ToolCallingAgent([weather], model, name="forecaster", verbosity_level=LogLevel.OFF)
print(agent.run("How is the weather in Bath?"))
