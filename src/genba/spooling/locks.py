"""Who owns a folder of the spool: whoever holds the lock on a file in it. The lock ends with its process, however that ends."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows has no such lock: see `is_possible`
    fcntl = None  # type: ignore[assignment]

NAME = "owner.lock"
_held: set[int] = set()


def is_possible() -> bool:
    """Whether this system has locks that end with their process."""
    return fcntl is not None


def take(path: Path, *, wait: bool = False) -> int | None:
    """Lock the file at `path`, which is made if needed: a descriptor to `release`, or None if somebody else holds it."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    except FileNotFoundError:  # its folder is gone: whoever had it is done with it
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        here = path.stat()
        if here.st_ino != os.fstat(descriptor).st_ino:
            raise BlockingIOError  # what was locked is no longer in that place
    except OSError:
        os.close(descriptor)
        return None
    _held.add(descriptor)
    return descriptor


def release(descriptor: int) -> None:
    """Give it back."""
    if descriptor in _held:
        _held.discard(descriptor)
        with contextlib.suppress(OSError):
            os.close(descriptor)


def _in_child() -> None:
    """A child does not own what its parent owns, and must not keep the lock alive when the parent has died."""
    for descriptor in list(_held):
        release(descriptor)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_in_child)
