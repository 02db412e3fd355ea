"""Run an agent of the openai-agents SDK with a tool, against the server that OPENAI_BASE_URL names."""

from __future__ import annotations

import os

import agents
import openai

import genba

genba.init()
agents.set_trace_processors([])  # nothing is sent to the vendor; genba is told all the same


@agents.function_tool
def weather(city: str) -> str:
    """The weather in a city now."""
    return f"sunny in {city}"


model = agents.OpenAIChatCompletionsModel(os.environ.get("OPENAI_MODEL", "gpt-5-mini"), openai.AsyncOpenAI())
agent = agents.Agent(name="forecaster", instructions="Be brief.", model=model, tools=[weather])
print(agents.Runner.run_sync(agent, "How is the weather in Bath?").final_output)
