"""Count every call of this process run, so that what is missing can be told from what was never made."""

from __future__ import annotations

import itertools
import os
from collections import Counter
from time import time_ns
from typing import Any


class Ledger:
    """The counts of one process run. A forked child is a run of its own, with its own id and numbers from 1."""

    def __init__(self) -> None:
        self.parent_run_id: str | None = None
        self._begin()

    def _begin(self) -> None:
        self.pid = os.getpid()
        self.started_ns = time_ns()
        self.run_id = os.urandom(8).hex()
        self._numbers = itertools.count(1)
        self.made = 0
        self.ended = 0
        self.sampled_out = 0
        self.exported: Counter[str] = Counter()
        """Spans handed over, by destination."""
        self.dropped: Counter[str] = Counter()
        """Spans lost, by reason."""
        self.open: dict[int, Any] = {}
        """The invocations in flight, by sequence number."""

    def number(self) -> int:
        """The next call's sequence number."""
        self.made = sequence = next(self._numbers)
        return sequence

    def forked(self) -> None:
        """Start a new run, in a child process."""
        self.parent_run_id = self.run_id
        self._begin()
