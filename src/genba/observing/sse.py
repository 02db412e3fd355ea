"""Read server-sent events from the bytes of a response, each with the moment it was complete."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence

from ..conversation import JSON
from ..conversation.encoding import decode


def events(pieces: Sequence[bytes], times: Sequence[int]) -> Iterator[tuple[int, JSON, int]]:
    """(when, JSON, bytes of it) of each event whose data is JSON, in order. A last event that was cut off is left out."""
    rest = b""
    for piece, when in zip(pieces, times, strict=False):
        if not rest and piece.startswith(b"data: {") and piece.find(b"\n") == len(piece) - 2 and piece.endswith(b"\n\n"):
            # One whole event, which is what most servers send at a time.
            try:
                yield when, decode(piece[6:]), len(piece) - 8
                continue
            except ValueError:
                pass
        *lines, rest = (rest + piece).replace(b"\r\n", b"\n").split(b"\n\n")
        for block in lines:
            data = _data(block)
            if data and data != b"[DONE]":
                with contextlib.suppress(ValueError):  # no JSON at all
                    yield when, decode(data), len(data)


def _data(block: bytes) -> bytes:
    return b"\n".join(line[5:].removeprefix(b" ") for line in block.split(b"\n") if line.startswith(b"data:"))
