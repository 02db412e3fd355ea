"""A LangGraph agent with a search, and a tool of an MCP server: one trace of all of it, for one added line.

pip install genba langchain langchain-openai mcp
OPENAI_BASE_URL=… OPENAI_API_KEY=… python agent_langgraph.py
genba show last
"""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

from langchain.agents import create_agent
from langchain_core.callbacks import CallbackManagerForRetrieverRun
from langchain_core.documents import Document
from langchain_core.retrievers import BaseRetriever
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI
from mcp import ClientSession, StdioServerParameters, stdio_client

import genba

genba.init()  # LangChain's callbacks and the clients below them: each model call, tool and search is one span
STATION = StdioServerParameters(command=sys.executable, args=[str(Path(__file__).with_name("mcp_server.py"))], env=dict(os.environ))


class Notes(BaseRetriever):
    """What is known of cities."""

    def _get_relevant_documents(self, query: str, *, run_manager: CallbackManagerForRetrieverRun) -> list[Document]:
        return [Document(id="n1", page_content=f"In {query} people carry an umbrella from November to March.")]


@tool
async def weather(city: str) -> str:
    """The weather in a city now."""
    async with stdio_client(STATION) as (read, write), ClientSession(read, write) as station:
        await station.initialize()
        measured = await station.call_tool("measure", {"city": city})
    (note,) = await Notes().ainvoke(city)
    return f"{measured.content[0].text}. {note.page_content}"


async def main() -> None:
    """Ask about the weather."""
    model = ChatOpenAI(model=os.environ.get("OPENAI_MODEL", "smollm2-135m"), temperature=0, max_completion_tokens=64)
    forecaster = create_agent(model, [weather], name="forecaster")
    # The thread's id becomes the conversation's; a small model may never stop asking, so its steps are limited.
    answer = await forecaster.ainvoke(
        {"messages": [("user", "What is the weather in Paris?")]},
        {"configurable": {"thread_id": "demo"}, "recursion_limit": 8},
    )
    print(answer["messages"][-1].content)


asyncio.run(main())
