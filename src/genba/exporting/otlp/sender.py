"""Send to one destination, one request at a time: in bounded requests, again after a while where that can help, and never where not."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final, Protocol

from ... import harmless
from ...spooling.entries import Entry
from ...spooling.sources import Reading, Source
from .answers import Answer, Stopped, Transport
from .encoding import OVERHEAD, request
from .shortening import shaped
from .target import Target

LINGER: Final = 1.0
"""Seconds that spans wait for others to go with."""
FIRST_PAUSE: Final = 1.0
LONGEST_PAUSE: Final = 60.0
TRIES_OF_ITS_OWN_FAULT: Final = 5
"""Failures of a server over the same spans, after which these are set aside."""
LEAST_ROOM: Final = 4096
"""Bytes. A server that finds even this too large takes no spans."""

Count = Callable[[str, int], None]


class Holds(Protocol):
    """What a sender needs of a spool."""

    path: Path | None

    def sources(self) -> list[Source]:
        """Where spans wait."""

    def own_waiting(self, key: str) -> int:
        """How many of this process's do."""

    def is_own(self, source: Source) -> bool:
        """Whether it holds this process's spans."""

    def bury(self, key: str, entries: Sequence[Entry], reason: str) -> None:
        """Keep what will never be taken."""

    def lost(self, key: str, reason: str, number: int) -> None:
        """Count what is gone."""


