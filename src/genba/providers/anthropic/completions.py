"""Anthropic's legacy text completions: `POST /v1/complete`, which the client has only before 1.0."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...conversation import JSON, Request, Response, parts
from ...conversation.tokens import Piece
from ...observing.endpoint import Endpoint
from ...semconv import USER_ID, Operation
from ..json_fields import as_object, integer, items, member, number, present, text, texts

_FINISH_REASONS = {"stop_sequence": "stop", "max_tokens": "length"}


def read_request(body: JSON) -> Request:
    """The prompt, with the `Human:` and `Assistant:` that the host wrote into it."""
    body = as_object(body)
    prompt = text(body, "prompt")
    stream = body.get("stream")
    return Request(
        model=text(body, "model"),
        messages=() if prompt is None else [parts.message("user", [parts.text(prompt)])],
        stream=stream if isinstance(stream, bool) else None,
        temperature=number(body, "temperature"),
        top_p=number(body, "top_p"),
        top_k=integer(body, "top_k"),
        max_tokens=integer(body, "max_tokens_to_sample"),
        stop_sequences=texts(items(body, "stop_sequences")),
        attributes=present({USER_ID: text(member(body, "metadata"), "user_id")}),
    )


def read_response(body: JSON) -> Response:
    """The completion. This API tells no usage."""
    body = as_object(body)
    completion, stop = text(body, "completion"), text(body, "stop_reason")
    finish = _FINISH_REASONS.get(stop, stop) if stop else None if completion is None else "error"
    said = [] if completion is None else [parts.message("assistant", [parts.text(completion)], finish_reason=finish)]
    error = body.get("error")
    return Response(
        id=text(body, "id"),
        model=text(body, "model"),
        messages=said,
        finish_reasons=[finish] if finish else (),
        native_finish_reasons=[stop] if stop else (),
        error_type=(text(as_object(error), "type") or "error") if error is not None else None,
        error_message=text(as_object(error), "message"),
    )


def fold(events: Sequence[JSON]) -> JSON:
    """The completion that the events add up to: each has the next piece of the text, the last one why it ends."""
    body: dict[str, Any] = {}
    pieces: list[str] = []
    for event in map(as_object, events):
        if event.get("type") == "completion":
            body.update(present(event))
            pieces.append(text(event, "completion") or "")
        elif event.get("type") == "error":
            body["error"] = member(event, "error")
    return {**body, "completion": "".join(pieces)} if pieces else body


def piece(event: JSON) -> Piece:
    """How many characters of the completion an event has."""
    said = as_object(event)
    return Piece(len(text(said, "completion") or "") if said.get("type") == "completion" else 0)


COMPLETE = Endpoint(
    operation=Operation.TEXT_COMPLETION,
    provider="anthropic",
    request=read_request,
    response=read_response,
    fold=fold,
    piece=piece,
)
