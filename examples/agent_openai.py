"""An agent of the openai-agents SDK with a tool of its own, a tool of an MCP server, and a search: one trace of all of it."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Sequence
from operator import itemgetter
from pathlib import Path
from typing import Any

import agents
import openai
from agents.mcp import MCPServerStdio

import genba

genba.init()

MODEL = os.environ.get("OPENAI_MODEL", "smollm2-135m")
NOTES = {"n1": "In Paris people carry an umbrella from November to March.", "n2": "Rome is dry in summer."}
agents.set_trace_processors([])  # nothing is sent to the vendor; genba is told all the same


@genba.retrieval("notes")  # the query and the documents are recorded
def search(query: str, top_k: int = 1) -> Sequence[dict[str, Any]]:
    """The notes that share the most words with the query."""
    words = set(query.lower().split())
    found = [{"id": id, "score": len(words & set(note.lower().split())), "content": note} for id, note in NOTES.items()]
    return sorted(found, key=itemgetter("score"), reverse=True)[:top_k]


@agents.function_tool
def weather(city: str) -> str:
    """The weather in a city now."""
    (note,) = search(f"weather in {city}")
    return f"Sunny in {city}. {note['content']}"


async def main() -> None:
    """Ask about the weather: a first agent measures it, a second one tells it."""
    model = agents.OpenAIChatCompletionsModel(MODEL, openai.AsyncOpenAI())
    settings = agents.ModelSettings(temperature=0, max_tokens=64)
    environment = {**os.environ, "GENBA_SERVICE_NAME": "weather-station"}
    station = MCPServerStdio(
        name="weather-station",
        params={"command": sys.executable, "args": [str(Path(__file__).with_name("mcp_server.py"))], "env": environment},
    )
    async with station:
        measurer = agents.Agent(name="measurer", model=model, model_settings=settings, mcp_servers=[station])
        forecaster = agents.Agent(name="forecaster", model=model, model_settings=settings, tools=[weather])
        with agents.trace("weather report", group_id="demo"):
            for agent in (measurer, forecaster):
                try:
                    result = await agents.Runner.run(agent, "What is the weather in Paris?", max_turns=4)
                    print(f"{agent.name}: {result.final_output}")
                except agents.MaxTurnsExceeded:  # a small model may never stop asking
                    print(f"{agent.name} could not find out.")


asyncio.run(main())
