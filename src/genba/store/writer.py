"""Put finished spans into the store, a batch at a time.

One thread at a time writes, usually genba's background thread; `flush` may do it from another. A forked child must not touch what
its parent opened: SQLite would damage the file.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
import weakref
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import orjson

from . import accounts, bounds, content, journal, values
from .columns import COLUMNS, Prepared, prepare
from .connection import identity, open_for_writing, set_aside
from .errors import explained, is_damage
from .rows import AccountRow, RunRow, SpanRow, Written
from .schema import SPAN_SHELF

MAX_BYTES: Final = 2 * 1024**3

ALREADY_STORED: Final = "already stored"
NOT_STORABLE: Final = "values that cannot be stored"


class StoreWriter:
    """Writes to the store at `path`; the file is made with the first write."""

    def __init__(self, path: str | os.PathLike[str], max_bytes: int = MAX_BYTES, run: RunRow | None = None) -> None:
        self._path = Path(path)
        self._max_bytes = max_bytes
        self._run = run
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._opened: tuple[int, int] | None = None
        self._pid = os.getpid()
        self._registered = False
        self._runs: dict[str, int] = {}
        self._resources: dict[str, int] = {}
        _writers.add(self)

    def write(self, rows: Sequence[SpanRow], account: AccountRow | None = None) -> Written:
        """Store these spans, and with them what became of others. A batch of some hundreds costs each of them half of what it would alone.

        Raises:
            StoreError: none of them is stored, and why. The next write tries again from the start.
        """
        pieces = content.Pieces()
        prepared, refused = _prepared(rows, pieces)
        with self._lock:
            stored, notice = self._stored(prepared, pieces, account)
        dropped = Counter({NOT_STORABLE: len(refused)} if refused else {})
        if len(prepared) > stored:
            dropped[ALREADY_STORED] += len(prepared) - stored
        return Written(stored=stored, dropped=dict(dropped), refused=refused, notice=notice)

    def register(self, run: RunRow) -> None:
        """Write down with the next batch which run its spans belong to, or more of that run: a forked child is one of its own."""
        self._run = run
        self._registered = False

    def delete_content(self, ids: Iterable[int], because: str) -> int:
        """Delete these pieces of content from the file; how many were there. The spans that showed them say that they were deleted.

        Raises:
            StoreError: it could not be done.
        """
        with self._lock:
            try:
                return content.delete(self._connected(), ids, because)
            except (sqlite3.Error, OSError) as error:
                self._close()
                raise explained(error, self._path, "Deleting from") from error

    def close(self) -> None:
        """Let go of the file. A later write opens it again."""
        with self._lock:
            self._close()

    def _stored(self, prepared: Sequence[Prepared], pieces: content.Pieces, account: AccountRow | None) -> tuple[int, str | None]:
        notice = None
        while True:
            try:
                stored = self._insert(self._connected(), prepared, pieces, account)
                break
            except (sqlite3.Error, OSError) as error:
                opened = self._opened or identity(self._path)
                self._close()
                # A second time would mean that the new file is damaged too: that is the disk, and moving files does not help.
                if notice is not None or not is_damage(error):
                    raise explained(error, self._path, "Writing to") from error
                notice = self._set_aside(opened, error)
        try:
            bounds.keep_within(self._connected(), self._max_bytes)
        except (sqlite3.Error, OSError) as error:
            self._close()
            trouble = explained(error, self._path, "Making room in")
            notice = f"{trouble} The spans are stored; the file may grow beyond {self._max_bytes} bytes."
        return stored, notice

    def _set_aside(self, opened: tuple[int, int] | None, error: BaseException) -> str:
        try:
            aside = set_aside(self._path, opened)
        except OSError as failure:
            raise explained(failure, self._path, f"Moving aside (it is damaged: {error})") from error
        if aside is None:
            return f"The genba store {self._path} was damaged ({error}); another process has already started a new one."
        return f"The genba store {self._path} was damaged ({error}). It is kept as {aside}, and a new one was started."

    def _insert(
        self,
        connection: sqlite3.Connection,
        prepared: Sequence[Prepared],
        pieces: content.Pieces,
        account: AccountRow | None = None,
        run: RunRow | None = None,
    ) -> int:
        """In one transaction; `run` is that of a process that died, and whose account is closed with this."""
        connection.execute("BEGIN IMMEDIATE")
        try:
            if run is not None:
                if accounts.is_closed(connection, run.run_id):  # another process was quicker
                    connection.execute("ROLLBACK")
                    return 0
                _register(connection, run)
            elif self._run and not self._registered:
                _register(connection, self._run)
            if account is not None:
                accounts.write(connection, account)
            oldest = bounds.oldest_to_share(connection, self._max_bytes)
            ids = content.insert(connection, pieces.pieces, oldest, min(content.LARGEST, self._max_bytes // 4))
            last = content.tally(connection, "span_ids")
            known = _in_shelf_before(connection, prepared, last)
            if run is not None:
                known |= accounts.stored(connection, run.run_id)
            rows = [
                span.with_ids(id, self._run_of(connection, span), self._resource_of(connection, span), ids)
                for id, span in enumerate(prepared, last + 1)
                if span.row[:2] not in known
            ]
            stored = connection.executemany(_INSERT, rows).rowcount if rows else 0
            content.add_to_tally(connection, "span_ids", len(rows))
            connection.execute("COMMIT")
        except BaseException:
            # What this batch brought in is gone, so what we remember of it must go as well.
            self._runs.clear()
            self._resources.clear()
            with contextlib.suppress(sqlite3.Error):
                connection.execute("ROLLBACK")
            raise
        self._registered = self._registered or run is None
        return stored

    def _adopt_the_dead(self, connection: sqlite3.Connection) -> None:
        """Close the accounts of processes that died, and store what they had under way, as abandoned."""
        journal.tidy(self._path)
        for noted in journal.read_all(self._path):
            if noted.is_alive or (self._run is not None and noted.run.run_id == self._run.run_id):
                continue
            pieces = content.Pieces()
            prepared, _ = _prepared([accounts.abandoned(call, noted) for call in noted.calls.values()], pieces)
            self._insert(connection, prepared, pieces, accounts.closing(noted), noted.run)
            # What comes after the commit may be done again by the next one.
            with contextlib.suppress(OSError):
                noted.path.unlink()

    def _run_of(self, connection: sqlite3.Connection, span: Prepared) -> int | None:
        if span.run_id is None:
            return None
        known = self._runs.get(span.run_id)
        if known is None:
            connection.execute("INSERT OR IGNORE INTO runs (run_id) VALUES (?)", (span.run_id,))
            (known,) = connection.execute("SELECT id FROM runs WHERE run_id = ?", (span.run_id,)).fetchone()
            self._runs[span.run_id] = known
        return known

    def _resource_of(self, connection: sqlite3.Connection, span: Prepared) -> int:
        known = self._resources.get(span.resource)
        if known is None:
            connection.execute("INSERT OR IGNORE INTO resources (attributes) VALUES (?)", (span.resource,))
            (known,) = connection.execute("SELECT id FROM resources WHERE attributes = ?", (span.resource,)).fetchone()
            self._resources[span.resource] = known
        return known

    def _connected(self) -> sqlite3.Connection:
        if self._connection is not None and self._pid != os.getpid():
            self._abandon()
        # The user may have deleted the folder, or another process moved the file aside, while we had it open.
        if self._connection is not None and identity(self._path) != self._opened:
            self._close()
        if self._connection is None:
            self._connection = open_for_writing(self._path)
            self._opened = identity(self._path)
            self._pid = os.getpid()
            self._adopt_the_dead(self._connection)
        return self._connection

    def _close(self) -> None:
        connection, pid = self._connection, self._pid
        if connection is not None and pid != os.getpid():
            self._abandon()
            return
        self._forget()
        if connection is not None:
            with contextlib.suppress(sqlite3.Error):
                connection.close()

    def _abandon(self) -> None:
        """In a forked child: never use the parent's connection, not even to close it."""
        _inherited.append(self._connection)
        self._forget()

    def _forget(self) -> None:
        self._connection = self._opened = None
        self._registered = False
        self._runs = {}
        self._resources = {}

    def _in_child(self) -> None:
        self._lock = threading.Lock()
        if self._connection is not None:
            self._abandon()


