"""What the answers of all of Cohere's APIs have in common: why the model stopped, and what it cost."""

from __future__ import annotations

from typing import Any

from ...conversation import JSON, Usage
from ...conversation.usage import first, whole
from ..json_fields import as_object, member, some_text

_FINISH_REASONS = {
    "COMPLETE": "stop",
    "STOP_SEQUENCE": "stop",
    "MAX_TOKENS": "length",
    "ERROR_LIMIT": "length",
    "TOOL_CALL": "tool_call",
    "ERROR_TOXIC": "content_filter",
    "ERROR": "error",
    "TIMEOUT": "error",
}


def finish_reason(native: str | None) -> str | None:
    """Cohere's word for why the model stopped, in the conventions' words where they have one."""
    return _FINISH_REASONS.get(native, native) if native else None


def reasons(native: str | None) -> dict[str, Any]:
    """Both words, as the keyword arguments of a `Response`."""
    reason = finish_reason(native)
    return {"finish_reasons": [reason], "native_finish_reasons": [native]} if reason else {}


def read_usage(value: JSON) -> Usage | None:
    """What is billed, which is less than what the model saw: Cohere does not bill the template that it puts around a prompt.

    The conventions want what is billed where the two differ. What the model saw, and how much of that came from a cache, stays in `raw`;
    the cache's part is also told by itself unless it is more than what is billed, of which it could be no part.
    """
    said = as_object(value)
    billed, seen = member(said, "billed_units"), member(said, "tokens")
    if not billed and not seen:
        return None
    input = first(whole(billed.get("input_tokens")), whole(seen.get("input_tokens")))  # written with a point
    cached = whole(said.get("cached_tokens"))
    return Usage(
        input_tokens=input,
        output_tokens=first(whole(billed.get("output_tokens")), whole(seen.get("output_tokens"))),
        cache_read_input_tokens=cached if cached is not None and input is not None and cached <= input else None,
        raw=said,
    )


def says_it_failed(body: JSON) -> tuple[str, str | None] | None:
    """The failure that the last event of a stream reports, though the client raises nothing."""
    event = as_object(body)
    answer = member(event, "delta") or event
    if some_text(answer, "finish_reason") in ("ERROR", "TIMEOUT"):
        return str(answer["finish_reason"]), some_text(answer, "error", "err") or some_text(event, "err")
    return None


def is_last(event: JSON) -> bool:
    """Whether an event is the last of its stream, before there was version 2."""
    return as_object(event).get("is_finished") is True
