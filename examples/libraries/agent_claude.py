"""Ask Claude's Agent SDK, and see its answers and tools as one trace. CLAUDE_PROGRAM may name another command-line program."""

from __future__ import annotations

import asyncio
import os

from claude_agent_sdk import AssistantMessage, ClaudeAgentOptions, TextBlock, query

import genba

genba.init()


async def main() -> None:
    """Ask one question, and print what is said."""
    options = ClaudeAgentOptions(cli_path=os.environ.get("CLAUDE_PROGRAM"), allowed_tools=["Read"])
    async for message in query(prompt="Who makes honey? Look into bees.txt.", options=options):
        if isinstance(message, AssistantMessage):
            print(*(block.text for block in message.content if isinstance(block, TextBlock)))


asyncio.run(main())
