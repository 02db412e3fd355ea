"""What a call cost, in tokens.

Providers count differently: for some the input includes what came from a cache, for others it does not. Here it always does: the
totals are totals, and every other number is a part of one of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

REPORTED: Final = "reported"
ENGINE: Final = "engine"


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Token counts of one call. A count that the provider did not give is None: unknown, not zero.

    Field names are the conventions' `gen_ai.usage.*` with dots written as underscores.
    """

    input_tokens: int | None = None
    """All tokens that went in, those read from and written to a cache included."""
    output_tokens: int | None = None
    """All tokens that came out, reasoning included."""
    cache_read_input_tokens: int | None = None
    cache_write_input_tokens: int | None = None
    reasoning_output_tokens: int | None = None
    text_input_tokens: int | None = None
    text_output_tokens: int | None = None
    text_cache_read_input_tokens: int | None = None
    image_input_tokens: int | None = None
    image_output_tokens: int | None = None
    image_cache_read_input_tokens: int | None = None
    audio_input_tokens: int | None = None
    audio_output_tokens: int | None = None
    audio_cache_read_input_tokens: int | None = None
    raw: Mapping[str, Any] | None = None
    """The provider's own usage object, untouched."""
    source: str = REPORTED
    """Where the numbers come from: `reported` by the provider, or counted by the `engine` in this process."""


COUNTS: Final = tuple(name for name in Usage.__dataclass_fields__ if name not in ("raw", "source"))
"""The fields that are numbers of tokens."""


def summed(usages: Sequence[Usage | None]) -> Usage:
    """The usage of several calls together; the last one's own words are kept as `raw`."""
    known = [usage for usage in usages if usage is not None]
    sums = {name: total(*(getattr(usage, name) for usage in known)) for name in COUNTS}
    return Usage(**sums, raw=known[-1].raw if known else None, source=known[-1].source if known else REPORTED)


def count(value: object) -> int | None:
    """`value` if it is a count of tokens, else None: test doubles and broken servers put anything there."""
    return value if type(value) is int and 0 <= value < 1 << 63 else None


def whole(value: object) -> int | None:
    """The same where counts are written with a point."""
    return count(int(value)) if isinstance(value, float) and value.is_integer() else count(value)


def first(*counts: int | None) -> int | None:
    """The first of the counts that is known."""
    for number in counts:
        if number is not None:
            return number
    return None


def total(*counts: int | None) -> int | None:
    """The sum of the counts that are known; None when none is."""
    known = [number for number in counts if number is not None]
    return sum(known) if known else None
