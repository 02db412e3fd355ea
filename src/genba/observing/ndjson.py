"""Read JSON that comes a line at a time from the bytes of a response, each value with the moment it was complete."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence

from ..conversation import JSON
from ..conversation.encoding import decode

TYPES = ("ndjson", "stream+json", "jsonl", "json-seq")
"""Found in the content types of such a response."""


def events(pieces: Sequence[bytes], times: Sequence[int]) -> Iterator[tuple[int, JSON, int]]:
    """(when, JSON, bytes of it) of each line, in order. A last line that was cut off is left out, as is what is no JSON."""
    rest, last = b"", 0
    for piece, when in zip(pieces, times, strict=False):
        last = when
        *lines, rest = (rest + piece).split(b"\n")
        for line in lines:
            with contextlib.suppress(ValueError):
                yield when, decode(line), len(line)
    with contextlib.suppress(ValueError):
        yield last, decode(rest), len(rest)
