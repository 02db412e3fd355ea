"""Send what waits in a spool without its process: what dead processes have left, and what was refused, to the same or another place."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ...settings import SettingsError
from ...spooling import dead
from ...spooling.entries import Entry
from ...spooling.folder import untold
from ...spooling.memory import Memory
from ...spooling.sources import Reading, Source
from ...spooling.spool import left_behind, taken_over
from .. import standard
from . import presets
from .connecting import connect
from .sender import Sender
from .target import Target


class Replay:
    """One go at sending what lies in a spool, for a while."""

    def __init__(self, path: Path, *, only: str | None, to: str | None, timeout: float) -> None:
        self.path = path
        self.sent: Counter[str] = Counter()
        """Spans, by the destination that took them."""
        self.refused: Counter[str] = Counter()
        """And by the destination that did not, and why."""
        self.left = 0
        """Spans that still wait."""
        self._only = only
        self._to = to
        self._until = time.monotonic() + timeout

    def left_by_the_dead(self) -> None:
        """Send what processes have left that died. Those that live send their own.

        Raises:
            SettingsError: a destination cannot be used here.
        """
        for path in left_behind(self.path):
            folder = taken_over(path, untold)
            if folder is None:
                continue
            try:
                for key, name in folder.names.items():
                    if folder.waits(key) and self._only in (None, name):
                        self._send(name, _As(folder, key))
            finally:
                folder.close()

    def dead_letters(self) -> None:
        """Send what was refused. What is refused again stays, with the new reason.

        Raises:
            SettingsError: a destination cannot be used here.
        """
        dead.settle(self.path, self._again)

    def _again(self, letters: Sequence[dead.Letter]) -> list[dead.Letter]:
        stay = [letter for letter in letters if self._only not in (None, letter.destination)]
        for name in dict.fromkeys(letter.destination for letter in letters if self._only in (None, letter.destination)):
            lost: list[tuple[Entry, str]] = []
            memory = Memory([name], untold, most_bytes=1 << 62)
            memory.append([letter.entry for letter in letters if letter.destination == name])
            self._send(name, _As(memory, name), lost)
            waiting = memory.read(name, 1 << 62, 1 << 62).entries
            reasons = {id(letter.entry): letter for letter in letters}
            stay.extend(reasons[id(entry)] for entry in waiting)
            stay.extend(dead.Letter(name, reason, time.time_ns(), entry) for entry, reason in lost)
        return stay

    def _send(self, name: str, source: Source, lost: list[tuple[Entry, str]] | None = None) -> None:
        target = named(self._to or name)
        holding = _Holding(self.path, source, name, lost)
        sender = Sender(target, holding, connect, lambda _, number: self.sent.update({target.name: number}))
        try:
            while (due := sender.due(hurried=True)) is not None and time.monotonic() + due < self._until:
                time.sleep(due)
                sender.turn(lambda: None)
        finally:
            sender.close()
        self.refused.update({f"{target.name}: {reason}": number for reason, number in holding.refused.items()})
        self.left += source.waiting(target.key)


def named(name: str) -> Target:
    """The destination of that name, from the environment.

    Raises:
        SettingsError: there is none, or it lacks something.
    """
    if name == "otlp":
        return standard.otlp_target()
    if name not in presets.PRESETS:
        raise SettingsError(f"There is no destination {name!r}. Known: otlp, {', '.join(presets.PRESETS)}.")
    standard.check_http()
    return presets.target(name)


class _As:
    """A source in which spans wait under another key than that of the destination they are now sent to."""

    def __init__(self, source: Source, key: str) -> None:
        self._source = source
        self._key = key

    def waits(self, key: str) -> bool:
        return self._source.waits(self._key)

    def waiting(self, key: str) -> int:
        return self._source.waiting(self._key)

    def read(self, key: str, most_bytes: int, most_spans: int) -> Reading:
        return self._source.read(self._key, most_bytes, most_spans)

    def done(self, key: str, end: Any) -> None:
        self._source.done(self._key, end)


class _Holding:
    """What a sender needs of a spool, for one source."""

    def __init__(self, path: Path, source: Source, name: str, lost: list[tuple[Entry, str]] | None) -> None:
        self.path: Path | None = path
        self.refused: Counter[str] = Counter()
        self._spool = path
        self._source = source
        self._name = name
        self._lost = lost
        """Where refused letters go, which are letters already."""

    def sources(self) -> list[Source]:
        return [self._source]

    def own_waiting(self, key: str) -> int:
        return self._source.waiting(key)

    def is_own(self, source: Source) -> bool:
        return True

    def bury(self, key: str, entries: Sequence[Entry], reason: str) -> None:
        self.refused[reason] += len(entries)
        if self._lost is not None:
            self._lost.extend((entry, reason) for entry in entries)
        else:
            dead.keep(
                self._spool,
                f"replay-{time.time_ns()}",
                [dead.Letter(self._name, reason, time.time_ns(), entry) for entry in entries],
            )

    def lost(self, key: str, reason: str, number: int) -> None:
        self.refused[reason] += number
