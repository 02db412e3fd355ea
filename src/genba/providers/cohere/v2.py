"""Chat, version 2: `POST /v2/chat`, whose messages and tools are like OpenAI's, with a plan before tool calls and citations after."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ... import semconv
from ...conversation import JSON, Message, Request, Response, parts
from ...conversation.tokens import Piece
from ...observing.endpoint import Endpoint
from .. import characters
from ..json_fields import as_object, integer, member, objects, some_text
from ..openai import messages, tools
from . import answers, parameters, tokens


def read_request(body: JSON) -> Request:
    """What was asked."""
    body = as_object(body)
    said = [_read_message(message) for message in objects(body.get("messages"))]
    return Request(**parameters.read(body), messages=[*said, *parameters.documents(body)], tools=tools.read_definitions(body))


def read_response(body: JSON) -> Response:
    """What came back."""
    body = as_object(body)
    native, answer = some_text(body, "finish_reason"), member(body, "message")
    return Response(
        id=some_text(body, "id"),
        messages=[_read_message(answer, answers.finish_reason(native))] if answer else [],
        usage=answers.read_usage(body.get("usage")),
        tokens=tokens.of_logprobs(body.get("logprobs")),
        **answers.reasons(native),
    )


def _read_message(message: dict[str, Any], finish_reason: str | None = None) -> Message:
    plan, citations = some_text(message, "tool_plan"), objects(message.get("citations"))
    read = messages.read({**message, "annotations": citations} if citations else message, finish_reason)
    return {**read, "parts": [parts.reasoning(plan), *read["parts"]]} if plan else read


def fold(events: Sequence[JSON]) -> JSON:
    """The events of a stream -> the answer that they add up to."""
    body: dict[str, Any] = {}
    message: dict[str, Any] = {}
    contents: dict[int, dict[str, Any]] = {}
    calls: dict[int, dict[str, Any]] = {}
    for event in objects(list(events)):
        kind, delta, at = event.get("type"), member(event, "delta"), integer(event, "index") or 0
        said = member(delta, "message")
        if kind == "message-start":
            body["id"] = event.get("id")
            message["role"] = said.get("role") or "assistant"
        elif kind in ("content-start", "content-delta"):
            _grow(contents.setdefault(at, {}), member(said, "content"), ("text", "thinking"))
        elif kind == "tool-plan-delta":
            message["tool_plan"] = message.get("tool_plan", "") + (some_text(said, "tool_plan") or "")
        elif kind in ("tool-call-start", "tool-call-delta"):
            _add_call(calls.setdefault(at, {}), member(said, "tool_calls"))
        elif kind == "citation-start":
            message.setdefault("citations", []).append(said.get("citations"))
        elif kind == "message-end":
            body.update({name: value for name, value in delta.items() if value is not None})
            body.setdefault("id", event.get("id"))
        if isinstance(event.get("logprobs"), dict):
            body.setdefault("logprobs", []).append(event["logprobs"])
    if contents:
        message["content"] = [{"type": "thinking" if "thinking" in one else "text", **one} for _, one in sorted(contents.items())]
    if calls:
        message["tool_calls"] = [call for _, call in sorted(calls.items())]
    return {**body, "message": message} if message else body


def piece(event: JSON) -> Piece:
    """What of an answer is in one event of a stream."""
    event = as_object(event)
    kind, said = event.get("type"), member(member(event, "delta"), "message")
    size = 0
    if kind in ("content-start", "content-delta"):
        content = member(said, "content")
        size = characters.of(content.get("text"), content.get("thinking"))
    elif kind == "tool-plan-delta":
        size = characters.of(said.get("tool_plan"))
    elif kind in ("tool-call-start", "tool-call-delta"):
        size = characters.of(member(member(said, "tool_calls"), "function").get("arguments"))
    scored = tokens.tokens_in(member(event, "logprobs"))
    return Piece(size, {0: scored} if scored else {})


def _grow(whole: dict[str, Any], piece: dict[str, Any], joined: Sequence[str]) -> None:
    for name, value in piece.items():
        if name in joined and isinstance(value, str):
            whole[name] = (some_text(whole, name) or "") + value
        elif value is not None:
            whole[name] = value


def _add_call(call: dict[str, Any], piece: dict[str, Any]) -> None:
    _grow(call, {name: value for name, value in piece.items() if name != "function"}, ())
    _grow(call.setdefault("function", {}), member(piece, "function"), ("arguments",))


def _is_last(event: JSON) -> bool:
    return as_object(event).get("type") == "message-end"


CHAT = Endpoint(
    operation=semconv.Operation.CHAT,
    provider="cohere",
    request=read_request,
    response=read_response,
    fold=fold,
    failed=answers.says_it_failed,
    is_last=_is_last,
    piece=piece,
)
