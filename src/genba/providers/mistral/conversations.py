"""Conversations, which Mistral keeps: a turn is sent, and what an agent or a model did about it comes back as entries."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from ... import semconv
from ...conversation import JSON, Message, Part, Request, Response, parts
from ...conversation.tokens import Piece
from ...observing.endpoint import Endpoint
from .. import characters
from ..json_fields import as_object, integer, member, objects, rest, some_text
from ..openai import parameters, tools, usage
from . import chat, content

_ROLES = {"message.input": "user", "function.result": "tool"}


def read_request(body: JSON) -> Request:
    """What was asked."""
    body = as_object(body)
    inputs, instructions = body.get("inputs"), some_text(body, "instructions")
    turns = [{"content": inputs}] if isinstance(inputs, str) else objects(inputs)
    options = chat.as_openai(member(body, "completion_args"))
    read = Request(**parameters.read(options), messages=[_read_turn(entry) for entry in turns], tools=tools.read_definitions(body))
    return replace(
        read,
        model=some_text(body, "model"),
        stream=True if body.get("stream") is True else None,
        system_instructions=[parts.text(instructions)] if instructions else [],
        conversation_id=some_text(body, "conversation_id"),
        attributes=chat.agent(body),
    )


def read_response(body: JSON) -> Response:
    """What came back: all entries together are the one answer."""
    body = as_object(body)
    outputs = objects(body.get("outputs"))
    said = [part for entry in outputs for part in _read_entry(entry)]
    return Response(
        model=next((model for entry in outputs if (model := some_text(entry, "model"))), None),
        messages=[parts.message("assistant", said)] if said else [],
        usage=usage.read(body.get("usage")),
        conversation_id=some_text(body, "conversation_id"),
    )


def _read_turn(entry: dict[str, Any]) -> Message:
    role = some_text(entry, "role") or _ROLES.get(some_text(entry, "type") or "message.input", "assistant")
    return parts.message(role, _read_entry(entry))


def _read_entry(entry: dict[str, Any]) -> list[Part]:
    kind, name = some_text(entry, "type") or "message.input", some_text(entry, "name") or ""
    if kind in ("message.input", "message.output"):
        return content.read(entry.get("content"))
    if kind == "function.call":
        return [parts.tool_call(name, tools.arguments(entry.get("arguments")), some_text(entry, "tool_call_id"))]
    if kind == "function.result":
        return [parts.tool_call_response(entry.get("result"), some_text(entry, "tool_call_id"))]
    if kind == "tool.execution":
        id, info = some_text(entry, "id"), member(entry, "info")
        said = {"type": kind, **rest(entry, "type", "id", "name", "info", "object", "created_at", "completed_at")}
        found = [parts.server_tool_call_response({"type": kind, **info}, id)] if info else []
        return [parts.server_tool_call(name, said, id), *found]
    return [parts.other(kind, rest(entry, "object", "created_at", "completed_at"))]


def fold(events: Sequence[JSON]) -> JSON:
    """The events of a stream -> the answer that they add up to."""
    body: dict[str, Any] = {}
    entries: dict[Any, dict[str, Any]] = {}
    for event in objects(list(events)):
        kind = some_text(event, "type") or ""
        if kind.startswith("conversation.response."):
            body.update({name: event[name] for name in ("conversation_id", "usage") if event.get(name)})
            continue
        of, _, what = kind.rpartition(".")
        entry = entries.setdefault((integer(event, "output_index"), some_text(event, "id")), {"type": of})
        for name, value in event.items():
            if name in ("type", "output_index", "content_index"):
                continue
            if name == "content":
                _add_content(entry, value)
            elif name == "arguments" and what == "delta" and isinstance(value, str):
                entry[name] = entry.get(name, "") + value
            elif value is not None:
                entry[name] = value
    return {**body, "outputs": list(entries.values())}


def piece(event: JSON) -> Piece:
    """What of an answer is in one event of a stream."""
    event = as_object(event)
    _, _, what = (some_text(event, "type") or "").rpartition(".")
    said = event.get("content")
    size = characters.of_parts(content.read(said if isinstance(said, (str, list)) else [said]))
    return Piece(size + (characters.of(event.get("arguments")) if what in ("delta", "started") else 0))


def _add_content(entry: dict[str, Any], piece: JSON) -> None:
    """Texts, until something else comes: then pieces."""
    known = entry.get("content")
    if isinstance(piece, str) and (known is None or isinstance(known, str)):
        entry["content"] = (known or "") + piece
        return
    pieces = known if isinstance(known, list) else [{"type": "text", "text": known}] if known else []
    added = {"type": "text", "text": piece} if isinstance(piece, str) else piece
    last = as_object(pieces[-1]) if pieces else {}
    if isinstance(added, dict) and added.get("type") == last.get("type") == "text":
        pieces = [*pieces[:-1], {**last, "text": f"{last.get('text')}{added.get('text')}"}]
    else:
        pieces = [*pieces, added]
    entry["content"] = pieces


def _failed(event: JSON) -> tuple[str, str | None] | None:
    event = as_object(event)
    if event.get("type") != "conversation.response.error":
        return None
    return str(event.get("code") or "_OTHER"), some_text(event, "message")


def _is_last(event: JSON) -> bool:
    return as_object(event).get("type") == "conversation.response.done"


CONVERSATION = Endpoint(
    operation=semconv.Operation.CHAT,
    provider="mistral_ai",
    request=read_request,
    response=read_response,
    fold=fold,
    failed=_failed,
    is_last=_is_last,
    piece=piece,
)
