"""An agent of Google's development kit with a tool: its run, its turns and its tool as one trace."""

from __future__ import annotations

import asyncio

import genba

genba.init()

from google.adk.agents import LlmAgent  # noqa: E402  # the kit may be imported before or after
from google.adk.runners import InMemoryRunner  # noqa: E402


def weather(city: str) -> dict[str, str]:
    """Say the weather in a city."""
    return {"sky": f"blue over {city}"}


agent = LlmAgent(name="meteorologist", model="gemini-3-flash", tools=[weather])  # reads GOOGLE_API_KEY and GOOGLE_GEMINI_BASE_URL
events = asyncio.run(InMemoryRunner(agent=agent).run_debug("What is the weather in Bern?", quiet=True))
for part in events[-1].content.parts:
    print(part.text)
