"""The pieces a message is made of, as the plain JSON objects that the conventions define.

Parts are dictionaries, not classes: they are built once a call, away from the host's thread, and written by orjson as they are,
without null keys. The `TypedDict`s are the schema; the functions are how one is made.

Source: the message schemas of the OpenTelemetry GenAI semantic conventions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, TypedDict

if TYPE_CHECKING:
    from typing_extensions import NotRequired

JSON: TypeAlias = Any
"""A JSON value as `orjson.loads` gives it: dict, list, str, int, float, bool or None."""

Part: TypeAlias = Mapping[str, Any]
"""One piece of a message: an object with a `type`. The shapes below are the conventions'; any other `type` is allowed by them."""


class Message(TypedDict):
    """One turn of the conversation."""

    role: str
    parts: Sequence[Part]
    name: NotRequired[str]
    finish_reason: NotRequired[str]


class ToolDefinition(TypedDict):
    """A tool that was offered to the model. Built-in tools have a `type` other than `function` and keep their own keys."""

    type: str
    name: str
    description: NotRequired[str]
    parameters: NotRequired[JSON]


Modality: TypeAlias = Literal["image", "video", "audio", "document"] | str


def message(role: str, parts: Sequence[Part], *, name: str | None = None, finish_reason: str | None = None) -> Message:
    """A turn by `role` (`system`, `user`, `assistant`, `tool` or the provider's own word)."""
    turn: Message = {"role": role, "parts": parts}
    if name:
        turn["name"] = name
    if finish_reason:
        turn["finish_reason"] = finish_reason
    return turn


def text(content: str) -> Part:
    """What was written or said, as text."""
    return {"type": "text", "content": content}


def reasoning(content: str, /, **more: JSON) -> Part:
    """What the model thought aloud. Encrypted reasoning goes into `more`, as an opaque reference, with empty content."""
    return _present({"type": "reasoning", "content": content}, more)


def tool_call(name: str, arguments: JSON, id: str | None = None, /, **more: JSON) -> Part:
    """What the model asks the host to do. `arguments` is the parsed object, or the text itself when it is not valid JSON."""
    return _present({"type": "tool_call", "id": id, "name": name, "arguments": arguments}, more)


def tool_call_response(response: JSON, id: str | None = None, /, **more: JSON) -> Part:
    """What the host gave back for a tool call."""
    return _present({"type": "tool_call_response", "id": id, "response": response}, more)


def server_tool_call(name: str, call: Mapping[str, JSON], id: str | None = None) -> Part:
    """A tool that the provider runs itself. `call` holds at least its `type`."""
    return _present({"type": "server_tool_call", "id": id, "name": name, "server_tool_call": call}, {})


def server_tool_call_response(response: Mapping[str, JSON], id: str | None = None) -> Part:
    """What the provider's own tool found. `response` holds at least its `type`."""
    return _present({"type": "server_tool_call_response", "id": id, "server_tool_call_response": response}, {})


def blob(modality: Modality, content: str, mime_type: str | None = None, /, **more: JSON) -> Part:
    """Media that travelled inside the message, base64."""
    return _present({"type": "blob", "modality": modality, "mime_type": mime_type, "content": content}, more)


def file(modality: Modality, file_id: str, mime_type: str | None = None, /, **more: JSON) -> Part:
    """Media that the provider already has, by its id."""
    return _present({"type": "file", "modality": modality, "mime_type": mime_type, "file_id": file_id}, more)


def uri(modality: Modality, uri: str, mime_type: str | None = None, /, **more: JSON) -> Part:
    """Media that lies elsewhere. A data URL is a blob instead: see `media`."""
    return _present({"type": "uri", "modality": modality, "mime_type": mime_type, "uri": uri}, more)


def media(modality: Modality, url: str, /, **more: JSON) -> Part:
    """Media by its URL: a blob when the URL carries the data itself, else a reference."""
    if url.startswith("data:"):
        head, _, data = url[5:].partition(",")
        return blob(modality, data, head.split(";")[0] or None, **more)
    return uri(modality, url, **more)


def refusal(content: str) -> Part:
    """The model's words for why it will not answer."""
    return {"type": "refusal", "content": content}


def compaction(content: str | None = None, id: str | None = None) -> Part:
    """A summary that stands for turns left out."""
    return _present({"type": "compaction", "id": id, "content": content}, {})


def other(type: str, value: Mapping[str, JSON]) -> Part:
    """A piece that the conventions have no shape for, kept as the provider wrote it. It is `unknown` if it only claims to be of theirs."""
    needed, kind = _NEEDS.get(type, ("", object))
    return {**value, "type": "unknown" if needed and not isinstance(value.get(needed), kind) else type}


_NEEDS: Mapping[str, tuple[str, type]] = {
    **dict.fromkeys(("text", "reasoning", "refusal", "blob"), ("content", str)),
    "tool_call": ("name", str),
    "file": ("file_id", str),
    "uri": ("uri", str),
    "server_tool_call": ("server_tool_call", dict),
    "server_tool_call_response": ("server_tool_call_response", dict),
}
"""Part type -> the field that makes it one, and what must be in that."""


def completed(part: Part, more: Mapping[str, JSON]) -> Part:
    """The part, with what else is known of it. Its own fields stand."""
    return {**part, **{key: value for key, value in more.items() if value is not None and key not in part}}


def function_tool(name: str, description: str | None = None, parameters: JSON = None, /, **more: JSON) -> ToolDefinition:
    """A function that the host offered to the model. `parameters` is its JSON schema."""
    definition: ToolDefinition = {"type": "function", "name": name}
    if description:
        definition["description"] = description
    if parameters is not None:
        definition["parameters"] = parameters
    return completed(definition, more)  # type: ignore[return-value]  # the conventions allow further keys


def _present(values: dict[str, Any], more: Mapping[str, Any]) -> Part:
    return completed({key: value for key, value in values.items() if value is not None}, more)
