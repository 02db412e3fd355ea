"""Ask the collector's table. It may hold a billion spans and some of them twice, so no question is about all of them at once.

The table is sorted by service and name, not by time: what is newest is looked for in the last moments first, and then further back.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from ..querying import Conditions, Row, Scan, asked_id, the_one
from ..stored import Pieces, StoredExchange, StoredPiece, StoredRun, StoredSpan
from . import spans
from .address import Address
from .conditions import OURS, in_sql
from .connection import Connection

if TYPE_CHECKING:
    from typing_extensions import Self, Unpack

LACKS: Final[Mapping[str, str]] = {
    "exchange": "a collector's table in ClickHouse holds spans; the raw exchange is kept only in genba's own store (SQLite)",
    "runs": "a collector's table in ClickHouse does not say which packages, Python and command a run had",
}

PAGE: Final = 5_000
"""Spans that are asked for at a time."""
AT_ONCE: Final = 200
"""Spans whose ids are named in one question: more would not fit into every proxy's limit."""
LOOKED_THROUGH: Final = 20_000
"""Spans among which the newest are looked for first."""
TRACES_AT_ONCE: Final = 20
BINS: Final = 4_096
"""Into how many stretches of time a scan is divided, and each that is still too long again."""


class _Key(NamedTuple):
    start_ns: int
    trace_id: str
    span_id: str


class _Times(NamedTuple):
    """A stretch of time in nanoseconds, without its end."""

    low: int
    high: int


