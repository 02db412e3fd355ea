"""Logits that come step by step: each step is measured as it comes and let go, and in the end there is one summary of all."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any, Final

from .summary import MOST_ROWS, Numbers, Summary, of_steps, statistics, together
from .taking import Taken, take

TOP: Final = 5
"""How many of the likeliest tokens are told of each step."""


class Steps:
    """The steps of one run of a model, of one text or of several side by side."""

    def __init__(self, *, rows_only: bool = False) -> None:
        self._rows_only = rows_only
        self._lock = threading.Lock()
        self._taken: list[Taken] = []
        self._first: Summary | None = None
        self._whole = Numbers(together([]), ())
        self._rows: list[Sequence[float]] = []
        self._values = 0
        self._is_chosen = False

    def add(self, logits: Any, chosen: Any = None) -> None:
        """Take the logits of a step, a row for each text, and the ids that were chosen from them. Waits for nothing."""
        self._is_chosen = self._is_chosen or chosen is not None
        self._taken.append(take(logits, "logits", chosen, TOP, rows_only=self._rows_only))

    def settle(self) -> None:
        """Measure what was taken, and let go of it. May wait, so it is for genba's own thread."""
        with self._lock:
            while self._taken:
                self._fold(self._taken.pop(0).summary())

    def _fold(self, one: Summary) -> None:
        if self._first is None or self._first.unknown is not None:
            self._first = one
        if one.numbers is not None:
            self._whole = Numbers(together([self._whole.piece, one.numbers.piece]), ())
            self._values += one.measures.get("count", 0)
            self._rows += one.numbers.rows

    def rows(self) -> Sequence[Sequence[float]]:
        """What was measured, see `measuring.steps`: of each step a row for each text."""
        self.settle()
        return self._rows

    def summary(self, rows: Sequence[Sequence[float]] | None = None) -> Summary:
        """All steps as one tensor; `rows` are those that count, in the order in which they are told."""
        self.settle()
        first = self._first
        if first is None:
            return Summary((), "unknown", "unknown", "no logits were seen")
        if first.numbers is None or not first.shape:
            return first
        told = self._rows if rows is None else rows
        vocabulary = first.shape[-1]
        top = (len(self._rows[0]) - 3) // 2 if self._rows else 0
        measures = statistics(self._whole.piece, self._values)
        measures.update(of_steps(told[-MOST_ROWS:], len(told), vocabulary, top, has_chosen=self._is_chosen))
        return Summary((len(told), vocabulary), first.dtype, first.device, None, measures)
