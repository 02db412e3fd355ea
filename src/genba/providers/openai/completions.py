"""Text completions, the API from before there were messages: `POST /completions`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ... import semconv
from ...conversation import JSON, Message, Request, Response, parts
from ...conversation.tokens import Piece
from ...observing.endpoint import Endpoint
from ..json_fields import as_object, some_text
from ..token_fields import of_prompts
from . import choices, chunks, content, failures, native, parameters, pieces


def read_request(body: JSON) -> Request:
    """What was asked. Each prompt is a turn of the user."""
    body = as_object(body)
    if "n_predict" in body:
        return native.read_request(body)
    suffix = some_text(body, "suffix")
    after = [parts.other("suffix", {"content": suffix})] if suffix else []
    prompts = [parts.message("user", [*prompt, *after]) for prompt in content.read_prompt(body.get("prompt"))]
    return Request(**parameters.read(body), messages=prompts, tokens=of_prompts(body.get("prompt")))


def read_response(body: JSON) -> Response:
    """What came back, one message for each choice. Below the server's root llama.cpp has this path for its own format."""
    if native.is_one(body):
        return native.read_response(body)
    return choices.read(as_object(body), _message)


def fold(events: Sequence[JSON]) -> JSON:
    """The response body."""
    return native.fold(events) if any(map(native.is_one, events)) else chunks.fold(events)


def piece(event: JSON) -> Piece:
    """How much of the answer is in an event."""
    return native.piece(event) if native.is_one(event) else pieces.of_chunk(event)


def _message(choice: dict[str, Any], finish_reason: str | None) -> Message:
    return parts.message("assistant", content.read(choice.get("text")), finish_reason=finish_reason)


TEXT_COMPLETION = Endpoint(
    operation=semconv.Operation.TEXT_COMPLETION,
    provider="openai",
    request=read_request,
    response=read_response,
    fold=fold,
    failed=failures.read,
    piece=piece,
)
