"""What a process has under way, in a small file beside the store: it outlives a process that is killed.

One file a run, in the folder `STORE-runs`: a line of JSON for the run, then one for each call that began and is not over soon, and one
for its end. Never content. Its owner holds a lock on it; a lock ends with the process, however that ends. Who finds a file that nobody
holds knows that its run has died, and what it was doing.
"""

from __future__ import annotations

import contextlib
import errno
import os
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import orjson

from . import values
from .connection import make_folder
from .rows import RunRow

_HAS_LOCKS: Final = os.name != "nt"
if _HAS_LOCKS:
    import fcntl

SUFFIX: Final = ".jsonl"
_ABANDONED: Final = 60.0
"""Seconds after which a file that is only half made is nobody's any more."""
_LARGEST: Final = 256 * 1024
"""Bytes, after which a file is written anew, without what is over."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UnderWay:
    """One call that has begun."""

    sequence: int
    started_ns: int
    name: str
    trace_id: bytes
    span_id: bytes
    parent_span_id: bytes | None = None
    kind: str = "internal"
    attributes: Mapping[str, Any] = field(default_factory=dict)
    """Operation, model, provider, conversation."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Noted:
    """What a journal says."""

    path: Path
    run: RunRow
    calls: Mapping[int, UnderWay]
    last_ns: int
    """The last sign of life."""
    is_alive: bool


class Journal:
    """The journal of this process, for writing. Whatever happens to the disk, nothing but an `OSError` comes of it."""

    def __init__(self, store: Path, run: RunRow) -> None:
        self.path = folder_of(store) / f"{run.run_id}{SUFFIX}"
        self._head = _line({"run": _described(run), "process": _process(os.getpid())})
        self._lines: dict[int, bytes] = {}
        self._descriptor: int | None = None
        self._size = 0
        self._pid = os.getpid()

    @property
    def noted(self) -> frozenset[int]:
        """The calls that are under way according to it."""
        return frozenset(self._lines)

    def note(self, begun: Iterable[UnderWay], over: Iterable[int]) -> None:
        """Write down what has begun and what is over.

        Raises:
            OSError: it cannot be written. The next time everything is written anew.
        """
        lines = []
        for call in begun:
            line = self._lines[call.sequence] = _line(_entry(call))
            lines.append(line)
        for sequence in over:
            if self._lines.pop(sequence, None) is not None:
                lines.append(_line({"over": sequence}))
        new = b"".join(lines)
        if self._descriptor is None or self._size + len(new) > _LARGEST or not self.path.exists():
            self._write_anew()
        elif new:
            try:
                self._size += _written(self._descriptor, new)
            except OSError:
                self._let_go()
                raise

    def close(self, *, remove: bool) -> None:
        """Let go of it; and remove it, where the run has ended in order."""
        is_ours = self._pid == os.getpid()
        self._let_go()
        if remove and is_ours:
            with contextlib.suppress(OSError):
                self.path.unlink()

    def _write_anew(self) -> None:
        if not _HAS_LOCKS:
            self._let_go()
        make_folder(self.path.parent.parent)
        self.path.parent.mkdir(exist_ok=True)
        fresh = self.path.with_suffix(".new")
        whole = b"".join([self._head, *self._lines.values()])
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o600)
        try:
            # Locked before it has its name: nobody ever sees it without its owner.
            _lock(descriptor)
            self._size = _written(descriptor, whole)
            if not _HAS_LOCKS:
                os.close(descriptor)  # a file that is open cannot be renamed on Windows
                fresh.replace(self.path)
                descriptor = os.open(self.path, os.O_WRONLY | os.O_APPEND)
            else:
                fresh.replace(self.path)
        except OSError:
            with contextlib.suppress(OSError):
                os.close(descriptor)
            raise
        self._let_go()
        self._descriptor = descriptor

    def _let_go(self) -> None:
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            # Closing it in a forked child does not take the lock from the parent, which has it open too.
            with contextlib.suppress(OSError):
                os.close(descriptor)


def folder_of(store: Path) -> Path:
    """Where the journals of a store are."""
    return store.with_name(f"{store.name}-runs")


def read_all(store: Path) -> list[Noted]:
    """What the journals beside this store say. One that cannot be read is left out."""
    found = []
    with contextlib.suppress(OSError):
        for path in sorted(folder_of(store).glob(f"*{SUFFIX}")):
            noted = read(path)
            if noted is not None:
                found.append(noted)
    return found


def tidy(store: Path) -> None:
    """Remove what a process left that was killed in the middle of writing a journal anew."""
    with contextlib.suppress(OSError):
        for path in folder_of(store).glob("*.new"):
            if time.time() - path.stat().st_mtime > _ABANDONED and _is_held(path) is not True:
                path.unlink()