_INSERT: Final = f"INSERT OR IGNORE INTO spans ({', '.join(COLUMNS)}) VALUES ({', '.join('?' * len(COLUMNS))})"  # noqa: S608


def _in_shelf_before(connection: sqlite3.Connection, spans: Sequence[Prepared], last: int) -> set[tuple[bytes, bytes]]:
    """Those of `spans` that were stored a while ago. The unique index sees only one shelf, which may have begun just now."""
    shelf = (last >> SPAN_SHELF) - 1
    found: set[tuple[bytes, bytes]] = set()
    for start in range(0, len(spans) if shelf >= 0 else 0, 500):
        traces = [span.row[0] for span in spans[start : start + 500]]
        marks = ",".join("?" * len(traces))
        query = f"SELECT trace_id, span_id FROM spans WHERE id >> {SPAN_SHELF} = ? AND trace_id IN ({marks})"  # noqa: S608
        found.update(connection.execute(query, (shelf, *traces)))
    return found


def _prepared(rows: Sequence[SpanRow], pieces: content.Pieces) -> tuple[list[Prepared], list[int | None]]:
    """The spans that can be stored, and the numbers of those that cannot."""
    prepared: list[Prepared] = []
    refused: list[int | None] = []
    last: tuple[Mapping[str, Any], str] | None = None
    for row in rows:
        try:
            if last is None or last[0] is not row.resource:
                last = row.resource, values.encode(dict(row.resource))
            prepared.append(prepare(row, pieces, last[1]))
        except Exception:  # noqa: BLE001  # one span with values that break us must not cost the others
            refused.append(row.sequence)
    return prepared, refused


