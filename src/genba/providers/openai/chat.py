"""Chat completions: `POST /chat/completions`, of OpenAI and of every server that speaks like it."""

from __future__ import annotations

from typing import Any

from ... import semconv
from ...conversation import JSON, Message, Request, Response
from ...observing.endpoint import Endpoint
from ..json_fields import as_object, member, objects
from . import choices, chunks, failures, messages, parameters, pieces, tools


def read_request(body: JSON) -> Request:
    """What was asked."""
    body = as_object(body)
    said = [messages.read(message) for message in objects(body.get("messages"))]
    return Request(**parameters.read(body), messages=said, tools=tools.read_definitions(body))


def read_response(body: JSON) -> Response:
    """What came back, one message for each choice."""
    return choices.read(as_object(body), _message)


def _message(choice: dict[str, Any], finish_reason: str | None) -> Message:
    return messages.read(member(choice, "message"), finish_reason)


CHAT = Endpoint(
    operation=semconv.Operation.CHAT,
    provider="openai",
    request=read_request,
    response=read_response,
    fold=chunks.fold,
    failed=failures.read,
    is_last=chunks.is_last,
    piece=pieces.of_chunk,
    attributes={semconv.OPENAI_API_TYPE: "chat_completions"},
)
