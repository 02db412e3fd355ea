"""The items that the Responses API takes and gives: messages, thoughts, tool calls of either side, references."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from ...conversation import JSON, Message, Part, parts
from ..json_fields import Object, objects, rest, some_text
from . import content, tools


class ServerTool(NamedTuple):
    """A tool that the provider runs: what it is called, and which fields of its item are the result."""

    name: str
    result: tuple[str, ...] = ()


SERVER_TOOLS = {
    "web_search_call": ServerTool("web_search"),
    "file_search_call": ServerTool("file_search", ("results",)),
    "code_interpreter_call": ServerTool("code_interpreter", ("outputs",)),
    "image_generation_call": ServerTool("image_generation", ("result",)),
    "mcp_call": ServerTool("mcp", ("output", "error")),
    "mcp_list_tools": ServerTool("mcp_list_tools", ("tools", "error")),
    "tool_search_call": ServerTool("tool_search"),
    "program": ServerTool("program"),
}
SERVER_TOOL_OUTPUTS = frozenset({"tool_search_output", "program_output"})
HOST_TOOLS = {
    "computer_call": "computer",
    "shell_call": "shell",
    "local_shell_call": "local_shell",
    "apply_patch_call": "apply_patch",
}
"""Built-in tools that the host runs: for the conversation they are tool calls like any other."""
HOST_TOOL_OUTPUTS = frozenset(
    {"function_call_output", "custom_tool_call_output", *(f"{call}_output" for call in HOST_TOOLS)},
)


def read(items: JSON) -> list[Message]:
    """The conversation that a list of items tells. What the model does in one go is one turn, as it is when it comes back."""
    turns: list[Message] = []
    for item in objects(items):
        role, said = role_of(item), read_parts(item)
        if role == "assistant" and turns and turns[-1]["role"] == "assistant":
            turns[-1] = parts.message(role, [*turns[-1]["parts"], *said])
        else:
            turns.append(parts.message(role, said))
    return turns


def role_of(item: Object) -> str:
    """Who speaks in this item."""
    kind = some_text(item, "type")
    if kind in HOST_TOOL_OUTPUTS:
        return "tool"
    # An item without a role is something that the model did, unless only the host can do it.
    return some_text(item, "role") or ("user" if kind in _BY_HOST else "assistant")


def read_parts(item: Object) -> list[Part]:
    """What the item says."""
    kind = some_text(item, "type") or ("message" if "role" in item else "item_reference")
    if kind in SERVER_TOOLS:
        return _server_tool(item, kind, SERVER_TOOLS[kind])
    if kind in SERVER_TOOL_OUTPUTS:
        found = {"type": kind, **rest(item, "type", "id", "call_id", "status")}
        return [parts.server_tool_call_response(found, some_text(item, "call_id", "id"))]
    if kind in HOST_TOOLS:
        asked = rest(item, "type", "id", "call_id", "status")
        return [parts.tool_call(HOST_TOOLS[kind], asked, some_text(item, "call_id", "id"))]
    if kind in HOST_TOOL_OUTPUTS:
        return [_output(item)]
    reader = _READERS.get(kind)
    return reader(item) if reader else [parts.other(kind, item)]


def waits_for_host(items: Sequence[Object]) -> bool:
    """Whether the model asked the host for a tool and stopped to wait for it."""
    kinds = {some_text(item, "type") for item in items}
    return bool(kinds & {"function_call", "custom_tool_call", *HOST_TOOLS}) and not kinds & HOST_TOOL_OUTPUTS


def _message(item: Object) -> list[Part]:
    phase = some_text(item, "phase")  # commentary, or the final answer
    said = content.read(item.get("content"))
    return [{**part, "phase": phase} for part in said] if phase else said


def _reasoning(item: Object) -> list[Part]:
    """Summaries, then the thoughts themselves where the server shows them. The encrypted form is an opaque reference."""
    texts = [some_text(piece, "text") for key in ("summary", "content") for piece in objects(item.get(key))]
    thoughts = [text for text in texts if text] or [""]
    reference = {"id": some_text(item, "id"), "encrypted_content": some_text(item, "encrypted_content")}
    return [parts.reasoning(thoughts[0], **reference), *(parts.reasoning(text) for text in thoughts[1:])]


def _function_call(item: Object) -> list[Part]:
    return [_call(item, tools.arguments(item.get("arguments")))]


def _custom_call(item: Object) -> list[Part]:
    return [_call(item, item.get("input"))]


def _call(item: Object, arguments: JSON) -> Part:
    more = rest(item, "type", "id", "call_id", "status", "name", "arguments", "input")
    return parts.tool_call(some_text(item, "name") or "", arguments, some_text(item, "call_id", "id"), **more)


def _output(item: Object) -> Part:
    result = item.get("output")
    if isinstance(result, dict) or (isinstance(result, list) and item.get("type") != "shell_call_output"):
        result = content.read(result)
    return parts.tool_call_response("" if result is None else result, some_text(item, "call_id", "id"))


def _server_tool(item: Object, kind: str, tool: ServerTool) -> list[Part]:
    id = some_text(item, "id")
    call = {"type": kind, **rest(item, "type", "id", *tool.result)}
    if "arguments" in call:
        call["arguments"] = tools.arguments(call["arguments"])
    asked = parts.server_tool_call(some_text(item, "name") or tool.name, call, id)
    found = {key: item[key] for key in tool.result if item.get(key) is not None}
    if kind == "image_generation_call":
        image = some_text(found, "result")
        return [asked, parts.blob("image", image, image_type(some_text(item, "output_format")))] if image else [asked]
    return [asked, parts.server_tool_call_response({"type": kind, **found}, id)] if found else [asked]


def image_type(format: str | None) -> str | None:
    """The MIME type of an image format by OpenAI's name for it."""
    return f"image/{'svg+xml' if format == 'svg' else format}" if format else None


def _compaction(item: Object) -> list[Part]:
    return [{**parts.compaction(id=some_text(item, "id")), **rest(item, "type", "id")}]


_READERS: dict[str, Callable[[Object], list[Part]]] = {
    "message": _message,
    "reasoning": _reasoning,
    "function_call": _function_call,
    "custom_tool_call": _custom_call,
    "compaction": _compaction,
}
_BY_HOST = frozenset({"mcp_approval_response", "item_reference", "compaction_trigger", "configuration_update", None})
