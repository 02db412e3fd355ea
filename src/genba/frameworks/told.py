"""What a framework tells, in the conventions' words: finish reasons, documents, and what is really there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..conversation.encoding import decode, encode

_REASONS = {
    "complete": "stop",
    "end_turn": "stop",
    "eos": "stop",
    "eos_token": "stop",
    "function_call": "tool_call",
    "max_tokens": "length",
    "refusal": "content_filter",
    "safety": "content_filter",
    "stop_sequence": "stop",
    "tool_calls": "tool_call",
    "tool_use": "tool_call",
}


def finish_reason(native: str) -> str:
    """The provider's word for why the model stopped, which frameworks pass on, in the conventions' words where they have one."""
    return _REASONS.get(native.lower(), native.lower() if native.isupper() else native)


def document(*, id: Any, score: Any, content: Any, metadata: Any) -> dict[str, Any]:
    """A document that was found."""
    beside = decode(encode(metadata)) if metadata else None
    return present({"id": id, "score": score, "content": content, "metadata": beside or None})


def present(said: Mapping[str, Any]) -> dict[str, Any]:
    """What is said, without what is None."""
    return {name: value for name, value in said.items() if value is not None}


def some_text(said: Mapping[str, Any], *names: str) -> str | None:
    """The first of these that is a text and not empty."""
    return next((value for name in names if isinstance(value := said.get(name), str) and value), None)
