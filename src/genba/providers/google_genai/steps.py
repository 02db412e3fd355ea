"""The steps of an interaction, in and out: what was said and thought, and tools of either side; and how a stream builds them up.

Unlike the rest of Gemini's API, this part of it writes its keys in snake case.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import Any

from ...conversation import JSON, Message, Part, parts
from ...conversation.encoding import decode
from .. import characters
from ..json_fields import Object, as_object, member, objects, rest, some_text, text
from . import content

_BY_HOST = frozenset({"user_input", "function_result"})
"""Steps of the host's; all others are the model's."""
_MEDIA = frozenset({"image", "audio", "video", "document"})
_SIGNED = ("type", "id", "call_id", "signature")


def read(value: JSON) -> list[Message]:
    """The conversation that an `input` tells: a text, contents of one turn, or steps. What the model does in one go is one turn."""
    if isinstance(value, str):
        return [parts.message("user", [parts.text(value)])]
    given = objects(value if isinstance(value, list) else [value])
    if any(some_text(one, "type") in ("text", *_MEDIA) for one in given):
        return [parts.message("user", read_contents(given))]
    turns: list[Message] = []
    for step in given:
        role = _role(step)
        if role == "assistant" and turns and turns[-1]["role"] == role:
            turns[-1] = parts.message(role, [*turns[-1]["parts"], *read_step(step)])
        else:
            turns.append(parts.message(role, read_step(step)))
    return turns


def answer(steps: JSON) -> list[Part]:
    """What the model did; what it was given stands in the request."""
    return [part for step in objects(steps) if some_text(step, "type") not in _BY_HOST for part in read_step(step)]


def read_step(step: Object) -> list[Part]:
    """One step."""
    kind = some_text(step, "type") or "unknown"
    if kind in ("user_input", "model_output"):
        failed = member(step, "error")
        return [*read_contents(objects(step.get("content"))), *([parts.other("error", failed)] if failed else [])]
    if kind == "thought":
        return _thought(step)
    if kind == "function_call":
        more = rest(step, "type", "id", "name", "arguments")
        return [parts.tool_call(some_text(step, "name") or "", _arguments(step.get("arguments")), some_text(step, "id"), **more)]
    if kind == "function_result":
        more = rest(step, "type", "call_id", "result")
        return [parts.tool_call_response(_result(step.get("result")), some_text(step, "call_id"), **more)]
    if kind.endswith("_call"):
        said = {"type": kind, **rest(step, *_SIGNED)}
        return [parts.server_tool_call(some_text(step, "name") or kind.removesuffix("_call"), said, some_text(step, "id"))]
    if kind.endswith("_result"):
        return [parts.server_tool_call_response({"type": kind, **rest(step, *_SIGNED)}, some_text(step, "call_id"))]
    return [parts.other(kind, step)]


def read_contents(contents: Sequence[Object]) -> list[Part]:
    """Texts and media."""
    return [_content(one) for one in contents]


def _role(step: Object) -> str:
    kind = some_text(step, "type")
    return "tool" if kind == "function_result" else "user" if kind in _BY_HOST else "assistant"


def _content(one: Object) -> Part:
    kind, more = some_text(one, "type") or "unknown", rest(one, "type", "text", "data", "uri", "mime_type")
    if kind == "text":
        return {**parts.text(text(one, "text") or ""), **more}
    if kind not in _MEDIA:
        return parts.other(kind, one)
    mime_type, uri = some_text(one, "mime_type"), some_text(one, "uri")
    medium: Any = kind
    if uri:
        return parts.uri(medium, uri, mime_type, **more)
    return parts.blob(medium, text(one, "data") or "", mime_type, **more)


def _thought(step: Object) -> list[Part]:
    """Summaries. What was thought itself only the service can read: its signature is an opaque reference."""
    summaries = objects(step.get("summary"))
    words = [parts.reasoning(text(one, "text") or "") for one in summaries if some_text(one, "type") == "text"]
    found = [*(words or [parts.reasoning("")]), *read_contents([one for one in summaries if some_text(one, "type") != "text"])]
    signature = some_text(step, "signature")
    return [{**found[0], "thought_signature": signature}, *found[1:]] if signature else found


def _arguments(value: JSON) -> JSON:
    """Arguments that came in pieces are a text until they are whole."""
    if isinstance(value, str):
        with contextlib.suppress(ValueError):
            return decode(value.encode())
    return value


def _result(value: JSON) -> JSON:
    """What a function of the host's gave: a text, an object, or contents."""
    if isinstance(value, list) and value and all(isinstance(one, dict) and "type" in one for one in value):
        return read_contents(value)
    return value


def add(step: Object, delta: Object) -> None:
    """Make `delta` a part of the step that is being made."""
    kind = some_text(delta, "type") or ""
    if kind == "text" or kind in _MEDIA:
        _append(step.setdefault("content", []), delta)
    elif kind == "text_annotation_delta":
        contents = objects(step.get("content"))
        if contents:
            contents[-1]["annotations"] = [*objects(contents[-1].get("annotations")), *objects(delta.get("annotations"))]
    elif kind == "thought_summary":
        _append(step.setdefault("summary", []), member(delta, "content"))
    elif kind == "thought_signature":
        step["signature"] = delta.get("signature")
    elif kind == "arguments_delta":
        known = step.get("arguments")
        step["arguments"] = (known if isinstance(known, str) else "") + (text(delta, "arguments") or "")
    else:
        step.update(rest(delta, "type"))


def characters_in(step: Object) -> int:
    """How many characters the model wrote in a step of its: of a text, of a thought's summary, of arguments."""
    if some_text(step, "type") in _BY_HOST:
        return 0
    texts = [one.get("text") for one in (*objects(step.get("content")), *objects(step.get("summary")))]
    return characters.of(*texts) + characters.of_arguments(step.get("arguments"))


def characters_added(delta: Object) -> int:
    """How many `add` makes a part of a step."""
    kind = some_text(delta, "type")
    if kind == "text":
        return characters.of(delta.get("text"))
    if kind == "thought_summary":
        return characters.of(member(delta, "content").get("text"))
    return characters.of(delta.get("arguments")) if kind == "arguments_delta" else 0


def _append(contents: list[Object], piece: Object) -> None:
    """Words that follow one another become one text, and sounds one sound."""
    last = as_object(contents[-1]) if contents else {}
    if last.get("type") == piece.get("type") == "text":
        contents[-1] = {**last, **piece, "text": (text(last, "text") or "") + (text(piece, "text") or "")}
        return
    if last.get("type") == piece.get("type") == "audio" and last.get("mime_type") == piece.get("mime_type"):
        sound = content.joined_sound(last.get("data"), piece.get("data"))
        if sound is not None:
            contents[-1] = {**last, **piece, "data": sound}
            return
    contents.append(dict(piece))
