"""The tools that were offered to Gemini: declared functions, and what the service has built in."""

from __future__ import annotations

from ...conversation import JSON, ToolDefinition, parts
from ..json_fields import Object, as_object, rest, some_text
from .names import all_named, named

_SECRET = ("apiAuth", "authConfig", "headers", "apiKey")
"""What the definition of a built-in tool may hold that belongs in no trace."""


def read_definitions(body: Object) -> list[ToolDefinition]:
    """Every tool of the request. One entry of the list may hold many."""
    found: list[ToolDefinition] = []
    for tool in all_named(body.get("tools")):
        found += [_function(declared) for declared in all_named(tool.get("functionDeclarations"))]
        found += [_built_in(kind, settings) for kind, settings in tool.items() if kind != "functionDeclarations"]
    return found


def _function(declared: Object) -> ToolDefinition:
    schema = declared.get("parameters") or declared.get("parametersJsonSchema")
    more = rest(declared, "name", "description", "parameters", "parametersJsonSchema")
    return parts.function_tool(some_text(declared, "name") or "", some_text(declared, "description"), schema, **more)


def _built_in(kind: str, settings: JSON) -> ToolDefinition:
    if isinstance(settings, list):  # MCP servers, each by its name
        return {"type": kind, "name": kind, "servers": [some_text(each, "name") for each in all_named(settings)]}  # type: ignore[typeddict-unknown-key]  # built-in tools keep their own keys
    described: ToolDefinition = {"type": kind, "name": kind}
    return {**described, **rest(named(as_object(settings)), "type", "name", *_SECRET)}  # type: ignore[typeddict-item]  # built-in tools keep their own keys
