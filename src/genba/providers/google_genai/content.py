"""What Gemini calls contents: turns made of parts, of every kind that its API has."""

from __future__ import annotations

import base64

from ...conversation import JSON, Message, Part, parts
from .. import characters
from ..json_fields import Object, as_object, items, rest, some_text, text
from .names import all_named, named

_ROLES = {"model": "assistant"}
_PARTIAL = ("stringValue", "numberValue", "boolValue")
"""Where a piece of an argument may be."""
_ON_ANY_PART = ("thought", "thoughtSignature", "partMetadata", "videoMetadata", "mediaResolution")


def read_turns(contents: JSON) -> list[Message]:
    """The conversation as it was sent."""
    each = contents if isinstance(contents, list) else [contents] if contents else []
    return [read_turn(content) for content in each]


def read_turn(content: JSON, finish_reason: str | None = None, role: str = "user") -> Message:
    """One turn. What the host's functions gave back comes from `user`, and is the tools' turn."""
    if isinstance(content, str):
        return parts.message(role, [parts.text(content)])
    said = named(content)
    found = read_parts(said)
    spoken = some_text(said, "role")
    role = _ROLES.get(spoken, spoken) if spoken else role
    if role in ("user", "function") and found and all(part["type"] == "tool_call_response" for part in found):
        role = "tool"
    return parts.message(role, found, finish_reason=finish_reason)


def read_parts(content: JSON) -> list[Part]:
    """The parts of a content. An empty text is no part, unless it carries a signature of what was thought before it."""
    if isinstance(content, str):
        return [parts.text(content)] if content else []
    found = [_text(each) if isinstance(each, str) else _read(named(each)) for each in items(named(content), "parts")]
    return [part for part in found if part is not None]


def modality(mime_type: str | None) -> parts.Modality:
    """What kind of medium a MIME type is."""
    kind = (mime_type or "").partition("/")[0]
    return kind if kind in ("image", "video", "audio") else "document"


def characters_in(said: JSON) -> int:
    """How many characters there are in the parts of an answer, or in those of a chunk of it."""
    return sum(map(_characters, all_named(said)))


def _characters(part: Object) -> int:
    call, code = named(part.get("functionCall")), named(part.get("executableCode"))
    pieces = [piece.get(key) for piece in all_named(call.get("partialArgs")) for key in _PARTIAL if key in piece]
    written = sum(map(characters.of_arguments, (*pieces, call.get("args"), named(part.get("toolCall")).get("args"))))
    return characters.of(part.get("text"), code.get("code")) + written


def joined_sound(first: JSON, second: JSON) -> str | None:
    """Two pieces of sound as one, all in Base64; None if they are none."""
    try:
        return base64.b64encode(base64.b64decode(first) + base64.b64decode(second)).decode()
    except (TypeError, ValueError):  # not even texts
        return None


def _read(part: Object) -> Part | None:
    signature = some_text(part, "thoughtSignature")
    about = rest(part, *_KINDS, "text", *_ON_ANY_PART[:2])
    for kind, reader in _KINDS.items():
        if isinstance(part.get(kind), dict):
            made = reader(named(part[kind]))
            break
    else:
        words = text(part, "text")
        if words is None:
            known = rest(part, "thoughtSignature")
            return parts.other("unknown", known) if known else _signed(signature)
        if not words:
            return _signed(signature)
        made = parts.reasoning(words) if part.get("thought") is True else parts.text(words)
    return parts.completed(made, {**about, "thought_signature": signature})


def _signed(signature: str | None) -> Part | None:
    """What the model thought, as only the service can read it."""
    return parts.reasoning("", thought_signature=signature) if signature else None


def _text(words: str) -> Part | None:
    return parts.text(words) if words else None


def _inline(blob: Object) -> Part:
    mime_type = some_text(blob, "mimeType")
    return parts.blob(modality(mime_type), text(blob, "data") or "", mime_type, **rest(blob, "data", "mimeType"))


def _file(file: Object) -> Part:
    mime_type = some_text(file, "mimeType")
    return parts.uri(modality(mime_type), some_text(file, "fileUri") or "", mime_type, **rest(file, "fileUri", "mimeType"))


def _call(call: Object) -> Part:
    arguments = call.get("args")
    if arguments is None:
        arguments = _assembled(call)
    more = rest(call, "id", "name", "args", "partialArgs", "willContinue")
    return parts.tool_call(some_text(call, "name") or "", arguments, some_text(call, "id"), **more)


def _assembled(call: Object) -> Object:
    """Arguments that came in pieces, each with the path of where it belongs."""
    whole: Object = {}
    for piece in all_named(call.get("partialArgs")):
        path = (some_text(piece, "jsonPath") or "").removeprefix("$").lstrip(".")
        values = [piece[key] for key in _PARTIAL if key in piece]
        value = values[0] if values else None
        known = whole.get(path)
        whole[path] = known + value if isinstance(known, str) and isinstance(value, str) else value
    return whole


def _response(given: Object) -> Part:
    more = rest(given, "id", "name", "response", "parts")
    media = read_parts(given)
    return parts.tool_call_response(
        given.get("response"), some_text(given, "id"), name=some_text(given, "name"), parts=media or None, **more
    )


def _code(code: Object) -> Part:
    return parts.server_tool_call("code_execution", {"type": "code_execution", **rest(code, "id")}, some_text(code, "id"))


def _code_result(result: Object) -> Part:
    return parts.server_tool_call_response({"type": "code_execution", **rest(result, "id")}, some_text(result, "id"))


def _server_call(call: Object) -> Part:
    kind = (some_text(call, "toolType") or "tool").lower()
    return parts.server_tool_call(kind, {"type": kind, **as_object(call.get("args"))}, some_text(call, "id"))


def _server_response(given: Object) -> Part:
    kind = (some_text(given, "toolType") or "tool").lower()
    return parts.server_tool_call_response({"type": kind, **as_object(given.get("response"))}, some_text(given, "id"))


_KINDS = {
    "functionCall": _call,
    "functionResponse": _response,
    "inlineData": _inline,
    "fileData": _file,
    "executableCode": _code,
    "codeExecutionResult": _code_result,
    "toolCall": _server_call,
    "toolResponse": _server_response,
}