def _register(connection: sqlite3.Connection, run: RunRow) -> None:
    known = (run.pid, run.started_ns, values.text(run.python), values.text(run.genba))
    command = orjson.dumps([values.text(word) for word in run.command]).decode()
    packages = None if run.packages is None else {values.text(name): values.text(said) for name, said in run.packages.items()}
    written = None if packages is None else orjson.dumps(packages, option=orjson.OPT_SORT_KEYS).decode()
    connection.execute(
        "INSERT INTO runs (run_id, pid, started_ns, python, genba, command, parent_run_id, packages) VALUES (?, ?, ?, ?, ?, ?, ?, ?) "
        "ON CONFLICT (run_id) DO UPDATE SET pid = excluded.pid, started_ns = excluded.started_ns, python = excluded.python, "
        "genba = excluded.genba, command = excluded.command, parent_run_id = excluded.parent_run_id, "
        "packages = coalesce(excluded.packages, packages)",
        (run.run_id, *known, command, run.parent_run_id, written),
    )


# A thread of the parent may be inside SQLite at the moment of the fork, holding locks that nobody in the child would ever release.
_writers: weakref.WeakSet[StoreWriter] = weakref.WeakSet()
_inherited: list[sqlite3.Connection | None] = []
_held: list[threading.Lock] = []


def _before_fork() -> None:
    for writer in list(_writers):
        # A fork must not hang: after a second the child takes the risk.
        if writer._lock.acquire(timeout=1.0):  # noqa: SLF001
            _held.append(writer._lock)  # noqa: SLF001


def _after_fork_in_parent() -> None:
    while _held:
        _held.pop().release()


def _after_fork_in_child() -> None:
    _held.clear()
    for writer in list(_writers):
        writer._in_child()  # noqa: SLF001


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before_fork, after_in_parent=_after_fork_in_parent, after_in_child=_after_fork_in_child)
