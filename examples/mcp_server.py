"""A tiny MCP server over its pipes, with one tool; `agent_openai.py` starts it. It traces itself into the same trace."""

from __future__ import annotations

from mcp.server.mcpserver import MCPServer

import genba

genba.init(service_name="weather-station")
server = MCPServer("weather-station", log_level="ERROR")


@server.tool()
def measure(city: str) -> str:
    """Measure the temperature in a city."""
    return f"18 degrees in {city}"


if __name__ == "__main__":
    server.run()
