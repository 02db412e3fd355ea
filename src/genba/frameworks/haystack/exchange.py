"""What Haystack says of a run, as a request and a response. Of a model call it counts only where no client of ours saw it on the wire."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from ...conversation import Message, Part, Request, Response, loose, parts
from ...conversation.encoding import decode, encode
from .. import told
from ..told import finish_reason, some_text


def request(asked: Mapping[str, Any]) -> Request:
    """What a model is asked."""
    parameters = asked.get("generation_kwargs")
    read = loose.request(decode(encode(dict(parameters)))) if isinstance(parameters, Mapping) else Request()
    tools = [_definition(one) for one in listed(asked, "tools")]
    prompt = some_text(asked, "prompt")
    said = [parts.message("user", [parts.text(prompt)])] if prompt else [_message(one) for one in listed(asked, "messages")]
    return replace(read, messages=said, tools=tools or read.tools)


def response(gave: Any) -> Response:
    """What it answered."""
    replies = listed(gave, "replies")
    about = [one for reply in replies if isinstance(one := getattr(reply, "meta", None), Mapping)] or listed(gave, "meta")
    first = about[0] if about and isinstance(about[0], Mapping) else {}
    native = [reason for one in about if isinstance(one, Mapping) and (reason := some_text(one, "finish_reason"))]
    usage = first.get("usage")
    return Response(
        id=some_text(first, "id"),
        model=some_text(first, "model"),
        messages=[_message(one) for one in replies],
        finish_reasons=[finish_reason(reason) for reason in native],
        native_finish_reasons=native,
        usage=loose.usage(decode(encode(dict(usage)))) if isinstance(usage, Mapping) and usage else None,
    )


def given(asked: Mapping[str, Any], given: bytes | None) -> Request:
    """What an agent or a pipeline was given."""
    said = [_message(one) for one in listed(asked, "messages")]
    if not said and given is not None:
        said = [parts.message("user", [parts.text(given.decode())])]
    return Request(messages=said)


def result(gave: Any) -> Response:
    """What an agent or a pipeline gave."""
    said = listed(gave, "messages")
    if said:
        return Response(messages=[_message(said[-1])])
    return Response() if gave is None else Response(messages=loose.messages(loose.as_text(_json(gave)), role="assistant"))


def _message(said: Any) -> Message:
    """A `ChatMessage`, or the text that a completion is."""
    content = getattr(said, "_content", None)
    if not isinstance(content, Sequence):
        return parts.message("assistant", loose.content(_json(said)))
    role = getattr(getattr(said, "_role", None), "value", "assistant")
    return parts.message(str(role), [_part(one) for one in content], name=getattr(said, "_name", None))


def _part(one: Any) -> Part:
    kind = type(one).__name__
    if kind == "TextContent":
        return parts.text(one.text)
    if kind == "ToolCall":
        return parts.tool_call(one.tool_name, _json(one.arguments), one.id)
    if kind == "ToolCallResult":
        result = one.result if isinstance(one.result, str) else [_part(piece) for piece in one.result]
        return parts.tool_call_response(result, getattr(one.origin, "id", None), status="error" if one.error else None)
    if kind == "ReasoningContent":
        return parts.reasoning(one.reasoning_text, **_json(one.extra or {}))
    if kind in ("ImageContent", "FileContent"):
        modality, data = (
            ("image", getattr(one, "base64_image", "")) if kind == "ImageContent" else ("document", getattr(one, "base64_data", ""))
        )
        return parts.blob(modality, data, one.mime_type)
    return parts.other(kind, _json(getattr(one, "__dict__", {})))


def _definition(tool: Any) -> Any:
    return parts.function_tool(
        str(getattr(tool, "name", "")), getattr(tool, "description", None), _json(getattr(tool, "parameters", None))
    )


def document(one: Any) -> dict[str, Any]:
    """A document that was found."""
    id, score, content, meta = (getattr(one, name, None) for name in ("id", "score", "content", "meta"))
    return told.document(id=id, score=score, content=content, metadata=plain(meta))


def plain(value: Any) -> Any:
    """A component's output, its messages and documents as ours."""
    if isinstance(value, Mapping):
        return {name: plain(one) for name, one in value.items()}
    if isinstance(value, list):
        return [plain(one) for one in value]
    if hasattr(value, "_content"):
        return _message(value)
    return document(value) if type(value).__name__ == "Document" else value


def _json(value: Any) -> Any:
    return decode(encode(plain(value)))


def listed(said: Any, name: str) -> Sequence[Any]:
    """The list of this name; an empty one if there is none."""
    value = said.get(name) if isinstance(said, Mapping) else None
    return value if isinstance(value, (list, tuple)) else ()
