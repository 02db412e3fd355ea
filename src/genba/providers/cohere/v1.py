"""Chat, version 1: `POST /v1/chat`, one new message, the turns before it apart, and an answer that repeats them all."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ... import semconv
from ...conversation import JSON, Message, Part, Request, Response, ToolDefinition, parts
from ...conversation.tokens import Piece
from ...observing.endpoint import Endpoint
from .. import characters, extras
from ..json_fields import as_object, member, objects, rest, some_text
from . import answers, parameters

_ROLES = {"user": "user", "chatbot": "assistant", "system": "system", "tool": "tool"}
_EXTRAS = ("generation_id", "documents", "search_queries", "search_results", "is_search_required")


def read_request(body: JSON) -> Request:
    """What was asked."""
    body = as_object(body)
    preamble = some_text(body, "preamble")
    return Request(
        **parameters.read(body),
        messages=[*(_read_turn(turn) for turn in objects(body.get("chat_history"))), *_read_new(body), *parameters.documents(body)],
        system_instructions=[parts.text(preamble)] if preamble else [],
        tools=[_read_tool(tool) for tool in objects(body.get("tools"))],
        conversation_id=some_text(body, "conversation_id"),
    )


def read_response(body: JSON) -> Response:
    """What came back."""
    body = as_object(body)
    native = some_text(body, "finish_reason")
    said = _read_said(body)
    return Response(
        id=some_text(body, "response_id"),
        messages=[parts.message("assistant", said, finish_reason=answers.finish_reason(native))] if said or native else [],
        usage=answers.read_usage(body.get("meta")),
        attributes=extras.chosen(body, *_EXTRAS),
        **answers.reasons(native),
    )


def _read_new(body: dict[str, Any]) -> list[Message]:
    message, results = some_text(body, "message"), _read_results(body)
    said = [parts.message("user", [parts.text(message)])] if message else []
    return [*said, parts.message("tool", results)] if results else said


def _read_turn(turn: dict[str, Any]) -> Message:
    role = (some_text(turn, "role") or "user").lower()
    said = _read_said({"text": turn.get("message"), "tool_calls": turn.get("tool_calls")})
    return parts.message(_ROLES.get(role, role), [*said, *_read_results(turn)])


def _read_said(body: dict[str, Any]) -> list[Part]:
    text, citations = some_text(body, "text"), objects(body.get("citations"))
    said: list[Part] = [{**parts.text(text), **({"annotations": citations} if citations else {})}] if text else []
    calls = [parts.tool_call(some_text(call, "name") or "", call.get("parameters")) for call in objects(body.get("tool_calls"))]
    return [*said, *calls]


def _read_results(body: dict[str, Any]) -> list[Part]:
    """Calls have no ids in this version: a result repeats its call instead."""
    return [
        parts.tool_call_response(result.get("outputs"), call=result.get("call")) for result in objects(body.get("tool_results"))
    ]


def _read_tool(tool: dict[str, Any]) -> ToolDefinition:
    more = rest(tool, "type", "name", "description", "parameter_definitions")
    return parts.function_tool(
        some_text(tool, "name") or "", some_text(tool, "description"), tool.get("parameter_definitions"), **more
    )


def fold(events: Sequence[JSON]) -> JSON:
    """The events of a stream -> the answer that they add up to, which the last one repeats."""
    body: dict[str, Any] = {}
    for event in objects(list(events)):
        kind = event.get("event_type")
        if kind == "stream-start":
            body["generation_id"] = event.get("generation_id")
        elif kind == "text-generation":
            body["text"] = body.get("text", "") + (some_text(event, "text") or "")
        elif kind == "citation-generation":
            body["citations"] = [*body.get("citations", ()), *objects(event.get("citations"))]
        elif kind == "stream-end":
            body = {**body, **member(event, "response"), "finish_reason": event.get("finish_reason")}
        else:  # searches, their results, tool calls: each as the answer has it
            body.update({name: event[name] for name in (*_EXTRAS, "tool_calls") if event.get(name)})
    return body


def piece(event: JSON) -> Piece:
    """What of an answer is in one event of a stream. The last one repeats it all."""
    event = as_object(event)
    kind = event.get("event_type")
    if kind == "text-generation":
        return Piece(characters.of(event.get("text")))
    calls = objects(event.get("tool_calls")) if kind == "tool-calls-generation" else []
    return Piece(sum(characters.of_arguments(call.get("parameters")) for call in calls))


CHAT = Endpoint(
    operation=semconv.Operation.CHAT,
    provider="cohere",
    request=read_request,
    response=read_response,
    fold=fold,
    failed=answers.says_it_failed,
    is_last=answers.is_last,
    piece=piece,
)
