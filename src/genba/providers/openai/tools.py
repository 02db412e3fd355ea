"""The tools that were offered to the model, and what the model asks of them."""

from __future__ import annotations

from typing import Any

import orjson

from ...conversation import JSON, Part, ToolDefinition, parts
from . import wire

_SECRET = ("authorization", "headers")
"""What the definition of a remote tool may hold that belongs in no trace."""


def read_definitions(body: dict[str, Any]) -> list[ToolDefinition]:
    """What the request offers: `tools` in either API's form, or the older `functions`."""
    offered = [_definition(tool) for tool in wire.objects(body.get("tools"))]
    return offered + [_function(function) for function in wire.objects(body.get("functions"))]


def read_calls(message: dict[str, Any]) -> list[Part]:
    """The `tool_calls` of a chat message, or its older `function_call`."""
    calls = [_call(call) for call in wire.objects(message.get("tool_calls"))]
    legacy = wire.fields(message.get("function_call"))
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
    kind = wire.text(tool, "type") or "function"
    nested = wire.fields(tool.get(kind))
    if kind == "function":
        return _function(nested or tool)
    flat = {**wire.rest(tool, kind), **nested} if nested else tool
    name = wire.text(flat, "name", "server_label") or kind
    described: ToolDefinition = {"type": kind, "name": name}
    return {**described, **wire.rest(flat, "type", "name", *_SECRET)}  # type: ignore[typeddict-item]  # built-in tools keep their own keys


def _function(function: dict[str, Any]) -> ToolDefinition:
    more = wire.rest(function, "type", "name", "description", "parameters")
    return parts.function_tool(
        wire.text(function, "name") or "", wire.text(function, "description"), function.get("parameters"), **more
    )


def _call(call: dict[str, Any]) -> Part:
    id, more = wire.text(call, "id"), wire.rest(call, "type", "id", "index", "function", "custom", "name", "arguments")
    custom = wire.fields(call.get("custom"))
    if custom:  # its input is free text, even where it looks like JSON
        return parts.tool_call(wire.text(custom, "name") or "", custom.get("input"), id, **more)
    return _function_call(wire.fields(call.get("function")), id, **more)


def _function_call(function: dict[str, Any], id: str | None, **more: JSON) -> Part:
    return parts.tool_call(wire.text(function, "name") or "", arguments(function.get("arguments")), id, **more)
