"""Content blocks of Converse, in and out, as message parts: each is an object whose one key says what it is.

Nova's own format, which InvokeModel takes, has the same blocks.
"""

from __future__ import annotations

from collections.abc import Callable

from ...conversation import JSON, Part, parts
from ..json_fields import Object, as_object, member, objects, present, some_text, text

_MIME_TYPES = {
    "jpg": "image/jpeg",
    "mkv": "video/x-matroska",
    "mov": "video/quicktime",
    "flv": "video/x-flv",
    "mpg": "video/mpeg",
    "wmv": "video/x-ms-wmv",
    "three_gp": "video/3gpp",
    "mp3": "audio/mpeg",
    "mpga": "audio/mpeg",
    "m4a": "audio/mp4",
    "mka": "audio/x-matroska",
    "doc": "application/msword",
    "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "xls": "application/vnd.ms-excel",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "pdf": "application/pdf",
    "txt": "text/plain",
    "md": "text/markdown",
    "csv": "text/csv",
    "html": "text/html",
}
"""Formats whose media type is not simply `image/png` and the like."""


def read(content: JSON) -> list[Part]:
    """The parts of a `content` or `system` field."""
    if isinstance(content, str):
        return [parts.text(content)]
    return [_read(block) for block in content] if isinstance(content, list) else []


def _read(block: JSON) -> Part:
    fields = as_object(block)
    for kind, reader in _READERS.items():
        if kind in fields:
            found = reader(fields)
            return parts.other(kind, fields) if found is None else found
    kind = next((name for name in fields if isinstance(name, str)), "unknown")
    said = fields.get(kind)
    return parts.other(kind, said if isinstance(said, dict) else {"value": block if not fields else said})


# Each reader gives None for a block that lacks what makes it a block of its kind.


def _text(block: Object) -> Part | None:
    content = text(block, "text")
    return None if content is None else parts.text(content)


def _media(modality: str) -> Callable[[Object], Part | None]:
    def reader(block: Object) -> Part | None:
        said = member(block, modality)
        source, format = member(said, "source"), some_text(said, "format")
        mime_type = _MIME_TYPES.get(format, f"{modality}/{format}") if format else None
        more = present({"name": said.get("name"), "context": said.get("context"), "error": said.get("error")})
        data, url = text(source, "bytes"), text(member(source, "s3Location"), "uri")
        if data is not None:
            return parts.blob(modality, data, mime_type, **more)
        if url is not None:
            return parts.uri(modality, url, mime_type, **more)
        written = text(source, "text")
        if written is None and "content" in source:
            written = "".join(text(piece, "text") or "" for piece in objects(source["content"]))
        return None if written is None else {**parts.text(written), **present({"mime_type": mime_type}), **more}

    return reader


def _tool_use(block: Object) -> Part | None:
    call = member(block, "toolUse")
    name, id = text(call, "name"), some_text(call, "toolUseId")
    if name is None:
        return None
    if call.get("type") == "server_tool_use":
        return parts.server_tool_call(name, present({"type": name, "input": call.get("input")}), id)
    return parts.tool_call(name, call.get("input"), id)


def _tool_result(block: Object) -> Part | None:
    result = member(block, "toolResult")
    id, kind = some_text(result, "toolUseId"), some_text(result, "type")
    if kind is not None:  # a tool that Bedrock ran itself
        found = present({"type": kind, "content": result.get("content"), "status": result.get("status")})
        return parts.server_tool_call_response(found, id)
    return parts.tool_call_response(_returned(objects(result.get("content"))), id, status=result.get("status"))


def _returned(content: list[Object]) -> JSON:
    """What a tool gave: the text or the value where it is one, else its parts."""
    if len(content) == 1:
        if "json" in content[0]:
            return content[0]["json"]
        if isinstance(content[0].get("text"), str):
            return content[0]["text"]
    return read(content) if content else ""


def _reasoning(block: Object) -> Part | None:
    said = member(block, "reasoningContent")
    if "redactedContent" in said:
        return parts.reasoning("", encrypted_content=said["redactedContent"])
    thought = member(said, "reasoningText")
    written = text(thought, "text")
    return None if written is None else parts.reasoning(written, signature=thought.get("signature"))


def _cited(block: Object) -> Part | None:
    said = member(block, "citationsContent")
    written = "".join(text(piece, "text") or "" for piece in objects(said.get("content")))
    return {**parts.text(written), "citations": objects(said.get("citations"))}


def _guarded(block: Object) -> Part | None:
    """What the guardrail is to look at; to the model it is text or an image like any other."""
    said = member(block, "guardContent")
    written = member(said, "text")
    if "text" in written:
        return {**parts.text(str(written["text"])), **present({"qualifiers": written.get("qualifiers")})}
    return _media("image")(said)


_READERS: dict[str, Callable[[Object], Part | None]] = {
    "text": _text,
    "toolUse": _tool_use,
    "toolResult": _tool_result,
    "reasoningContent": _reasoning,
    "citationsContent": _cited,
    "guardContent": _guarded,
    "image": _media("image"),
    "document": _media("document"),
    "video": _media("video"),
    "audio": _media("audio"),
}
