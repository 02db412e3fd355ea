"""Spans that a destination will never take: kept with the reason, so that they can be looked at and sent again on demand.

One file for each process that has any, below `dead/`; a record is a line of JSON (which destination, why, when) and the entry.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import orjson

from . import locks
from .entries import Entry, entry_of, pack, payload_of, payloads

FOLDER: Final = "dead"
MOST_BYTES = 128 << 20
"""Of one file. What comes on top is given up."""


@dataclass(frozen=True, slots=True)
class Letter:
    """A span that was not taken."""

    destination: str
    """Name of the destination."""
    reason: str
    at_ns: int
    entry: Entry


def keep(spool: Path, owner: str, letters: Sequence[Letter]) -> bool:
    """Add these to the owner's file. False if there is no room.

    Raises:
        OSError: the disk does not take them.
    """
    folder = spool / FOLDER
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    data = b"".join(map(_packed, letters))
    with _alone(folder):
        path = folder / f"{owner}.letters"
        before = path.stat().st_size if path.exists() else 0
        if before + len(data) > MOST_BYTES:
            return False
        descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            if os.write(descriptor, data) < len(data):
                os.ftruncate(descriptor, before)
                return False
        finally:
            os.close(descriptor)
    return True


def letters(spool: Path) -> Iterator[Letter]:
    """All of them, of every process."""
    for path in _files(spool):
        yield from _read(path)


def settle(spool: Path, decide: Callable[[Sequence[Letter]], Iterable[Letter]]) -> None:
    """Go through every process's letters; `decide` says which of them stay. It may take its time: nobody waits for it."""
    for path in _files(spool):
        before = list(map(_packed, found := list(_read(path))))
        stay = list(map(_packed, decide(found)))
        settled, changed = {*before} - {*stay}, [one for one in stay if one not in {*before}]
        with _alone(spool / FOLDER):
            # What has come in since stays too.
            kept = [*(one for one in map(_packed, _read(path)) if one not in settled), *changed]
            if not kept:
                path.unlink(missing_ok=True)
                continue
            new = path.with_suffix(".new")
            new.write_bytes(b"".join(kept))
            new.chmod(0o600)
            new.replace(path)


def _packed(letter: Letter) -> bytes:
    said = {name: value for name, value in asdict(letter).items() if name != "entry"}
    return pack(orjson.dumps(said) + b"\n" + payload_of(letter.entry))


def _read(path: Path) -> Iterator[Letter]:
    with contextlib.suppress(OSError):
        for payload, _ in payloads(path.read_bytes()):
            said, _, rest = (payload or b"").partition(b"\n")
            entry = entry_of(rest)
            if entry is not None:
                with contextlib.suppress(ValueError, TypeError):
                    yield Letter(**orjson.loads(said), entry=entry)


def _files(spool: Path) -> list[Path]:
    return sorted((spool / FOLDER).glob("*.letters"))


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    lock = locks.take(folder / locks.NAME, wait=True)
    try:
        yield
    finally:
        if lock is not None:
            locks.release(lock)