def read(path: Path) -> Noted | None:
    """What this journal says; None if it has not even a beginning. Its last line may be torn."""
    try:
        # Asked first: who dies in between has written all that there is to read.
        held = _is_held(path)
        last_ns = path.stat().st_mtime_ns
        lines = list(_parsed(path.read_bytes()))
    except OSError:
        return None
    if not lines or not isinstance(lines[0].get("run"), dict):
        return None
    calls: dict[int, UnderWay] = {}
    for line in lines[1:]:
        if "over" in line:
            calls.pop(line["over"], None)
        else:
            with contextlib.suppress(KeyError, TypeError, ValueError):
                call = _call(line)
                calls[call.sequence] = call
    try:
        run = RunRow(**{**lines[0]["run"], "command": tuple(lines[0]["run"]["command"])})
    except (KeyError, TypeError):
        return None
    process = lines[0].get("process")
    return Noted(
        path=path, run=run, calls=calls, last_ns=last_ns, is_alive=_lives(process if isinstance(process, dict) else {}, held)
    )


def _lives(process: Mapping[str, Any], held: bool | None) -> bool:  # a fact, not a switch
    """Whether the owner of a journal is still there.

    On the same machine its id and the moment it began tell exactly; a child that it left behind may still hold the lock.
    """
    seen_from = _machine()
    pid = process.get("pid")
    if isinstance(pid, int) and seen_from is not None and process.get("machine") == seen_from and process.get("began") is not None:
        began: int | None = process["began"]
        return _began(pid) == began
    return held is not False


def _is_held(path: Path) -> bool | None:
    """Whether somebody holds the lock on this file; None if that cannot be told."""
    if not _HAS_LOCKS:
        try:
            path.rename(path)  # Windows refuses that for a file that is open
        except OSError:
            return True
        return False
    while True:
        descriptor = os.open(path, os.O_RDONLY)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
            if os.fstat(descriptor).st_ino == path.stat().st_ino:  # else its owner has just put another in its place
                return False
        except BlockingIOError:
            return True
        except OSError:  # a file system without locks, or the file has just gone
            return None
        finally:
            os.close(descriptor)


def _lock(descriptor: int) -> None:
    if _HAS_LOCKS:
        with contextlib.suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _written(descriptor: int, data: bytes) -> int:
    """Write it all.

    Raises:
        OSError: also if only a part of it fits.
    """
    if os.write(descriptor, data) < len(data):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    return len(data)


def _process(pid: int) -> dict[str, Any]:
    return {"pid": pid, "began": _began(pid), "machine": _machine()}


def _began(pid: int) -> int | None:
    """When the process of this id began, in ticks since the machine did; None if there is none, or it is only waited for."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
    except OSError:
        return None
    return None if fields[0] in (b"Z", b"X") else int(fields[19])


def _machine() -> str | None:
    """Which machine this is, since when, and in which container: where process ids mean the same."""
    try:
        return f"{Path('/proc/sys/kernel/random/boot_id').read_text().strip()} {Path('/proc/self/ns/pid').readlink()}"
    except OSError:
        return None


def _described(run: RunRow) -> dict[str, Any]:
    return {
        "run_id": run.run_id,
        "pid": run.pid,
        "started_ns": run.started_ns,
        "python": run.python,
        "genba": run.genba,
        "command": [values.text(word) for word in run.command],
        "parent_run_id": run.parent_run_id,
    }


def _entry(call: UnderWay) -> dict[str, Any]:
    return {
        "call": call.sequence,
        "at": call.started_ns,
        "name": values.text(call.name),
        "trace": call.trace_id.hex(),
        "span": call.span_id.hex(),
        "parent": call.parent_span_id.hex() if call.parent_span_id else None,
        "kind": call.kind,
        "attributes": {name: values.text(value) for name, value in call.attributes.items() if isinstance(value, str)},
    }


def _call(line: Mapping[str, Any]) -> UnderWay:
    return UnderWay(
        sequence=line["call"],
        started_ns=line["at"],
        name=line["name"],
        trace_id=bytes.fromhex(line["trace"]),
        span_id=bytes.fromhex(line["span"]),
        parent_span_id=bytes.fromhex(line["parent"]) if line["parent"] else None,
        kind=line["kind"],
        attributes=line["attributes"],
    )


def _line(value: Mapping[str, Any]) -> bytes:
    return orjson.dumps(value) + b"\n"


def _parsed(whole: bytes) -> Iterator[dict[str, Any]]:
    for line in whole.split(b"\n"):
        try:
            value = orjson.loads(line)
        except ValueError:
            continue
        if isinstance(value, dict):
            yield value
