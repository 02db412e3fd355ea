"""How long the engine behind an answer says that it took, under the names that servers of this family have for it."""

from __future__ import annotations

import math

from ...conversation import JSON, Timings
from ...conversation.usage import count
from ..json_fields import Object, member

_TELL = frozenset({"timings", "time_info", "perf_metrics", "stats"})


def read(body: Object) -> Timings | None:
    """The times that an answer tells, in seconds; None if it tells none."""
    usage = member(body, "usage") or member(member(body, "x_groq"), "usage")
    if _TELL.isdisjoint(body) and "completion_time" not in usage and "prompt_time" not in usage and "queue_time" not in usage:
        return None  # most do not tell
    for found in (
        _llama_cpp(member(body, "timings")),
        _stages(member(body, "time_info"), usage),  # Cerebras
        _stages(usage, usage),  # Groq
        _fireworks(member(body, "perf_metrics"), usage),
        Timings(decode=seconds(member(body, "stats").get("generation_time"))),  # LM Studio
    ):
        if any(known is not None for known in (found.queue, found.prefill, found.decode)):
            return found
    return None


def seconds(value: JSON, unit: float = 1.0) -> float | None:
    """A duration, if it is one; in an HTTP header's manner it may be a text."""
    if isinstance(value, str) and len(value) < 40:
        try:
            value = float(value)
        except ValueError:
            return None
    if not isinstance(value, (int, float)) or isinstance(value, bool) or not 0 <= value < 1e12:
        return None
    return value * unit if math.isfinite(value) else None


def _llama_cpp(timings: Object) -> Timings:
    return Timings(
        prefill=seconds(timings.get("prompt_ms"), 1e-3),
        decode=seconds(timings.get("predicted_ms"), 1e-3),
        prefill_tokens=count(timings.get("prompt_n")),
        decode_tokens=count(timings.get("predicted_n")),
    )


def _stages(told: Object, usage: Object) -> Timings:
    return Timings(
        queue=seconds(told.get("queue_time")),
        prefill=seconds(told.get("prompt_time")),
        decode=seconds(told.get("completion_time")),
        prefill_tokens=_read(usage.get("prompt_tokens"), member(usage, "prompt_tokens_details").get("cached_tokens")),
        decode_tokens=count(usage.get("completion_tokens")),
    )


def _fireworks(told: Object, usage: Object) -> Timings:
    return Timings(
        queue=seconds(told.get("prefill-queue-duration")),
        prefill=seconds(told.get("prefill-duration")),
        decode=seconds(told.get("generation-duration")),
        prefill_tokens=_read(_whole(told.get("prompt-tokens")), _whole(told.get("cached-prompt-tokens"))),
        decode_tokens=count(usage.get("completion_tokens")),
    )


def _read(prompt: JSON, cached: JSON) -> int | None:
    """How many tokens were not in the cache, if it is told how many were."""
    all, known = count(prompt), count(cached)
    return None if all is None or known is None else max(all - known, 0)


def _whole(value: JSON) -> JSON:
    return int(value) if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 19 else value
