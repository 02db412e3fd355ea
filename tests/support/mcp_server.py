"""A small MCP server, over its pipes: `python mcp_server.py SPANS` writes its own spans to that file."""

from __future__ import annotations

import importlib
import sys
from typing import Any


def make() -> Any:
    """A server with two tools, of either version."""
    try:
        kind = importlib.import_module("mcp.server.mcpserver").MCPServer
    except ImportError:
        kind = importlib.import_module("mcp.server.fastmcp").FastMCP
    made = kind("calculator", log_level="CRITICAL")

    @made.tool()
    def add(a: int, b: int) -> int:
        """The sum of two numbers."""
        return a + b

    @made.tool()
    def divide(a: int, b: int) -> float:
        """One number by another."""
        return a / b

    return made


if __name__ == "__main__":
    import genba

    genba.init(export=f"jsonl:{sys.argv[1]}", store="off")
    make().run()
