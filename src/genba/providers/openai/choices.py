"""An answer that consists of choices: Chat and the older text completions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ...conversation import Message, Response, Usage
from ..json_fields import member, objects, some_text
from . import attributes, choice_tokens, failures, timings, usage

_FINISH_REASONS = {"tool_calls": "tool_call", "function_call": "tool_call", "eos": "stop", "model_length": "length"}


def finish_reason(native: str) -> str:
    """The provider's word for why the model stopped, in the conventions' words where they have one."""
    return _FINISH_REASONS.get(native, native)


def read(body: dict[str, Any], read_message: Callable[[dict[str, Any], str | None], Message]) -> Response:
    """The answer: one message for each choice, read by `read_message`."""
    choices = objects(body.get("choices"))
    native = [some_text(choice, "finish_reason") for choice in choices]
    # Reasons keep their positions: if one choice was cut short and another was not, the first has no reason of its own.
    known = native if any(native) else []
    failed = failures.read(body)
    return Response(
        id=some_text(body, "id"),
        model=some_text(body, "model"),
        messages=[read_message(choice, finish_reason(why) if why else None) for choice, why in zip(choices, native, strict=True)],
        finish_reasons=[finish_reason(reason) if reason else "error" for reason in known],
        native_finish_reasons=[reason or "" for reason in known],
        usage=_usage(body, choices),
        tokens=choice_tokens.read(body),
        timings=timings.read(body),
        error_type=failed[0] if failed else None,
        error_message=failed[1] if failed else None,
        attributes=attributes.read(body),
    )


def _usage(body: dict[str, Any], choices: list[dict[str, Any]]) -> Usage | None:
    told = usage.read(body.get("usage")) or usage.read(member(body, "x_groq").get("usage"))
    return usage.of_timings(body.get("timings")) if told is None and len(choices) == 1 else told
