"""A message of the Chat API, whether it was sent or came back."""

from __future__ import annotations

from typing import Any

from ...conversation import Message, Part, parts
from ..json_fields import member, objects, some_text
from . import content, tools

_ROLES = {"function": "tool"}  # what tools were called before there was more than one


def read(message: dict[str, Any], finish_reason: str | None = None) -> Message:
    """The message, its parts in the order in which they are thought, said and asked for."""
    said_by = some_text(message, "role") or "assistant"
    role = _ROLES.get(said_by, said_by)
    what = [_tool_result(message)] if role == "tool" else _said(message)
    return parts.message(role, what, name=some_text(message, "name"), finish_reason=finish_reason)


def _said(message: dict[str, Any]) -> list[Part]:
    return [
        *_reasoning(message),
        *_annotated(content.read(message.get("content")), message),
        *content.read(message.get("images")),
        *_refusal(message),
        *_audio(member(message, "audio")),
        *tools.read_calls(message),
    ]


def _tool_result(message: dict[str, Any]) -> Part:
    result = message.get("content")
    response = content.read(result) if isinstance(result, list) else result
    return parts.tool_call_response("" if response is None else response, some_text(message, "tool_call_id"))


def _reasoning(message: dict[str, Any]) -> list[Part]:
    """OpenAI's own models keep it to themselves; other servers send it under one of two names, OpenRouter with details beside."""
    thought = some_text(message, "reasoning_content", "reasoning")
    details = message.get("reasoning_details") or None
    return [parts.reasoning(thought or "", reasoning_details=details)] if thought or details else []


def _annotated(said: list[Part], message: dict[str, Any]) -> list[Part]:
    """Chat keeps citations beside the text; here they belong to it, as in the Responses API."""
    citations = objects(message.get("annotations"))
    return [{**said[0], "annotations": citations}, *said[1:]] if said and citations else said


def _refusal(message: dict[str, Any]) -> list[Part]:
    refusal = some_text(message, "refusal")
    return [parts.refusal(refusal)] if refusal else []


def _audio(audio: dict[str, Any]) -> list[Part]:
    """What was spoken comes with its transcript; what is sent back is only its id."""
    id, data, transcript = some_text(audio, "id"), some_text(audio, "data"), some_text(audio, "transcript")
    spoken = parts.blob("audio", data, id=id) if data else parts.file("audio", id) if id else None
    return ([parts.text(transcript)] if transcript else []) + ([spoken] if spoken else [])
