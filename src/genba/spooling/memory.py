"""Spans that wait in memory: where there is no spool, or its disk is full. Bounded in bytes; the oldest are dropped first."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence

from .entries import Entry
from .sources import Reading

MOST_BYTES = 64 << 20


class Memory:
    """A queue that several destinations read, each at its own pace."""

    def __init__(self, keys: Sequence[str], lost: Callable[[str, str, int], None], most_bytes: int = MOST_BYTES) -> None:
        self._entries: deque[Entry] = deque()
        self._first = 0
        """Number of the oldest entry there is."""
        self._reached = dict.fromkeys(keys, 0)
        self._bytes = 0
        self._most_bytes = most_bytes
        self._lost = lost

    def append(self, entries: Sequence[Entry]) -> None:
        """Keep these; the oldest make room for them."""
        for entry in entries:
            self._entries.append(entry)
            self._bytes += len(entry)
            while self._bytes > self._most_bytes and len(self._entries) > 1:
                for key, reached in self._reached.items():
                    if reached <= self._first:
                        self._lost(key, "memory full", 1)
                self._forget_one()

    def waits(self, key: str) -> bool:
        return self.waiting(key) > 0

    def waiting(self, key: str) -> int:
        return self._first + len(self._entries) - max(self._reached[key], self._first) if key in self._reached else 0

    def read(self, key: str, most_bytes: int, most_spans: int) -> Reading:
        start = max(self._reached[key], self._first)
        taken: list[Entry] = []
        size = 0
        for at in range(start - self._first, len(self._entries)):
            entry = self._entries[at]
            size += len(entry)
            if taken and (size > most_bytes or len(taken) >= most_spans):
                break
            taken.append(entry)
        return Reading(taken, 0, start + len(taken))

    def done(self, key: str, end: int) -> None:
        self._reached[key] = max(self._reached[key], end)
        while self._entries and min(self._reached.values()) > self._first:
            self._forget_one()

    def _forget_one(self) -> None:
        self._bytes -= len(self._entries.popleft())
        self._first += 1