class ClickHouseStore:
    """The table at `address`, for reading.

    Raises:
        StoreError: it cannot be read; the message says what to do.
    """

    def __init__(self, address: Address) -> None:
        self.place = str(address)
        self.lacks = LACKS
        self._connection = Connection(address)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the server."""
        self._connection.close()

    def spans(self, limit: int = 50, **conditions: Unpack[Conditions]) -> list[StoredSpan]:
        """The newest spans that fit, newest first."""
        where, given = in_sql(conditions)
        keys: dict[_Key, None] = {}
        for times in self._backwards(conditions):
            # Some may be there twice, delivered again after a failure.
            for doubled in itertools.count():
                wanted = (limit + 20) << doubled
                sql = (
                    f"SELECT toUnixTimestamp64Nano(Timestamp), TraceId, SpanId FROM {_TABLE} WHERE {_WITHIN} AND {where} "  # noqa: S608
                    "ORDER BY Timestamp DESC, TraceId, SpanId LIMIT {wanted:UInt64}"
                )
                found = self._ask(sql, times, wanted=wanted, **given)
                keys.update(dict.fromkeys(_Key(*row) for row in found))
                if len(keys) >= limit or len(found) < wanted:
                    break
            if len(keys) >= limit:
                break
        newest = list(keys)[:limit]
        known = {(one.start_ns, one.trace_id.hex(), one.span_id.hex()): one for _, one in self.read(newest)}
        return [known[key] for key in newest if key in known]

    def scan(self, **conditions: Unpack[Conditions]) -> Scan:
        """All spans that fit, in the order they began. No more than some thousands are held."""
        where, given = in_sql(conditions)
        times, _ = self._bounds(conditions)
        pages = [] if times is None else list(self._pages(times, where, given))
        return Scan(sum(count for _, count in pages), self._scanned([times for times, _ in pages], where, given))

    def read(self, rows: Sequence[Row]) -> Iterator[tuple[Row, StoredSpan]]:
        """The spans of these rows, those that began first at first. One that is not there any more is left out."""
        keys = sorted(row for row in rows if isinstance(row, _Key))
        for some in _batches(keys, AT_ONCE):
            sql = f"SELECT {spans.COLUMNS} FROM {_TABLE} WHERE {_WITHIN} AND {_NAMED}"  # noqa: S608
            found = {_key(row): row for row in self._ask(sql, _around(some), content=spans.CONTENT, **_named(some))}
            yield from [(key, spans.span(found[key])) for key in some if key in found]

    def newest_traces(self, limit: int = 1) -> list[bytes]:
        """The ids of the traces with the newest spans that have to do with models, newest first."""
        found: dict[str, None] = {}
        for times in self._backwards({}):
            sql = (
                f"SELECT TraceId FROM {_TABLE} WHERE {_WITHIN} AND {OURS} GROUP BY TraceId "  # noqa: S608
                "ORDER BY max(Timestamp) DESC, TraceId LIMIT {wanted:UInt64}"
            )
            found.update(dict.fromkeys(trace for (trace,) in self._ask(sql, times, wanted=limit + len(found))))
            if len(found) >= limit:
                break
        return [bytes.fromhex(trace) for trace in list(found)[:limit]]

    def trace_ids(self, **conditions: Unpack[Conditions]) -> Iterator[bytes]:
        """The ids of all traces with a span that fits, oldest first."""
        where, given = in_sql(conditions)
        times, _ = self._bounds(conditions)
        if times is None:
            return iter(())
        sql = f"SELECT TraceId FROM {_TABLE} WHERE {_WITHIN} AND {where} GROUP BY TraceId ORDER BY min(Timestamp), TraceId"  # noqa: S608
        return (bytes.fromhex(trace) for (trace,) in self._ask(sql, times, **given))

    def trace(self, trace_id: bytes) -> list[StoredSpan]:
        """The spans of this trace in the order they began; none if it is not there."""
        return next(self.traces([trace_id]))

    def traces(self, trace_ids: Sequence[bytes]) -> Iterator[list[StoredSpan]]:
        """The spans of each of these traces, some traces at a time."""
        for some in _batches(trace_ids, TRACES_AT_ONCE):
            sql = f"SELECT {spans.COLUMNS} FROM {_TABLE} WHERE {_WITHIN} AND TraceId IN {{traces:Array(String)}}"  # noqa: S608
            ids = [trace_id.hex() for trace_id in some]
            found: dict[bytes, dict[bytes, StoredSpan]] = {trace_id: {} for trace_id in some}
            for row in self._ask(sql, self._times_of(ids), traces=ids, content=spans.CONTENT):
                one = spans.span(row)
                found[one.trace_id].setdefault(one.span_id, one)
            for trace_id in some:
                yield sorted(found[trace_id].values(), key=lambda span: span.start_ns)

    def find(self, prefix: str) -> tuple[bytes, bytes | None]:
        """The trace, or the span and its trace, whose hexadecimal id begins so.

        Raises:
            StoreError: there is none, or there are several.
        """
        asked = asked_id(prefix)
        # The second table is sorted by trace. A range is found by its order, which LIKE would not be.
        table = "{database:Identifier}.{lookup:Identifier}" if self._connection.has_lookup else _TABLE
        sql = f"SELECT DISTINCT TraceId FROM {table} WHERE TraceId >= {{low:String}} AND TraceId < {{high:String}} LIMIT 20"  # noqa: S608
        traces = self._connection.ask(sql, low=asked, high=asked + "g")
        candidates: list[tuple[bytes, bytes | None]] = [(bytes.fromhex(trace), None) for (trace,) in traces]
        if len(asked) <= 16:
            sql = f"SELECT DISTINCT TraceId, SpanId FROM {_TABLE} WHERE startsWith(SpanId, {{asked:String}}) LIMIT 20"  # noqa: S608
            candidates += [(bytes.fromhex(trace), bytes.fromhex(span)) for trace, span in self._connection.ask(sql, asked=asked)]
        return the_one(self, asked, candidates)

    def contents(self, spans: Iterable[StoredSpan], names: Iterable[str] | None = None) -> Iterator[dict[str, Pieces]]:
        """The content of each span by attribute, of all or of these attributes; some hundreds of spans at a time."""
        wanted = None if names is None else set(names)
        for some in _batches(spans, AT_ONCE):
            asked = {name for span in some for name in span.content_ids if wanted is None or name in wanted}
            keys = {_Key(span.start_ns, span.trace_id.hex(), span.span_id.hex()): span for span in some}
            found: dict[_Key, Mapping[str, str]] = {}
            if asked:
                sql = (
                    "SELECT toUnixTimestamp64Nano(Timestamp), TraceId, SpanId, "  # noqa: S608
                    "arrayFilter(name -> has({asked:Array(String)}, name), mapKeys(SpanAttributes)), "
                    "arrayFilter((value, name) -> has({asked:Array(String)}, name), mapValues(SpanAttributes), mapKeys(SpanAttributes)) "
                    f"FROM {_TABLE} WHERE {_WITHIN} AND {_NAMED}"
                )
                sought = sorted(key for key, span in keys.items() if asked & span.content_ids.keys())
                rows = self._ask(sql, _around(sought), asked=sorted(asked), **_named(sought))
                found = {_Key(*key): dict(zip(there, said, strict=True)) for *key, there, said in rows}
            for key, span in keys.items():
                content = found.get(key, {})
                yield {name: _piece(content[name]) for name in span.content_ids if name in content}

    def content(self, span: StoredSpan, names: Iterable[str] | None = None) -> dict[str, Pieces]:
        """The content of one span."""
        return next(iter(self.contents([span], names)))

    def exchange(self, span: StoredSpan) -> StoredExchange | None:
        """Nothing: see `lacks`."""
        return None

    def runs(self) -> list[StoredRun]:
        """None: see `lacks`."""
        return []

    def _ask(self, sql: str, times: _Times, **values: Any) -> Sequence[Sequence[Any]]:
        return self._connection.ask(sql, low=times.low, high=times.high, **values)

    def _bounds(self, conditions: Conditions) -> tuple[_Times | None, int]:
        """When the first and last span began, as far as the conditions let them; how many there are in all. The table knows it at once."""
        sql = f"SELECT count(), toUnixTimestamp64Nano(min(Timestamp)), toUnixTimestamp64Nano(max(Timestamp)) FROM {_TABLE}"  # noqa: S608
        ((count, first, last),) = self._connection.ask(sql)
        since, until = conditions.get("since_ns"), conditions.get("until_ns")
        times = _Times(first if since is None else max(first, since), last + 1 if until is None else min(last + 1, until))
        return (times if count and times.low < times.high else None), count

    def _backwards(self, conditions: Conditions) -> Iterator[_Times]:
        """Stretches of time from the newest span back, each eight times as long as the one after it."""
        times, count = self._bounds(conditions)
        if times is None:
            return
        width, high = times.high - times.low, times.high
        if count > LOOKED_THROUGH:
            width = max(1, width * LOOKED_THROUGH // count)
        while high > times.low:
            low = max(times.low, high - width)
            yield _Times(low, high)
            high, width = low, width * 8

    def _pages(self, times: _Times, where: str, given: Mapping[str, Any]) -> Iterator[tuple[_Times, int]]:
        """Stretches of time with about as many spans as a page has, and how many those are."""
        step = max(1, -(-(times.high - times.low) // BINS))
        sql = (
            f"SELECT intDiv(toUnixTimestamp64Nano(Timestamp) - {{low:Int64}}, {{step:Int64}}) AS bin, count() FROM {_TABLE} "  # noqa: S608
            f"WHERE {_WITHIN} AND {where} GROUP BY bin ORDER BY bin"
        )
        low, waiting = times.low, 0
        for bin, count in self._ask(sql, times, step=step, **given):
            begin, end = times.low + bin * step, min(times.high, times.low + (bin + 1) * step)
            if waiting and waiting + count > PAGE:
                yield _Times(low, begin), waiting
                low, waiting = begin, 0
            if count > PAGE * 4 and step > 1:
                yield from self._pages(_Times(begin, end), where, given)
                low = end
            else:
                waiting += count
        if waiting:
            yield _Times(low, times.high), waiting

    def _scanned(self, pages: Sequence[_Times], where: str, given: Mapping[str, Any]) -> Iterator[tuple[Row, StoredSpan]]:
        # A span that is there twice began at one time, so both are in one page, side by side.
        sql = f"SELECT {spans.COLUMNS} FROM {_TABLE} WHERE {_WITHIN} AND {where} ORDER BY Timestamp, TraceId, SpanId"  # noqa: S608
        for times in pages:
            last = None
            for row in self._ask(sql, times, content=spans.CONTENT, **given):
                key = _key(row)
                if key != last:
                    yield key, spans.span(row)
                last = key

    def _times_of(self, traces: Sequence[str]) -> _Times:
        """When these traces were, to the second, as the second table knows it; without that, any time at all."""
        if self._connection.has_lookup:
            sql = (
                "SELECT count(), toUnixTimestamp(min(Start)), toUnixTimestamp(max(End)) "
                "FROM {database:Identifier}.{lookup:Identifier} WHERE TraceId IN {traces:Array(String)}"
            )
            ((count, start, end),) = self._connection.ask(sql, traces=traces)
            if count:
                return _Times(start * _SECOND, (end + 1) * _SECOND)
        return _Times(0, 2**63 - 1)


_SECOND: Final = 1_000_000_000
_TABLE: Final = "{database:Identifier}.{table:Identifier}"
_WITHIN: Final = "Timestamp >= fromUnixTimestamp64Nano({low:Int64}) AND Timestamp < fromUnixTimestamp64Nano({high:Int64})"
_NAMED: Final = "TraceId IN {traces:Array(String)} AND (TraceId, SpanId) IN {ids:Array(Tuple(String, String))}"


def _named(keys: Sequence[_Key]) -> dict[str, Any]:
    return {"traces": list(dict.fromkeys(key.trace_id for key in keys)), "ids": [(key.trace_id, key.span_id) for key in keys]}


def _around(keys: Sequence[_Key]) -> _Times:
    """When the spans of these keys, in order, began."""
    return _Times(keys[0].start_ns, keys[-1].start_ns + 1)


def _key(row: Sequence[Any]) -> _Key:
    return _Key(row[6], row[0], row[1])


def _piece(value: str) -> StoredPiece:
    return StoredPiece(id=0, body=value.encode())


def _batches(items: Iterable[Any], size: int) -> Iterator[list[Any]]:
    source = iter(items)
    while some := list(itertools.islice(source, size)):
        yield some
