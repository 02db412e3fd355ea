"""When the chunks of a stream came, in a few words and a line of bars."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any, Final

from .. import semconv
from ..conversation.reading import Line, Words, duration
from ..tokens import Timeline
from .token_calls import Call

WIDTH: Final = 40
"""Bars in the line."""
_BARS: Final = "▁▂▃▄▅▆▇█"
_BETWEEN: Final = (
    ("p50", semconv.CHUNKS_INTERVAL_P50),
    ("p95", semconv.CHUNKS_INTERVAL_P95),
    ("longest", semconv.CHUNKS_INTERVAL_MAX),
)


def lines(call: Call) -> Iterator[Line]:
    """The first chunk, the gaps between the chunks, how fast it was; nothing for a call that was not streamed."""
    attributes, timeline = call.span.attributes, call.timeline
    if timeline is None and semconv.CHUNKS_COUNT not in attributes:
        return
    offsets = timeline.offsets_ns if timeline is not None else ()
    first = _number(attributes.get(semconv.RESPONSE_TIME_TO_FIRST_CHUNK))
    count = attributes.get(semconv.CHUNKS_COUNT, len(offsets))
    said = [f"{count} chunk{'' if count == 1 else 's'}"]
    if first is not None:
        said.append(f"first after {duration(first * 1e9)}")
    elif offsets:
        said.append(f"first after {duration(offsets[0])}")
    stalls = attributes.get(semconv.CHUNKS_STALLS)
    if isinstance(stalls, int):
        said.append("no stalls" if stalls == 0 else f"{stalls} stall{'' if stalls == 1 else 's'}")
    rate = _number(attributes.get(semconv.TIMING_DECODE_RATE))
    if rate is not None:
        said.append(f"{rate:.1f} tokens/s")
    yield [Words("stream     ", "role"), Words("  ".join(said), "fact")]
    between = [
        f"{title} {duration(value * 1e9)}" for title, name in _BETWEEN if (value := _number(attributes.get(name))) is not None
    ]
    if between:
        yield [Words(f"           between chunks {', '.join(between)}", "fact")]
    gaps = [after - before for before, after in pairwise(offsets)]
    if gaps and max(gaps) > 0:
        yield [Words("           "), Words(bars(gaps), "plain"), Words(f"  gaps, up to {duration(max(gaps))}", "faint")]


def bars(gaps: Sequence[int], width: int = WIDTH) -> str:
    """Gaps as bars. Where there are more than bars, a bar is the longest of its gaps, so that no stall is lost."""
    groups = [gaps[at * len(gaps) // width : (at + 1) * len(gaps) // width] for at in range(width)] if len(gaps) > width else gaps
    heights = [max(group) if isinstance(group, Sequence) else group for group in groups]
    longest = max(*heights, 1)
    return "".join(_BARS[min(len(_BARS) - 1, height * len(_BARS) // longest)] for height in heights)


def as_json(timeline: Timeline | None) -> dict[str, Any] | None:
    """The chunks for programs, a column each."""
    if timeline is None:
        return None
    return {
        "offsets_ns": timeline.offsets_ns,
        "sizes": timeline.sizes,
        "characters": timeline.characters,
        "tokens": timeline.tokens,
    }


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, (int, float)) else None
