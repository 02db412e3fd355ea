"""Answers that say themselves that they failed, though the client raised nothing."""

from __future__ import annotations

from typing import Any

from ...conversation import JSON
from . import wire


def read(body: JSON) -> tuple[str, str | None] | None:
    """The kind of failure and its message, of a response body or of a stream's last event."""
    body = wire.fields(body)
    answer = wire.fields(body.get("response")) or body
    error = wire.fields(answer.get("error")) or (body if body.get("type") == "error" else {})
    if error:
        return kind(error), wire.text(error, "message")
    return ("failed", None) if answer.get("status") == "failed" else None


def kind(error: dict[str, Any]) -> str:
    """What kind of failure an `error` object reports: its code in words, else its type, else the code as a number."""
    number = wire.integer(error, "code")
    return wire.text(error, "code", "type") or ("_OTHER" if number is None else str(number))
