"""A folder of the spool: the spans of one process in numbered files, how far each destination has come, and the lock of its owner.

Nothing is synced to the disk: the spans outlive their process, however that ends, and not the last seconds before a power failure.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

import orjson

from . import locks
from .entries import Entry
from .segments import Segment
from .sources import Reading

SEGMENT_BYTES = 8 << 20
"""A file of the spool is closed when it has grown to this, so that it can be deleted when its spans have arrived."""
MOST_BYTES = 512 << 20
MOST_AGE = 7 * 24 * 3600.0
META = "spool.json"

Place = tuple[int, int]
"""Number of a file, and a place in it."""
Lost = Callable[[str, str, int], None]
"""Told of spans given up: key of the destination, reason, how many."""


def untold(key: str, reason: str, number: int) -> None:
    """Tell nobody of spans given up: somebody has asked for it."""


class Folder:
    """One that this process owns: its own, or that of a process that has died."""

    def __init__(
        self,
        path: Path,
        lock: int,
        names: Mapping[str, str],
        lost: Lost,
        *,
        most_bytes: int = MOST_BYTES,
        segment_bytes: int = SEGMENT_BYTES,
    ) -> None:
        self.path = path
        self.names = names
        """Destinations that it is for: key -> name."""
        self._lock = lock
        self._lost = lost
        self._most_bytes = most_bytes
        self._segment_bytes = segment_bytes
        self._segments = {number: Segment.found(path, number) for number in _numbers(path)}
        self._reached: dict[str, Place] = {key: _reached(path, key) for key in names}

    @property
    def size(self) -> int:
        """Bytes on disk."""
        return sum(segment.size for segment in self._segments.values())

    def append(self, entries: Sequence[Entry]) -> None:
        """Add these at the end, all or none of those that fit into one file.

        Raises:
            OSError: the disk does not take them.
        """
        newest = max(self._segments, default=0)
        segment = self._segments.get(newest)
        if segment is None or segment.size >= self._segment_bytes:
            if segment is not None:
                segment.close()
            segment = self._segments[newest + 1] = Segment(self.path, newest + 1)
        segment.append(entries)
        while self.size > self._most_bytes and len(self._segments) > 1:
            self._drop(min(self._segments), "spool full")

    def waits(self, key: str) -> bool:
        return self.waiting(key) > 0

    def waiting(self, key: str) -> int:
        if key not in self.names:
            return 0
        first, place = self._reached[key]
        return sum(one.after(place if one.number == first else 0) for one in self._segments.values() if one.number >= first)

    def read(self, key: str, most_bytes: int, most_spans: int) -> Reading:
        number, place = self._start(key)
        if number not in self._segments:
            return Reading((), 0, (number, place))
        entries, damaged, end = self._segments[number].read(place, most_bytes, most_spans)
        return Reading(entries, damaged, (number, end))

    def done(self, key: str, end: Place) -> None:
        self._reached[key] = end
        with contextlib.suppress(OSError):  # a full disk: then some are sent again by whoever comes next
            _remember(self.path, key, end)
        newest = max(self._segments, default=0)
        for number in sorted(self._segments):
            if any(self._segments[number].after(self._place_in(number, one)) for one in self.names):
                break
            if number != newest:
                self._segments.pop(number).delete()

    def _place_in(self, number: int, key: str) -> int:
        first, place = self._reached[key]
        return place if number == first else 0 if number > first else self._segments[number].size

    def _start(self, key: str) -> Place:
        """Where this destination goes on: at the beginning of the next file, if it is at the end of one."""
        number, place = self._reached[key]
        for following in sorted(self._segments):
            if following == number and self._segments[number].after(place):
                return number, place
            if following > number:
                return following, 0
        return number, place

    def _drop(self, number: int, reason: str) -> None:
        segment = self._segments.pop(number)
        for key in self.names:
            first, place = self._reached[key]
            if first <= number:
                lost = segment.after(place if first == number else 0)
                if lost:
                    self._lost(key, reason, lost)
        segment.delete()

    def drop_older_than(self, seconds: float) -> None:
        """Give up what has waited for longer."""
        for number, segment in list(self._segments.items()):
            with contextlib.suppress(OSError):
                if time.time() - segment.path.stat().st_mtime > seconds:
                    self._drop(number, f"older than {seconds / 86400:.0f} days")

    def drop_all(self, keys: Sequence[str]) -> int:
        """Give up what waits for these destinations; how many spans that were."""
        count = 0
        newest = max(self._segments, default=0)
        for key in keys:
            count += self.waiting(key)
            self.done(key, (newest, self._segments[newest].size if newest else 0))
        return count

    def close(self) -> None:
        """Let go of it. Empty, it is deleted; else another process takes it over."""
        for segment in self._segments.values():
            segment.close()
        if not any(self.waits(key) for key in self.names):
            remove(self.path)
        locks.release(self._lock)


def made(path: Path, names: Mapping[str, str], facts: Mapping[str, Any]) -> int:
    """Make the folder of a new owner, who holds its lock from the first moment on: that lock.

    Raises:
        OSError: it cannot be made, or not be locked.
    """
    # Under a name that nobody looks at, until it is locked: it could be taken for one that was left.
    hidden = path.with_name(f"new-{path.name}")
    hidden.mkdir(parents=True, mode=0o700)
    lock = locks.take(hidden / locks.NAME)
    if lock is None:
        raise OSError(f"{hidden} cannot be locked")
    (hidden / META).write_bytes(orjson.dumps({**facts, "destinations": dict(names)}))
    hidden.rename(path)
    return lock


def meta(path: Path) -> dict[str, Any]:
    """Who made it and for which destinations; empty if that cannot be read."""
    try:
        said = orjson.loads((path / META).read_bytes())
    except (OSError, ValueError):
        return {}
    return said if isinstance(said, dict) and isinstance(said.get("destinations"), dict) else {}


def remove(path: Path) -> None:
    """Delete a folder that is done with. Its lock goes last: until then nobody else takes it."""
    with contextlib.suppress(OSError):
        for file in sorted(path.iterdir(), key=lambda one: one.name == locks.NAME):
            file.unlink()
        path.rmdir()


def _numbers(path: Path) -> list[int]:
    return sorted(int(file.stem) for file in path.glob("*.spans") if file.stem.isdigit())


def _reached(path: Path, key: str) -> Place:
    try:
        said = orjson.loads(_checkpoint(path, key).read_bytes())
        return int(said["file"]), int(said["place"])
    except (OSError, ValueError, KeyError, TypeError):
        return 0, 0  # from the beginning: twice is better than never


def _remember(path: Path, key: str, place: Place) -> None:
    target = _checkpoint(path, key)
    new = target.with_suffix(".new")
    # Put over the old one in one step: a process that dies in between leaves the old one whole.
    new.write_bytes(orjson.dumps({"file": place[0], "place": place[1]}))
    new.replace(target)


def _checkpoint(path: Path, key: str) -> Path:
    return path / f"{sha256(key.encode()).hexdigest()[:16]}.reached"
