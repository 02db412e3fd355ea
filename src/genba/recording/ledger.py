"""Count every call of this process run, so that what is missing can be told from what was never made.

A call gets its number when it begins, and from then on is somewhere: in flight, on its way, stored, or absent for a reason that is
written down here with its number. Counting takes no lock where calls begin and end: a `next` and an `append` are whole.
"""

from __future__ import annotations

import itertools
import os
import threading
from collections import Counter, deque
from collections.abc import Iterable, Mapping
from time import time_ns
from typing import Any, Final, NamedTuple

EVERYWHERE: Final = ""
"""In the place of a destination: the span reached none."""
SAMPLED_OUT: Final = "sampled out"
OVERLOADED: Final = "overloaded: the oldest spans made room"
ELSEWHERE: Final = "handed to the application's own pipeline"
NOT_IN_TIME: Final = "not handed over in time when genba was shut down"

_SETTLE: Final = 4096
"""Numbers of calls that were sampled out, after which they are made into ranges."""
MOST_RANGES: Final = 10_000
"""Ranges that wait to be stored. Where nothing stores them, the oldest are forgotten, and only counted."""


class Absence(NamedTuple):
    """Calls in a row that one destination, or none, will ever see."""

    first: int
    last: int
    destination: str
    reason: str


class Account(NamedTuple):
    """The counts of a run at one moment."""

    run_id: str
    at_ns: int
    made: int
    ended: int
    in_flight: int
    sampled_out: int
    exported: Mapping[str, int]
    dropped: Mapping[str, int]
    dropped_usage: Mapping[str, int]
    content_dropped: int


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
        self._ends = itertools.count(1)
        self._skipped: deque[int] = deque()
        self._skipped_before = 0
        self._lock = threading.RLock()  # a finaliser may end a call in the middle of this
        self._tails: dict[tuple[str, str], tuple[int, int]] = {}
        self._unstored: dict[tuple[int, str, str], int] = {}
        self.elsewhere_from: int | None = None
        """The first of the calls that go to the application's pipeline and to no destination of genba's; None if none do now."""
        self.exported: Counter[str] = Counter()
        """Spans handed over, by destination."""
        self.dropped: Counter[str] = Counter()
        """Spans lost, by reason."""
        self.dropped_usage: Counter[str] = Counter()
        """The tokens of calls whose spans made room for others: what they cost is still known."""
        self.content_dropped = 0
        """Spans that were handed over without what was said, to save memory."""
        self.open: dict[int, Any] = {}
        """The invocations in flight, by sequence number."""
        # Bound once: both are on the hot path.
        self.number = self._numbers.__next__
        """The next call's sequence number."""
        self.count_end = self._ends.__next__
        """Count that a call has ended."""

    @property
    def made(self) -> int:
        """How many calls have begun; also the number of the last."""
        return _next_of(self._numbers) - 1

    @property
    def ended(self) -> int:
        """How many calls have ended."""
        return _next_of(self._ends) - 1

    @property
    def sampled_out(self) -> int:
        """How many calls the sampler wanted nothing of."""
        return self._skipped_before + len(self._skipped)

    def skip(self, sequence: int) -> None:
        """This call was sampled out."""
        self._skipped.append(sequence)
        if len(self._skipped) >= _SETTLE:
            self._settle()

    def lose(self, sequences: Iterable[int | None], reason: str, destination: str = EVERYWHERE, usage: Any = None) -> None:
        """The spans of these calls will not reach `destination`. Those of others than genba, which have no number, are counted."""
        with self._lock:
            numbers = list(sequences)
            if not numbers:
                return
            self.dropped[f"{destination}: {reason}" if destination else reason] += len(numbers)
            self.note_absent(numbers, reason, destination)
            for name in ("input_tokens", "output_tokens"):
                self.dropped_usage[name] += getattr(usage, name, None) or 0

    def note_absent(self, sequences: Iterable[int | None], reason: str, destination: str) -> None:
        """Say which calls these are, where they are counted already."""
        with self._lock:
            self._absent(sorted(one for one in sequences if one is not None), destination, reason)

    def goes_elsewhere(self, is_elsewhere: bool) -> None:  # a state, not a switch
        """From the call that begins now on, spans go to the application's pipeline alone, or no longer do."""
        with self._lock:
            self._note_elsewhere()
            self.elsewhere_from = self.made if is_elsewhere else None

    def absences(self) -> list[Absence]:
        """The ranges of calls that have become absent, or more so, since they were last `stored`."""
        self._settle()
        with self._lock:
            self._note_elsewhere()
            return [Absence(first, last, *key) for (first, *key), last in self._unstored.items()]

    def stored(self, absences: Iterable[Absence]) -> None:
        """These are written down: they need not be kept here."""
        with self._lock:
            for first, last, destination, reason in absences:
                if self._unstored.get((first, destination, reason)) == last:
                    del self._unstored[first, destination, reason]

    def account(self) -> Account:
        """The counts as of now."""
        usage = {name: number for name, number in self.dropped_usage.items() if number}
        return Account(
            run_id=self.run_id,
            at_ns=time_ns(),
            made=self.made,
            ended=self.ended,
            in_flight=len(self.open),
            sampled_out=self.sampled_out,
            exported=dict(self.exported),
            dropped=dict(self.dropped),
            dropped_usage=usage,
            content_dropped=self.content_dropped,
        )

    def forked(self) -> None:
        """Start a new run, in a child process."""
        parent, elsewhere = self.run_id, self.elsewhere_from
        self._begin()
        self.parent_run_id = parent
        self.elsewhere_from = None if elsewhere is None else 1

    def _settle(self) -> None:
        """Make ranges of the numbers of calls that were sampled out."""
        with self._lock:
            numbers = []
            for _ in range(len(self._skipped)):
                numbers.append(self._skipped.popleft())
                self._skipped_before += 1
            self._absent(sorted(numbers), EVERYWHERE, SAMPLED_OUT)

    def _note_elsewhere(self) -> None:
        first, last = self.elsewhere_from, self.made
        if first is not None and last >= first:
            self._absent([first], EVERYWHERE, ELSEWHERE, last)
            self.elsewhere_from = last + 1

    def _absent(self, numbers: list[int], destination: str, reason: str, last: int | None = None) -> None:
        """Add sorted numbers to the ranges; with `last`, all from the only one to that."""
        key = destination, reason
        tail = self._tails.get(key)
        for number in numbers:
            end = number if last is None else last
            tail = (tail[0], end) if tail is not None and tail[1] + 1 == number else (number, end)
            self._unstored[tail[0], destination, reason] = tail[1]
        if tail is not None:
            self._tails[key] = tail
        while len(self._unstored) > MOST_RANGES:
            del self._unstored[next(iter(self._unstored))]


def _next_of(count: Any) -> int:
    """What an `itertools.count` gives next, without taking it: only its words say so."""
    return int(repr(count)[6:-1])
