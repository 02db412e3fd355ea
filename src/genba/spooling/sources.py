"""Where spans wait for their destinations: what a sender needs of it, be it a folder on disk or the memory of the process."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from .entries import Entry


@dataclass(frozen=True, slots=True)
class Reading:
    """What waits next for one destination."""

    entries: Sequence[Entry]
    damaged: int
    """Stretches between them that hold no whole record."""
    end: Any
    """The place to go on from, once these are dealt with: for `done`."""


class Source(Protocol):
    """Spans in the order in which they ended, and how far each destination has come."""

    def waits(self, key: str) -> bool:
        """Whether anything waits for the destination of that key."""

    def waiting(self, key: str) -> int:
        """How many spans do."""

    def read(self, key: str, most_bytes: int, most_spans: int) -> Reading:
        """The next of them: at least one, if any waits."""

    def done(self, key: str, end: Any) -> None:
        """They need not be kept for this destination any more."""
