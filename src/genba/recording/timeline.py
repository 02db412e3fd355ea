"""When the chunks of a stream came, and how fast the engine was: span attributes out of times and counts that were noted."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from itertools import pairwise
from typing import Any, Final

from .. import semconv
from ..conversation import Timings
from ..conversation.tokens import Chunk
from ..tokens import written

STALL_NS: Final = 250_000_000
"""Nanoseconds beyond which a gap between two chunks can be a stall."""
STALL_RATIO: Final = 10
"""How many times the median gap it has to be as well."""


def of_chunks(chunks: Sequence[Chunk], started_ns: int, output_tokens: int | None) -> dict[str, Any]:
    """What is to be told of a stream. `output_tokens` is for how many tokens came a second."""
    if not chunks:
        return {}
    told: dict[str, Any] = {semconv.CHUNKS_TIMELINE: written.write_timeline(chunks, started_ns)}
    times = [chunk.at_ns for chunk in chunks]
    gaps = sorted([after - before if after > before else 0 for before, after in pairwise(times)])
    if gaps:
        median = _ranked(gaps, 50)
        told[semconv.CHUNKS_INTERVAL_P50] = median / 1e9
        told[semconv.CHUNKS_INTERVAL_P95] = _ranked(gaps, 95) / 1e9
        told[semconv.CHUNKS_INTERVAL_MAX] = gaps[-1] / 1e9
        told[semconv.CHUNKS_STALLS] = len(gaps) - bisect_right(gaps, max(STALL_NS, STALL_RATIO * median))
    speaking = [chunk for chunk in chunks if chunk.characters] or chunks
    seconds = (speaking[-1].at_ns - speaking[0].at_ns) / 1e9
    if output_tokens and len(speaking) > 1 and seconds > 0:
        told[semconv.TIMING_DECODE_RATE] = output_tokens / seconds
    return told


def of_engine(timings: Timings) -> dict[str, Any]:
    """What the engine says of its own time."""
    told: dict[str, Any] = {
        semconv.TIMING_QUEUE: timings.queue,
        semconv.TIMING_PREFILL: timings.prefill,
        semconv.TIMING_DECODE: timings.decode,
        semconv.TIMING_PREFILL_RATE: _rate(timings.prefill_tokens, timings.prefill),
        semconv.TIMING_DECODE_RATE: _rate(timings.decode_tokens, timings.decode),
    }
    return {name: float(value) for name, value in told.items() if value is not None}


def _rate(tokens: int | None, seconds: float | None) -> float | None:
    return tokens / seconds if tokens and seconds else None


def _ranked(values: Sequence[int], percent: int) -> int:
    """The smallest of the sorted `values` that so many per cent are not above: the nearest-rank percentile."""
    return values[-(-len(values) * percent // 100) - 1]
