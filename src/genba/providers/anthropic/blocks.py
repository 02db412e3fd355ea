"""Content blocks of Anthropic's messages, in and out, as message parts.

What a block says about caching is left out; what has no shape in the conventions is kept as Anthropic wrote it.
"""

from __future__ import annotations

from collections.abc import Callable

from ...conversation import JSON, Part, parts
from ..json_fields import Object, member, present, text


def read(content: JSON) -> list[Part]:
    """The parts of a `content` or `system` field, which is a string or a list of blocks."""
    if isinstance(content, str):
        return [parts.text(content)]
    return [read_block(block) for block in content] if isinstance(content, list) else []


def read_block(block: JSON) -> Part:
    """One content block as a part."""
    if not isinstance(block, dict):
        return _unreadable(block)
    kind = text(block, "type")
    if kind is None:
        return _unreadable(block)
    reader = _READERS.get(kind) or (_server_tool_result if kind.endswith("_tool_result") else None)
    if reader is None:
        return parts.other(kind, block)
    return reader(block) or _unreadable(block)


# Each reader gives None for a block that lacks what makes it a block of its type.


def _text(block: Object) -> Part | None:
    content = text(block, "text")
    return None if content is None else {**parts.text(content), **_kept(block, "citations")}


def _image(block: Object) -> Part | None:
    return _media("image", block) or parts.other("image", block)


def _document(block: Object) -> Part | None:
    source = member(block, "source")
    written = text(source, "data")
    if source.get("type") == "text" and written is not None:
        return {**parts.text(written), **present({"mime_type": source.get("media_type")}), **_kept(block, "title", "context")}
    # A document made of blocks is left as it is.
    return _media("document", block, **_kept(block, "title", "context")) or parts.other("document", block)


def _media(modality: str, block: Object, **more: JSON) -> Part | None:
    source = member(block, "source")
    data, url, file_id = text(source, "data"), text(source, "url"), text(source, "file_id")
    if data is not None and source.get("type") == "base64":
        return parts.blob(modality, data, text(source, "media_type"), **more)
    if url is not None:
        return parts.media(modality, url, **more)
    return None if file_id is None else parts.file(modality, file_id, **more)


def _thinking(block: Object) -> Part | None:
    # Withheld thinking is an empty text with a signature, which is what the API asks to be sent back.
    thought = text(block, "thinking")
    return None if thought is None else parts.reasoning(thought, **_kept(block, "signature"))


def _redacted_thinking(block: Object) -> Part | None:
    return parts.reasoning("", encrypted_content=block.get("data"))


def _tool_use(block: Object) -> Part | None:
    name = text(block, "name")
    if name is None:
        return None
    return parts.tool_call(name, block.get("input"), text(block, "id"), **_kept(block, "toolset_name"), **_caller(block))


def _tool_result(block: Object) -> Part | None:
    content = block.get("content")
    # A tool may return nothing, but a part without a response would not be one.
    response = "" if content is None else content if isinstance(content, str) else read(content)
    return parts.tool_call_response(response, text(block, "tool_use_id"), **_kept(block, "is_error", "toolset_name"))


def _server_tool_use(block: Object) -> Part | None:
    name = text(block, "name")
    if name is None:
        return None
    call = {"type": name, **_kept(block, "input"), **_caller(block)}
    return parts.server_tool_call(name, call, text(block, "id"))


def _server_tool_result(block: Object) -> Part | None:
    found = {"type": str(block["type"]).removesuffix("_tool_result"), **_kept(block, "content", "is_error"), **_caller(block)}
    return parts.server_tool_call_response(found, text(block, "tool_use_id"))


def _mcp_tool_use(block: Object) -> Part | None:
    name = text(block, "name")
    if name is None:
        return None
    return parts.server_tool_call(name, {"type": "mcp", **_kept(block, "server_name", "input")}, text(block, "id"))


def _container_upload(block: Object) -> Part | None:
    # The block does not say what kind of file it is.
    file_id = text(block, "file_id")
    return None if file_id is None else parts.file("unknown", file_id)


def _compaction(block: Object) -> Part | None:
    return {**parts.compaction(text(block, "content")), **_kept(block, "encrypted_content", "signature", "tool_changes")}


def _caller(block: Object) -> dict[str, JSON]:
    """Who called the tool, when it was not the model itself but code that the model wrote."""
    caller = member(block, "caller")
    return {"caller": caller} if caller.get("type") not in (None, "direct") else {}


def _kept(block: Object, *keys: str) -> dict[str, JSON]:
    return present({key: block.get(key) for key in keys})


def _unreadable(block: JSON) -> Part:
    return parts.other("unknown", {"value": block})


_READERS: dict[str, Callable[[Object], Part | None]] = {
    "text": _text,
    "image": _image,
    "document": _document,
    "thinking": _thinking,
    "redacted_thinking": _redacted_thinking,
    "tool_use": _tool_use,
    "tool_result": _tool_result,
    "server_tool_use": _server_tool_use,
    "mcp_tool_use": _mcp_tool_use,
    "container_upload": _container_upload,
    "compaction": _compaction,
}
