"""Ask the store. Opening and reading never change it, and never keep a writer waiting."""

from __future__ import annotations

import os
import sqlite3
import struct
import zlib
from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import orjson

from . import exchange, schema, standing, values
from .columns import LIFTED
from .conditions import in_sql
from .errors import DamagedStore, StoreError, explained
from .querying import Conditions, Row, Scan, asked_id, the_one
from .standing import Missing, Standing
from .stored import ROOM, Loss, Pieces, StoredExchange, StoredPiece, StoredRun, StoredSpan

if TYPE_CHECKING:
    from typing_extensions import Self, Unpack


class Store:
    """The store at `path`, for reading.

    Raises:
        StoreError: there is none, or it cannot be read; the message says what to do.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        self.place = str(self.path)
        self.lacks: Mapping[str, str] = {}
        self._connection = _open(self.path)
        self._resources: dict[int, Mapping[str, Any]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the file."""
        self._connection.close()

    def spans(self, limit: int = 50, **conditions: Unpack[Conditions]) -> list[StoredSpan]:
        """The newest spans that fit, newest first."""
        where, given = in_sql(conditions)
        return self._spans(f"WHERE {where} ORDER BY start_ns DESC, spans.id DESC LIMIT ?", (*given, limit))

    def rows(self, **conditions: Unpack[Conditions]) -> Sequence[int]:
        """The numbers of the spans that fit, in the order they were stored."""
        where, given = in_sql(conditions)
        return array("q", (id for (id,) in self._query(f"SELECT spans.id FROM spans WHERE {where} ORDER BY spans.id", given)))  # noqa: S608

    def scan(self, **conditions: Unpack[Conditions]) -> Scan:
        """All spans that fit, in the order they were stored. No more than some hundreds are held, and a number of each."""
        rows = self.rows(**conditions)
        return Scan(len(rows), self.read(rows))

    def read(self, rows: Sequence[Row]) -> Iterator[tuple[Row, StoredSpan]]:
        """The spans of these numbers, some hundreds at a time. One that made room for newer ones since is left out."""
        for start in range(0, len(rows), 500):
            some = rows[start : start + 500]
            found = self._query(f"{_SELECT} WHERE spans.id IN ({','.join('?' * len(some))}) ORDER BY spans.id", some)
            with self._intact():
                yield from [(row[-1], self._span(row)) for row in found]

    def newest_traces(self, limit: int = 1) -> list[bytes]:
        """The ids of the traces with the newest spans, newest first."""
        found: dict[bytes, None] = {}
        for (trace_id,) in self._query("SELECT trace_id FROM spans ORDER BY start_ns DESC, id DESC"):
            found[trace_id] = None
            if len(found) >= limit:
                break
        return list(found)

    def trace_ids(self, **conditions: Unpack[Conditions]) -> Iterator[bytes]:
        """The ids of all traces with a span that fits, in the order their spans were stored."""
        where, given = in_sql(conditions)
        query = f"SELECT trace_id FROM spans WHERE {where} GROUP BY trace_id ORDER BY min(spans.id)"  # noqa: S608
        return (trace_id for (trace_id,) in self._query(query, given))

    def trace(self, trace_id: bytes) -> list[StoredSpan]:
        """The spans of this trace in the order they began; none if it is not in the store."""
        spans: dict[bytes, StoredSpan] = {}
        shelves = list(self._shelves())
        for start in range(0, len(shelves), 500):
            some = shelves[start : start + 500]
            where = f"WHERE spans.id >> {schema.SPAN_SHELF} IN ({','.join('?' * len(some))}) AND trace_id = ?"
            for span in self._spans(where, (*some, trace_id)):
                spans.setdefault(span.span_id, span)
        return sorted(spans.values(), key=lambda span: span.start_ns)

    def traces(self, trace_ids: Sequence[bytes]) -> Iterator[list[StoredSpan]]:
        """The spans of each of these traces; read as it is asked for."""
        return map(self.trace, trace_ids)

    def latest(self) -> list[StoredSpan]:
        """The spans of the newest trace; none when the store is empty."""
        return [span for trace_id in self.newest_traces() for span in self.trace(trace_id)]

    def find(self, prefix: str) -> tuple[bytes, bytes | None]:
        """The trace, or the span and its trace, whose hexadecimal id begins so.

        Raises:
            StoreError: there is none, or there are several.
        """
        asked = asked_id(prefix)
        candidates: dict[tuple[bytes, bytes | None], None] = {}
        low, high = (bytes.fromhex(asked.ljust(32, fill)) for fill in "0f")
        for shelf in self._shelves():
            some = f"SELECT DISTINCT trace_id FROM spans WHERE id >> {schema.SPAN_SHELF} = ? AND trace_id BETWEEN ? AND ? LIMIT 20"  # noqa: S608
            candidates.update(((trace_id, None), None) for (trace_id,) in self._query(some, (shelf, low, high)))
        if len(asked) <= 16:
            few = "SELECT trace_id, span_id FROM spans WHERE span_id BETWEEN ? AND ? LIMIT 20"
            candidates.update(((trace_id, span_id), None) for trace_id, span_id in self._query(few, (low[:8], high[:8])))
        return the_one(self, asked, candidates)

    def contents(self, spans: Iterable[StoredSpan], names: Iterable[str] | None = None) -> Iterator[dict[str, Pieces]]:
        """The content of each span by attribute, of all or of these attributes; read as it is asked for."""
        wanted = None if names is None else list(names)
        return (self.content(span, wanted) for span in spans)

    def content(self, span: StoredSpan, names: Iterable[str] | None = None) -> dict[str, Pieces]:
        """The content of a span by attribute, of all or of these attributes."""
        wanted = {name: part for name, part in span.content_ids.items() if names is None or name in names}
        pieces = self._pieces(id for part in wanted.values() for id in ([part] if isinstance(part, int) else part))
        return {name: pieces[part] if isinstance(part, int) else tuple(pieces[id] for id in part) for name, part in wanted.items()}

    def exchange(self, span: StoredSpan) -> StoredExchange | None:
        """The raw exchange behind a span; None if none was kept."""
        ids = span.exchange_ids
        if ids is None:
            return None
        lists: Mapping[str, Sequence[int]] = ids.get("lists", {})
        whole = {name: ids[name] for name in ("request", "response", "events") if name in ids}
        pieces = self._pieces([*whole.values(), *(id for elements in lists.values() for id in elements)])
        missing = {name: pieces[id].missing or "" for name, id in whole.items() if pieces[id].body is None}
        for key, elements in lists.items():
            missing.update({f"{key}[{at}]": pieces[id].missing or "" for at, id in enumerate(elements) if pieces[id].body is None})
        body = {name: pieces[id].body for name, id in whole.items()}
        request, events = body.get("request"), body.get("events")
        with self._intact():
            if request is not None:
                request = exchange.join(request, {key: [_json(pieces[id]) for id in elements] for key, elements in lists.items()})
            return StoredExchange(
                request=request,
                response=body.get("response"),
                events=exchange.unpack_events(events) if events is not None else (),
                read_to=ids.get("read_to"),
                missing=missing,
            )

    def runs(self) -> list[StoredRun]:
        """The runs of processes that wrote here, newest first."""
        # Reading changes no file, so one that an older genba wrote is still as that one made it.
        columns = {row[1] for row in self._query("PRAGMA table_info(runs)")}
        packages = "packages" if "packages" in columns else "NULL"
        asked = f"SELECT run_id, pid, started_ns, python, genba, command, parent_run_id, {packages} FROM runs ORDER BY id DESC"  # noqa: S608
        rows = self._query(asked)
        with self._intact():
            return [
                StoredRun(
                    run_id=run_id,
                    pid=pid,
                    started_ns=started_ns,
                    python=python,
                    genba=genba,
                    command=orjson.loads(command) if command else (),
                    parent_run_id=parent,
                    packages=orjson.loads(imported) if imported else None,
                )
                for run_id, pid, started_ns, python, genba, command, parent, imported in rows
            ]

    def losses(self) -> list[Loss]:
        """What was removed to keep the store within its size, oldest first."""
        rows = self._query(
            "SELECT at_ns, reason, count, bytes, run_id, first_sequence, last_sequence "
            "FROM losses LEFT JOIN runs ON runs.id = losses.run ORDER BY losses.rowid"
        )
        names = ("at_ns", "reason", "count", "bytes", "run_id", "first_sequence", "last_sequence")
        return [Loss(**dict(zip(names, row, strict=True))) for row in rows]

    def standings(self, limit: int = 20) -> list[Standing]:
        """How the newest runs stand, newest first: what became of every call that was made."""
        runs = self.runs()[:limit]
        try:
            with self._intact():
                return standing.standings(self._connection, self.path, runs)
        except sqlite3.Error as error:
            raise explained(error, self.path, "Reading") from error

    def missing(self, run_id: str) -> list[Missing]:
        """Which calls of this run are not here, from one number to another, and why: None where nobody knows.

        Raises:
            StoreError: no such run wrote here.
        """
        runs = [run for run in self.runs() if run.run_id == run_id]
        if not runs:
            raise StoreError(f"No run {run_id!r} wrote to {self.path}. 'genba status' shows those that did.")
        return list(standing.standings(self._connection, self.path, runs)[0].missing)

    def _query(self, sql: str, given: Sequence[Any] = ()) -> Iterator[tuple[Any, ...]]:
        try:
            yield from self._connection.execute(sql, given)
        except sqlite3.Error as error:
            raise explained(error, self.path, "Reading") from error

    @contextmanager
    def _intact(self) -> Iterator[None]:
        """A torn file may have rows that SQLite finds nothing wrong with."""
        try:
            yield
        except (TypeError, ValueError, struct.error, zlib.error) as error:
            raise DamagedStore(
                f"The genba store {self.path} is damaged: a row in it cannot be read ({error}). Move the file away; "
                "a new one is then started."
            ) from error

    def _shelves(self) -> Iterable[int]:
        """The shelves of the index by trace, the newest first."""
        # Asked for together, the two would be looked for in every row.
        first, last = next(iter(self._query("SELECT (SELECT min(id) FROM spans), (SELECT max(id) FROM spans)")))
        return () if last is None else range(last >> schema.SPAN_SHELF, (first >> schema.SPAN_SHELF) - 1, -1)

    def _spans(self, rest: str, given: Sequence[Any]) -> list[StoredSpan]:
        rows = self._query(f"{_SELECT} {rest}", given)
        with self._intact():
            return [self._span(row) for row in rows]

    def _span(self, row: tuple[Any, ...]) -> StoredSpan:
        fixed, lifted = row[:_FIXED], row[_FIXED:-1]
        trace_id, span_id, parent, name, kind, scope, start, end, status, description, run_id, sequence, *more = fixed
        attributes, events, links, resource, content, raw = more
        return StoredSpan(
            trace_id=trace_id,
            span_id=span_id,
            parent_span_id=parent,
            name=name,
            kind=kind,
            scope=scope,
            start_ns=start,
            end_ns=end,
            status=status,
            status_description=description,
            run_id=run_id,
            sequence=sequence,
            attributes={
                **{attribute: value for (_, attribute, _), value in zip(LIFTED, lifted, strict=True) if value is not None},
                **values.decode(attributes),
            },
            events=values.decode(events) if events else (),
            links=values.decode(links) if links else (),
            resource=self._resource(resource),
            content_ids=orjson.loads(content),
            exchange_ids=orjson.loads(raw) if raw else None,
        )

    def _resource(self, id: int) -> Mapping[str, Any]:
        if id not in self._resources:
            for (attributes,) in self._query("SELECT attributes FROM resources WHERE id = ?", (id,)):
                self._resources[id] = values.decode(attributes)
        return self._resources.get(id, {})

    def _pieces(self, ids: Iterable[int]) -> dict[int, StoredPiece]:
        wanted = list(dict.fromkeys(ids))
        # One that made room for newer ones has no row.
        pieces = {id: StoredPiece(id=id, body=None, missing=ROOM) for id in wanted}
        for start in range(0, len(wanted), 500):
            some = wanted[start : start + 500]
            query = f"SELECT id, CAST(body AS BLOB), deleted_because FROM content WHERE id IN ({','.join('?' * len(some))})"  # noqa: S608
            for id, body, because in self._query(query, some):
                pieces[id] = StoredPiece(id=id, body=body if because is None else None, missing=because)
        return pieces