class Sender:
    """What is known of one destination: how it fares, and when it is next asked."""

    def __init__(self, target: Target, spool: Holds, connect: Callable[[Target], Transport], taken: Count) -> None:
        self.target = target
        self.key = target.key
        self.is_at_work = False
        self.is_well = True
        """Whether the last request was answered as one hopes."""
        self.trouble = ""
        self._spool = spool
        self._connect = connect
        self._taken = taken
        self._transport: Transport | None = None
        self._failures = 0
        self._not_before = 0.0
        self._first_seen: float | None = None
        self._turns = 0
        self._most_bytes = target.limits.max_request_bytes
        self._most_spans = target.limits.max_spans_per_request

    def due(self, *, hurried: bool = False) -> float | None:
        """In how many seconds it wants to send; None if nothing waits."""
        now = time.monotonic()
        if self.is_at_work or not any(source.waits(self.key) for source in self._spool.sources()):
            self._first_seen = None
            return None
        if self._not_before > now:
            return self._not_before - now
        if self._first_seen is None:
            self._first_seen = now
        if hurried or self._failures or self._spool.own_waiting(self.key) >= self._most_spans:
            return 0.0
        return max(self._first_seen + LINGER - now, 0.0)

    @property
    def is_pausing(self) -> bool:
        """Whether it has failed and is not to be asked yet."""
        return self._not_before > time.monotonic()

    def describe(self) -> str:
        """For a person."""
        waiting = sum(source.waiting(self.key) for source in self._spool.sources())
        said = f", {waiting} spans wait" if waiting else ""
        return said + (f", last answer: {self.trouble}" if self.trouble else "")

    def turn(self, meanwhile: Callable[[], None]) -> None:
        """Send one request."""
        waiting = [source for source in self._spool.sources() if source.waits(self.key)]
        if not waiting:
            return
        self._turns += 1
        source = waiting[self._turns % len(waiting)]
        self.is_at_work = True
        try:
            self._send(source, source.read(self.key, self._most_bytes, self._most_spans), meanwhile)
        except Stopped:
            raise
        except Exception as error:
            self._later(Answer("later", f"genba failed with {type(error).__name__}"), 0)  # not again and again without a pause
            raise
        finally:
            self.is_at_work = False
            self._first_seen = None

    def close(self) -> None:
        """Let go of the connection."""
        if self._transport is not None:
            transport, self._transport = self._transport, None
            with harmless.guard(f"closing {self.target.name}"):
                transport.close()

    def _send(self, source: Source, reading: Reading, meanwhile: Callable[[], None]) -> None:
        parts: list[tuple[bytes, Any]] = []
        going: list[Entry] = []
        hopeless: list[tuple[Entry, str]] = []
        for entry in reading.entries:
            why, span = self._shaped(entry)
            if span is None:
                hopeless.append((entry, why))
            else:
                going.append(entry)
                parts.append((entry.header, span))
        body = request(parts, self.target.resource) if parts else b""
        if len(body) > self._most_bytes and len(parts) > 1:
            self._most_spans = max(len(reading.entries) // 2, 1)  # what was added to them made them too long
            return
        answer = self._asked(body, meanwhile) if parts else Answer("taken")
        if answer.verdict == "too large":
            answer = self._smaller(len(parts), len(body), answer)
        if answer.verdict == "later":
            self._later(answer, len(going))
            if not answer.is_about_us or self._failures < TRIES_OF_ITS_OWN_FAULT:
                return
            answer = Answer("never", f"{answer.reason}, {self._failures} times")
        if answer.verdict == "too large":
            return
        self._settle(source, reading, going, hopeless, answer)

    def _settle(
        self, source: Source, reading: Reading, going: Sequence[Entry], hopeless: Sequence[tuple[Entry, str]], answer: Answer
    ) -> None:
        """These are done with, in one way or another."""
        for entry, why in hopeless:
            self._spool.bury(self.key, [entry], why)
        if answer.verdict == "never":
            self._complain(answer.reason, len(going))
            self._spool.bury(self.key, going, answer.reason)
        source.done(self.key, reading.end)
        if reading.damaged:
            self._spool.lost(self.key, "damaged in the spool", reading.damaged)
        if answer.verdict == "taken" and going:
            self._well(going, source, answer)
        self._failures = 0
        self._not_before = 0.0

    def _shaped(self, entry: Entry) -> tuple[str, Any]:
        limits = self.target.limits
        if limits.max_age is not None and time.time() - entry.ended_ns / 1e9 > limits.max_age:
            return f"older than the {limits.max_age / 60:.0f} minutes that it takes", None
        room = (
            self._most_bytes
            - len(entry.header)
            - OVERHEAD
            - sum(len(name) + len(value) + 16 for name, value in self.target.resource.items())
        )
        span = shaped(entry.span, limits, min(room, limits.max_span_bytes or room), self.target.aliases)
        return "too large, even without its content", span

    def _asked(self, body: bytes, meanwhile: Callable[[], None]) -> Answer:
        if self._transport is None:
            self._transport = self._connect(self.target)
        return self._transport.send(body, meanwhile)

    def _smaller(self, number: int, size: int, answer: Answer) -> Answer:
        """Half as much the next time. What is too large alone is shortened then, and refused for good when it cannot get shorter."""
        if number > 1:
            self._most_spans = max(number // 2, 1)
        elif size // 2 >= LEAST_ROOM:
            self._most_bytes = size // 2
        else:
            return Answer("never", answer.reason)
        return answer

    def _later(self, answer: Answer, number: int) -> None:
        self._failures += 1
        pause = min(FIRST_PAUSE * 2 ** (self._failures - 1), LONGEST_PAUSE) * random.uniform(0.5, 1.0)  # noqa: S311  # no secret
        if answer.after is not None:
            pause = answer.after
        if answer.is_about_us:
            self._most_spans = max(number // 2, 1)
        self._not_before = time.monotonic() + pause
        self.trouble = answer.reason
        if self.is_well:
            self.is_well = False
            kept = f"in the spool {self._spool.path}" if self._spool.path is not None else "in memory"
            harmless.logger.warning(
                "genba: %s does not take spans now (%s). They wait %s and are sent again; your program is not affected. "
                "See genba.doctor().", self.target.name, answer.reason, kept,
            )  # fmt: skip

    def _complain(self, reason: str, number: int) -> None:
        if reason != self.trouble:
            harmless.logger.warning(
                "genba: %s refused %d spans for good (%s). %s Further refusals of this kind are counted: see genba.doctor().",
                self.target.name, number, reason,
                "They are kept: see 'genba spool status', and 'genba spool replay' when the cause is gone."
                if self._spool.path is not None else "Without a spool they are lost.",
            )  # fmt: skip
        self.trouble, self.is_well = reason, False

    def _well(self, going: Sequence[Entry], source: Source, answer: Answer) -> None:
        rejected = min(answer.rejected, len(going))
        name = self.target.name if self._spool.is_own(source) else f"{self.target.name}, left by earlier processes"
        self._taken(name, len(going) - rejected)
        if rejected:
            self._complain(f"rejected: {answer.reason or 'no reason given'}", rejected)
            self._spool.lost(self.key, "rejected by the server", rejected)
            return
        self.is_well, self.trouble = True, ""
        self._most_spans = min(self._most_spans * 2, self.target.limits.max_spans_per_request)
