"""A Strands agent with a tool: its own spans become genba's, and its model calls say what was on the wire."""

from __future__ import annotations

import os

from strands import Agent, tool
from strands.models.openai import OpenAIModel

import genba

genba.init()


@tool
def weather(city: str) -> str:
    """The weather in a city."""
    return f"sunny in {city}"


client = {"base_url": os.environ["OPENAI_BASE_URL"], "api_key": os.environ["OPENAI_API_KEY"]}
agent = Agent(name="helper", model=OpenAIModel(client_args=client, model_id="gpt-5-mini"), tools=[weather], callback_handler=None)
print(agent("How is the weather in Bath?"))
