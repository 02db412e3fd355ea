"""The Responses API: `POST /responses`, and the answers made in the background that are fetched with `GET /responses/{id}`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from ... import semconv
from ...conversation import JSON, Message, Part, Request, Response, Tokens, parts
from ...observing.endpoint import Endpoint
from ..json_fields import as_object, member, objects, present, some_text
from ..token_fields import of_logprobs
from . import attributes, content, events, failures, items, parameters, pieces, timings, tools, usage

_API = {semconv.OPENAI_API_TYPE: "responses"}
_INCOMPLETE = {"max_output_tokens": "length"}
_UNFINISHED = frozenset({"queued", "in_progress"})


def read_request(body: JSON) -> Request:
    """What was asked."""
    body = as_object(body)
    return Request(
        **parameters.read(body),
        messages=_input(body.get("input")),
        system_instructions=_instructions(body),
        tools=tools.read_definitions(body),
        previous_response_id=some_text(body, "previous_response_id"),
        conversation_id=_conversation(body),
    )


def read_fetch(body: JSON) -> Request:
    """What a fetch asks, told by its path and query: which answer, whether to resume its stream, and after which event."""
    query = as_object(body)
    _, _, id = (some_text(query, "path") or "").rpartition("/")
    after = query.get("starting_after")
    said = {semconv.RESPONSE_ID: id or None, semconv.REQUEST_STREAM_CURSOR: None if after is None else str(after)}
    return Request(
        stream=True if query.get("stream") in (True, "true") else None,
        attributes=present(said),
    )


def read_response(body: JSON) -> Response:
    """What came back: one message, in which everything that the model did has its place."""
    body = as_object(body)
    output, failed = objects(body.get("output")), failures.read(body)
    native = _native_finish_reason(body)
    reason = _finish_reason(native, output) if native else None
    return Response(
        id=some_text(body, "id"),
        model=some_text(body, "model"),
        messages=_output(output, reason),
        finish_reasons=[reason] if reason else [],
        native_finish_reasons=[native] if native else [],
        usage=usage.read(body.get("usage")),
        tokens=_tokens(output),
        timings=timings.read(body),
        status=some_text(body, "status"),
        error_type=failed[0] if failed else None,
        error_message=failed[1] if failed else None,
        conversation_id=_conversation(body),
        attributes={
            **attributes.read_service(body),
            **_compacted(output),
            **attributes.extras(body),
        },
    )


def read_token_count(body: JSON) -> Response:
    """How many tokens a request would be."""
    return Response(usage=usage.read({key: value for key, value in as_object(body).items() if key != "object"}))


def _input(said: JSON) -> list[Message]:
    return [parts.message("user", content.read(said))] if isinstance(said, str) else items.read(said)


def _instructions(body: dict[str, Any]) -> list[Part]:
    """The instructions, and the stored prompt that they may come from."""
    prompt = member(body, "prompt")
    stored = [parts.other("prompt", prompt)] if prompt else []
    said = body.get("instructions")
    return [*(_said(said) if isinstance(said, list) else content.read(said)), *stored]


def _output(output: list[dict[str, Any]], finish_reason: str | None) -> list[Message]:
    return [parts.message("assistant", _said(output), finish_reason=finish_reason)] if output else []


def _said(output: JSON) -> list[Part]:
    return [part for item in objects(output) for part in items.read_parts(item)]


def _native_finish_reason(body: dict[str, Any]) -> str | None:
    """Why it was incomplete, else how it ended; nothing while it goes on or when it was cut short."""
    status = some_text(body, "status")
    if status is None or status in _UNFINISHED:
        return None
    return some_text(member(body, "incomplete_details"), "reason") or status


def _finish_reason(native: str, output: Sequence[dict[str, Any]]) -> str:
    if native == "completed":
        return "tool_call" if items.waits_for_host(output) else "stop"
    return "error" if native == "failed" else _INCOMPLETE.get(native, native)


def _conversation(body: dict[str, Any]) -> str | None:
    return some_text(body, "conversation") or some_text(member(body, "conversation"), "id")


def _compacted(output: Sequence[dict[str, Any]]) -> dict[str, Any]:
    return {semconv.CONVERSATION_COMPACTED: True} if any(item.get("type") == "compaction" for item in output) else {}


def _tokens(output: Sequence[dict[str, Any]]) -> list[Tokens]:
    """All tokens of the answer's texts that are told: the answer is the one choice."""
    said = [piece for item in output for piece in objects(item.get("content"))]
    return of_logprobs([token for piece in said for token in objects(piece.get("logprobs"))])


RESPONSES = Endpoint(
    operation=semconv.Operation.CHAT,
    provider="openai",
    request=read_request,
    response=read_response,
    fold=events.fold,
    failed=failures.read,
    is_last=events.is_last,
    piece=pieces.of_response_event,
    attributes=_API,
)
COMPACT = replace(RESPONSES, fold=None)
"""Its answer is the conversation made shorter, with the usage of a model."""
FETCH = replace(RESPONSES, operation=semconv.Operation.FETCH_RESPONSE, request=read_fetch, failed=None)
"""A fetch succeeds even where it brings the news that the answer failed."""
COUNT_TOKENS = replace(COMPACT, operation="count_tokens", response=read_token_count, failed=None)
"""Calls no model. The conventions have no name for it."""
