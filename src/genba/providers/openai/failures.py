"""Answers that say themselves that they failed, though the client raised nothing."""

from __future__ import annotations

from typing import Any

from ...conversation import JSON
from ..json_fields import as_object, integer, member, some_text


def read(body: JSON) -> tuple[str, str | None] | None:
    """The kind of failure and its message, of a response body or of a stream's last event."""
    body = as_object(body)
    answer = member(body, "response") or body
    error = member(answer, "error") or (body if body.get("type") == "error" else {})
    if error:
        return kind(error), some_text(error, "message")
    return ("failed", None) if answer.get("status") == "failed" else None


def kind(error: dict[str, Any]) -> str:
    """What kind of failure an `error` object reports: its code in words, else its type, else the code as a number."""
    number = integer(error, "code")
    return some_text(error, "code", "type") or ("_OTHER" if number is None else str(number))
