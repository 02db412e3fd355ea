"""Keep a folder of blobs within its size and age: the blobs that were asked for longest ago go first."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

from .files import SUFFIX

LEFT_BEHIND: Final = 3600
"""Seconds after which a file that is not whole yet is taken for one whose writer died."""
LOOK: Final = 600
"""Seconds after which the folder is looked through again: other processes write there too."""


class Removed(NamedTuple):
    """What was deleted."""

    blobs: int = 0
    bytes: int = 0

    def __add__(self, other: object) -> Removed:
        """Both together."""
        return Removed(self.blobs + other.blobs, self.bytes + other.bytes) if isinstance(other, Removed) else NotImplemented


class Bounds:
    """How much a folder may hold, and for how long. Each process looks at what all of them wrote."""

    def __init__(self, max_bytes: int | None = None, max_seconds: float | None = None) -> None:
        self.max_bytes = max_bytes
        self.max_seconds = max_seconds
        self._written = 0
        self._looked: float | None = None

    def keep(self, folder: Path, written: int) -> Removed:
        """Having written so many bytes, see that the folder is within bounds, if it is time to look."""
        self._written += written
        now = time.time()
        is_much = self.max_bytes is not None and self._written > self.max_bytes // 20
        if self._looked is not None and not is_much and abs(now - self._looked) < LOOK:
            return Removed()
        self._written, self._looked = 0, now
        return tidied(folder, self.max_bytes, self.max_seconds, now)


class _Found(NamedTuple):
    at: float
    size: int
    path: str


def tidied(folder: Path, max_bytes: int | None, max_seconds: float | None, now: float) -> Removed:
    """Delete what is too old, then the oldest until nine tenths of `max_bytes` are left, if there is more than that."""
    removed = Removed()
    found = []
    for one in _blobs(folder):
        if one.path.endswith(SUFFIX):
            if now - one.at > LEFT_BEHIND:
                _delete(one)
        elif max_seconds is not None and now - one.at > max_seconds:
            removed += _delete(one)
        else:
            found.append(one)
    size = sum(one.size for one in found)
    if max_bytes is not None and size > max_bytes:
        for one in sorted(found)[:-1]:  # the newest was written just now
            if size <= max_bytes * 9 // 10:
                break
            gone = _delete(one)
            size -= gone.bytes
            removed += gone
    return removed


def _blobs(folder: Path) -> Iterator[_Found]:
    with os.scandir(folder) as shards:
        for shard in shards:
            if not shard.is_dir(follow_symlinks=False):
                continue
            with contextlib.suppress(OSError), os.scandir(shard.path) as blobs:
                for blob in blobs:
                    with contextlib.suppress(OSError):  # another process tidies as well
                        about = blob.stat(follow_symlinks=False)
                        yield _Found(about.st_mtime, about.st_size, blob.path)


def _delete(one: _Found) -> Removed:
    with contextlib.suppress(OSError):
        if Path(one.path).stat().st_mtime <= one.at:  # else somebody has asked for it since
            Path(one.path).unlink()
            return Removed(1, one.size)
    return Removed()
