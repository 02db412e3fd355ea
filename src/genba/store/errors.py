"""What can go wrong with a store, in words for a person: what happened, to which file, what to do."""

from __future__ import annotations

import sqlite3
from pathlib import Path


class StoreError(Exception):
    """The store cannot be used. The message names the file and the fix."""


class DamagedStore(StoreError):
    """The file is not a readable SQLite database (any more)."""


def explained(error: BaseException, path: Path, doing: str) -> StoreError:
    """`error`, which SQLite or the operating system raised while `doing` something to the store at `path`."""
    if isinstance(error, StoreError):
        return error
    said = str(error) or type(error).__name__
    low = said.lower()
    for words, kind, fix in _FIXES:
        if any(word in low for word in words):
            return kind(f"{doing} the genba store {path} failed: {said}. {fix}")
    return StoreError(f"{doing} the genba store {path} failed: {said}. {_ELSEWHERE}")


def is_damage(error: BaseException) -> bool:
    """Whether `error` says that the file's bytes are wrong, rather than that it cannot be reached or is busy."""
    if isinstance(error, DamagedStore):
        return True
    return isinstance(error, sqlite3.DatabaseError) and any(word in str(error).lower() for word in _DAMAGE)


_ELSEWHERE = "Choose another file with GENBA_STORE=PATH or genba.init(store=PATH), or switch the store off with 'off'."
_DAMAGE = (
    "not a database",
    "malformed",
    "no such table",
    "no such column",
    "file is encrypted",
    "could not decode",
    "unsupported file format",
)
_FIXES: tuple[tuple[tuple[str, ...], type[StoreError], str], ...] = (
    (_DAMAGE, DamagedStore, f"The file is damaged or no SQLite database. Move it away. {_ELSEWHERE}"),
    (("readonly", "read-only"), StoreError, f"The file or its folder cannot be written. {_ELSEWHERE}"),
    (("full", "no space", "too large"), StoreError, f"Free some space on that disk. {_ELSEWHERE}"),
    (("locked", "busy"), StoreError, "Another process holds it for too long: see who has it open, then try again."),
)
