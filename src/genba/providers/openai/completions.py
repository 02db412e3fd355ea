"""Text completions, the API from before there were messages: `POST /completions`."""

from __future__ import annotations

from typing import Any

from ... import semconv
from ...conversation import JSON, Message, Request, Response, parts
from ...observing.endpoint import Endpoint
from ..json_fields import as_object, some_text
from . import choices, chunks, content, failures, parameters


def read_request(body: JSON) -> Request:
    """What was asked. Each prompt is a turn of the user."""
    body = as_object(body)
    suffix = some_text(body, "suffix")
    after = [parts.other("suffix", {"content": suffix})] if suffix else []
    prompts = [parts.message("user", [*prompt, *after]) for prompt in content.read_prompt(body.get("prompt"))]
    return Request(**parameters.read(body), messages=prompts)


def read_response(body: JSON) -> Response:
    """What came back, one message for each choice."""
    return choices.read(as_object(body), _message)


def _message(choice: dict[str, Any], finish_reason: str | None) -> Message:
    return parts.message("assistant", content.read(choice.get("text")), finish_reason=finish_reason)


TEXT_COMPLETION = Endpoint(
    operation=semconv.Operation.TEXT_COMPLETION,
    provider="openai",
    request=read_request,
    response=read_response,
    fold=chunks.fold,
    failed=failures.read,
)
