"""An AutoGen team of two agents that speak in turn: one tree, with each agent's model calls below it."""

from __future__ import annotations

import asyncio

from autogen_agentchat.agents import AssistantAgent
from autogen_agentchat.conditions import MaxMessageTermination
from autogen_agentchat.teams import RoundRobinGroupChat
from autogen_ext.models.openai import OpenAIChatCompletionClient

import genba

genba.init()


async def main() -> None:
    """Have both speak once, about what a person asks."""
    model = OpenAIChatCompletionClient(model="gpt-5-mini")  # which finds its address and key in OPENAI_BASE_URL and OPENAI_API_KEY
    both = [AssistantAgent("writer", model), AssistantAgent("critic", model)]
    team = RoundRobinGroupChat(both, name="desk", termination_condition=MaxMessageTermination(3))
    result = await team.run(task="Who makes honey?")
    print(result.messages[-1])


asyncio.run(main())
