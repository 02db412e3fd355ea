"""A CrewAI crew with one task: the crew, its task, its agent, the agent's tool and its model calls, as one tree."""

from __future__ import annotations

from crewai import LLM, Agent, Crew, Task
from crewai.tools import tool

import genba

genba.init()


@tool("weather")
def weather(city: str) -> str:
    """The weather in a city."""
    return f"sunny in {city}"


llm = LLM(model="openai/gpt-4o-mini")  # which finds its address and key in OPENAI_BASE_URL and OPENAI_API_KEY
agent = Agent(role="Meteorologist", goal="Know the weather.", backstory="Long at it.", tools=[weather], llm=llm)
task = Task(name="look", description="How is the weather in Bath?", expected_output="One line.", agent=agent)
print(Crew(name="weather desk", agents=[agent], tasks=[task]).kickoff())
