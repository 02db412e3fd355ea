"""A LangGraph agent with a tool, against any server that speaks OpenAI's API: one trace for one added line.

pip install genba langchain langchain-openai
OPENAI_BASE_URL=… OPENAI_API_KEY=… python agent_langgraph.py
genba show last
"""

from __future__ import annotations

import os

from langchain.agents import create_agent
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI

import genba

genba.init()  # LangChain's callbacks and the client below it: each model call is one span


@tool
def weather(city: str) -> str:
    """The weather in a city now."""
    return f"18 degrees and sunny in {city}"


model = ChatOpenAI(model=os.environ.get("OPENAI_MODEL", "smollm2-135m"), temperature=0, max_completion_tokens=64)
forecaster = create_agent(model, [weather], name="forecaster")

# The thread's id becomes the conversation's; a small model may never stop asking, so its steps are limited.
answer = forecaster.invoke(
    {"messages": [("user", "What is the weather in Paris?")]},
    {"configurable": {"thread_id": "demo"}, "recursion_limit": 8},
)
print(answer["messages"][-1].content)
