"""One file of the spool: records that are only ever added, and an index of where each ends."""

from __future__ import annotations

import contextlib
import os
from bisect import bisect_right
from collections.abc import Sequence
from pathlib import Path

from .entries import Entry, pack, payload_of, payloads, records


class Segment:
    """A file of records."""

    def __init__(self, folder: Path, number: int) -> None:
        self.number = number
        self.path = folder / f"{number:08d}.spans"
        self._ends: list[int] = []
        """Where each record ends, and each stretch that is none."""
        self._file: int | None = None

    @classmethod
    def found(cls, folder: Path, number: int) -> Segment:
        """One that another process has left."""
        segment = cls(folder, number)
        with contextlib.suppress(OSError):
            segment._ends = [end for _, end in payloads(segment.path.read_bytes())]
        return segment

    @property
    def size(self) -> int:
        """Its length in bytes."""
        return self._ends[-1] if self._ends else 0

    def after(self, place: int) -> int:
        """How many records are behind that place."""
        return len(self._ends) - bisect_right(self._ends, place)

    def append(self, entries: Sequence[Entry]) -> None:
        """Add these, all or none.

        Raises:
            OSError: the disk does not take them.
        """
        if self._file is None:
            self._file = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        packed = [pack(payload_of(entry)) for entry in entries]
        data, before, written = b"".join(packed), self.size, 0
        try:
            while written < len(data):
                written += os.write(self._file, memoryview(data)[written:])
        except OSError:
            with contextlib.suppress(OSError):
                os.ftruncate(self._file, before)
            raise
        end = before
        for one in packed:
            end += len(one)
            self._ends.append(end)

    def read(self, place: int, most_bytes: int, most_spans: int) -> tuple[list[Entry], int, int]:
        """From that place on: the entries, how many stretches are damaged, and the place behind them."""
        first = bisect_right(self._ends, place)
        last = min(first + most_spans, len(self._ends))
        last = max(min(last, bisect_right(self._ends, place + most_bytes)), first + 1)
        if first >= len(self._ends):
            return [], 0, place
        end = self._ends[last - 1]
        try:
            with self.path.open("rb") as file:
                file.seek(place)
                data = file.read(end - place)
        except OSError:
            return [], last - first, end
        entries = [entry for entry, _ in records(data)]
        whole = [entry for entry in entries if entry is not None]
        return whole, max(last - first - len(whole), 0), end

    def close(self) -> None:
        """Write nothing more to it."""
        if self._file is not None:
            with contextlib.suppress(OSError):
                os.close(self._file)
            self._file = None

    def delete(self) -> None:
        """Take it off the disk."""
        self.close()
        with contextlib.suppress(OSError):
            self.path.unlink()
