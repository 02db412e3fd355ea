"""Text generation, the API from before there was a chat: `POST /v1/generate`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from ... import semconv
from ...conversation import JSON, Message, Request, Response, parts
from ...conversation.tokens import Piece
from .. import characters
from ..json_fields import as_object, integer, member, objects, some_text
from . import answers, parameters, tokens, v1


def read_request(body: JSON) -> Request:
    """What was asked."""
    body = as_object(body)
    prompt = some_text(body, "prompt")
    return Request(**parameters.read(body), messages=[parts.message("user", [parts.text(prompt)])] if prompt else [])


def read_response(body: JSON) -> Response:
    """What came back, one message for each generation."""
    body = as_object(body)
    generations = objects(body.get("generations"))
    native = [some_text(generation, "finish_reason") for generation in generations]
    known = native if any(native) else []
    return Response(
        id=some_text(body, "id"),
        messages=[_read(generation) for generation in generations],
        finish_reasons=[answers.finish_reason(reason) or "error" for reason in known],
        native_finish_reasons=[reason or "" for reason in known],
        usage=answers.read_usage(body.get("meta")),
        tokens=[one for index, generation in enumerate(generations) for one in tokens.of_generation(generation, index)],
    )


def _read(generation: dict[str, Any]) -> Message:
    reason = answers.finish_reason(some_text(generation, "finish_reason"))
    return parts.message("assistant", [parts.text(some_text(generation, "text") or "")], finish_reason=reason)


def fold(events: Sequence[JSON]) -> JSON:
    """The events of a stream -> the answer that they add up to."""
    body: dict[str, Any] = {}
    generations: dict[int, dict[str, Any]] = {}
    for event in objects(list(events)):
        if event.get("event_type") == "stream-end":
            body.update(member(event, "response"))
        elif isinstance(event.get("text"), str):
            generation = generations.setdefault(integer(event, "index") or 0, {"text": ""})
            generation["text"] += event["text"]
    said = [generation for _, generation in sorted(generations.items())]
    ended = objects(body.get("generations")) or [{} for _ in said]
    body["generations"] = [{**one, **end} for one, end in zip(said or [{} for _ in ended], ended, strict=False)]
    return body


def piece(event: JSON) -> Piece:
    """What of the answer is in one event of a stream. The tokens are told by the last one, for all."""
    event = as_object(event)
    return Piece(0 if event.get("event_type") == "stream-end" else characters.of(event.get("text")))


TEXT_COMPLETION = replace(
    v1.CHAT, operation=semconv.Operation.TEXT_COMPLETION, request=read_request, response=read_response, fold=fold, piece=piece
)
