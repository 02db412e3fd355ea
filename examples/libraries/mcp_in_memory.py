"""Call a tool of an MCP server in memory: two spans, the client's and below it the server's."""

from __future__ import annotations

import asyncio

from mcp import Client
from mcp.server.mcpserver import MCPServer

import genba

genba.init()
server = MCPServer("calculator")


@server.tool()
def add(a: int, b: int) -> int:
    """The sum of two numbers."""
    return a + b


async def main() -> None:
    """Ask for a sum."""
    async with Client(server) as client:
        result = await client.call_tool("add", {"a": 1, "b": 2})
        print(result.structured_content)


asyncio.run(main())