def _open(path: Path) -> sqlite3.Connection:
    if not path.is_file():
        raise StoreError(
            f"There is no genba store at {path}: nothing was recorded there yet. Run your program with 'genba run app.py', "
            "or say where the store is with --store PATH or GENBA_STORE=PATH."
        )
    # In a folder that cannot be written a read-only connection works only if it is told that nobody writes. So it is, as far as we
    # can see, where there is no write-ahead log.
    alone = not os.access(path.parent, os.W_OK) and not Path(f"{path}-wal").exists()
    location = f"file:{quote(str(path.absolute()))}?mode=ro{'&immutable=1' if alone else ''}"
    try:
        connection = sqlite3.connect(location, uri=True, timeout=10, isolation_level=None)
    except sqlite3.Error as error:
        raise explained(error, path, "Opening") from error
    try:
        _check(connection, path)
    except BaseException:
        connection.close()
        raise
    return connection


def _check(connection: sqlite3.Connection, path: Path) -> None:
    try:
        version = schema.identify(connection, path)
    except sqlite3.Error as error:
        raise explained(error, path, "Opening") from error
    if version == 0:
        raise StoreError(
            f"The genba store {path} is empty: nothing was recorded there yet. Run your program with 'genba run app.py'."
        )


def _json(piece: StoredPiece) -> bytes:
    return piece.body if piece.body is not None else orjson.dumps(piece.value())


_FIXED = 18
_SELECT = (
    "SELECT trace_id, span_id, parent_span_id, name, kind, scope, start_ns, end_ns, status, status_description, runs.run_id, "  # noqa: S608
    f"sequence, attributes, events, links, resource, content, exchange, {', '.join(column for column, _, _ in LIFTED)}, spans.id "
    "FROM spans LEFT JOIN runs ON runs.id = spans.run"
)
