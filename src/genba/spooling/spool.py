"""The spool of this process: where its spans wait, those of processes that died without sending theirs, and those that nobody takes.

Opened with the first span. Where the disk does not take any more, spans wait in memory, and that is said.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from .. import harmless
from . import dead, folder, locks
from .entries import Entry
from .folder import Folder, Lost
from .memory import Memory
from .sources import Source

LOOK_AROUND = 60.0
"""Seconds between two looks for what other processes have left."""


class Spool:
    """Where spans wait for destinations, given as key -> name."""

    def __init__(
        self, path: Path | None, names: Mapping[str, str], lost: Lost, run_id: str = "", clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.path = path if path is not None and locks.is_possible() else None
        self.names = names
        self.owner = f"{time.time_ns()}-{os.getpid()}-{os.urandom(3).hex()}"
        self.trouble: str | None = None
        """Why spans wait in memory though there is to be a spool."""
        self.in_memory = 0
        """How many have done so because of it."""
        self._lost = lost
        self._run_id = run_id
        self._clock = clock
        self._own: Folder | None = None
        self._memory = Memory(list(names), lost)
        self._left: list[Folder] = []
        self._looked: float | None = None
        self._finished: set[Path] = set()
        """Folders of others in which nothing is left for our destinations."""

    def append(self, entries: Sequence[Entry]) -> None:
        """Keep these until every destination has them."""
        if self.path is not None and entries:
            try:
                self._folder(self.path).append(entries)
            except OSError as error:
                self._failed(error, len(entries))
            else:
                self.trouble = None
                return
        self._memory.append(entries)

    def sources(self) -> list[Source]:
        """Where spans wait: this process's own first."""
        own: list[Source] = [self._memory] if self._own is None else [self._own, self._memory]
        return [*own, *self._left]

    def waiting(self) -> int:
        """How many spans have not reached each destination, of all that wait."""
        return sum(source.waiting(key) for source in self.sources() for key in self.names)

    def is_own(self, source: Source) -> bool:
        """Whether it holds this process's spans."""
        return source is self._own or source is self._memory

    def own_waiting(self, key: str) -> int:
        """How many of this process's spans wait for that destination."""
        return self._memory.waiting(key) + (self._own.waiting(key) if self._own is not None else 0)

    def lost(self, key: str, reason: str, number: int) -> None:
        """Count spans that are gone."""
        self._lost(key, reason, number)

    def bury(self, key: str, entries: Sequence[Entry], reason: str) -> None:
        """Keep what this destination will never take, with the reason."""
        kept = False
        if self.path is not None:
            letters = [dead.Letter(self.names.get(key, key), reason, time.time_ns(), entry) for entry in entries]
            with contextlib.suppress(OSError):
                kept = dead.keep(self.path, self.owner, letters)
        self._lost(key, reason if kept or self.path is None else f"{reason} (and not kept: no room)", len(entries))

    def look_around(self) -> None:
        """Take over what processes have left that died, and give up what is too old."""
        now = self._clock()
        if self.path is None or (self._looked is not None and now - self._looked < LOOK_AROUND):
            return
        self._looked = now
        for one in list(self._left):
            self._let_go_if_done(one)
        own = self._own.path if self._own is not None else None
        for path in left_behind(self.path):
            if path != own and path not in self._finished and all(path != one.path for one in self._left):
                with harmless.guard("taking over a spool"):
                    self._adopt(path)
        for one in [*self._left, *([self._own] if self._own is not None else [])]:
            one.drop_older_than(folder.MOST_AGE)

    def close(self) -> None:
        """Let go of everything; what still waits is there for the next process."""
        left, self._left = self._left, []
        for one in left:
            one.close()
        if self._own is not None:
            self._own.close()
            self._own = None
        for key in self.names:
            waiting = self._memory.waiting(key)
            if waiting:
                self._lost(key, "not sent before the end of the process, and not in the spool", waiting)

    def _folder(self, path: Path) -> Folder:
        if self._own is None:
            _ignored_by_git(path)
            own = path / self.owner
            lock = folder.made(own, self.names, {"pid": os.getpid(), "run_id": self._run_id})
            self._own = Folder(own, lock, self.names, self._lost)
        return self._own

    def _failed(self, error: OSError, number: int) -> None:
        self.in_memory += number
        if self.trouble is None:
            harmless.logger.warning(
                "genba could not keep spans in its spool %s: %s. They wait in memory instead, and are lost if the process ends before "
                "they are sent. Make room there, or name another folder with GENBA_SPOOL.", self.path, error,
            )  # fmt: skip
        self.trouble = str(error)

    def _adopt(self, path: Path) -> None:
        found = taken_over(path, self._lost)
        if found is None:
            return  # its owner lives
        found.drop_older_than(folder.MOST_AGE)
        self._left.append(found)
        self._let_go_if_done(found)

    def _let_go_if_done(self, one: Folder) -> None:
        if not any(one.waits(key) for key in self.names):
            self._left.remove(one)
            self._finished.add(one.path)
            one.close()


def left_behind(spool: Path) -> list[Path]:
    """The folders of processes, living and dead, oldest first."""
    if not spool.is_dir():
        return []
    return sorted(path for path in spool.iterdir() if path.name[:1].isdigit() and path.is_dir())


def taken_over(path: Path, lost: Lost) -> Folder | None:
    """The folder of a process that has died; None if it lives, or somebody else has taken it."""
    lock = locks.take(path / locks.NAME) if path.is_dir() else None
    return Folder(path, lock, folder.meta(path).get("destinations", {}), lost) if lock is not None else None


def _ignored_by_git(path: Path) -> None:
    if not path.exists():  # in a folder of the user's it would hide the user's own files
        path.mkdir(parents=True, exist_ok=True, mode=0o700)
        with contextlib.suppress(OSError):
            (path / ".gitignore").write_text("*\n")
