"""The tools that were offered to the model, and what the model asks of them."""

from __future__ import annotations

from typing import Any

import orjson

from ...conversation import JSON, Part, ToolDefinition, parts
from ..json_fields import as_object, member, objects, rest, some_text

_SECRET = ("authorization", "headers")
"""What the definition of a remote tool may hold that belongs in no trace."""


def read_definitions(body: dict[str, Any]) -> list[ToolDefinition]:
    """What the request offers: `tools` in either API's form, or the older `functions`."""
    offered = [_definition(tool) for tool in objects(body.get("tools"))]
    return offered + [_function(function) for function in objects(body.get("functions"))]


def read_calls(message: dict[str, Any]) -> list[Part]:
    """The `tool_calls` of a chat message, or its older `function_call`."""
    calls = [_call(call) for call in objects(message.get("tool_calls"))]
    legacy = member(message, "function_call")
    return [*calls, _function_call(legacy, None)] if legacy else calls


def arguments(text: JSON) -> JSON:
    """What a model wrote as arguments: parsed, or as it wrote it where that is not JSON."""
    if not isinstance(text, str):
        return text
    try:
        return orjson.loads(text)
    except ValueError:
        return text


def _definition(tool: dict[str, Any]) -> ToolDefinition:
    kind = some_text(tool, "type") or "function"
    nested = as_object(tool.get(kind))
    if kind == "function":
        return _function(nested or tool)
    flat = {**rest(tool, kind), **nested} if nested else tool
    name = some_text(flat, "name", "server_label") or kind
    described: ToolDefinition = {"type": kind, "name": name}
    return {**described, **rest(flat, "type", "name", *_SECRET)}  # type: ignore[typeddict-item]  # built-in tools keep their own keys


def _function(function: dict[str, Any]) -> ToolDefinition:
    more = rest(function, "type", "name", "description", "parameters")
    return parts.function_tool(
        some_text(function, "name") or "", some_text(function, "description"), function.get("parameters"), **more
    )


def _call(call: dict[str, Any]) -> Part:
    id, more = some_text(call, "id"), rest(call, "type", "id", "index", "function", "custom", "name", "arguments")
    custom = member(call, "custom")
    if custom:  # its input is free text, even where it looks like JSON
        return parts.tool_call(some_text(custom, "name") or "", custom.get("input"), id, **more)
    return _function_call(member(call, "function"), id, **more)


def _function_call(function: dict[str, Any], id: str | None, **more: JSON) -> Part:
    return parts.tool_call(some_text(function, "name") or "", arguments(function.get("arguments")), id, **more)
