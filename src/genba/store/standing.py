"""How the runs of a store stand: what became of every call that was made, and which are missing, and why."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, NamedTuple

import orjson

from . import journal
from .accounts import DIED, IN_ORDER
from .journal import Noted, UnderWay
from .stored import StoredRun

RUNNING: Final = "running"
ENDED: Final = "ended"
UNKNOWN: Final = "unknown"

IN_FLIGHT: Final = "in flight"
UNDER_WAY: Final = "under way when the process died"
NOT_YET: Final = "not yet handed over"
NOT_HANDED_OVER: Final = "not handed over when the process died"
SAMPLED_OUT: Final = "sampled out"
ELSEWHERE: Final = "handed to the application's own pipeline"
EXPECTED: Final = frozenset((IN_FLIGHT, NOT_YET, SAMPLED_OUT, ELSEWHERE))
"""Why a call is not here though nothing was lost."""


class Missing(NamedTuple):
    """Calls in a row that are not in the store."""

    first: int
    last: int
    reason: str | None
    """Why; None if nobody knows."""

    @property
    def calls(self) -> int:
        """How many."""
        return self.last - self.first + 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How one run stands."""

    run: StoredRun
    state: str
    """`running`, `ended` in order, `died` without (killed, crashed, `os._exit`), or `unknown`."""
    made: int
    stored: int
    at_ns: int | None
    """When it last said so itself; None if it never did."""
    counts: Mapping[str, Any] = field(default_factory=dict)
    """What it said: `ended`, `sampled_out`, `exported`, `dropped` …"""
    under_way: Sequence[UnderWay] = ()
    """What it was doing when its journal was last written: for a run that died, also if another process has taken note of that."""
    missing: Sequence[Missing] = ()

    @property
    def lost(self) -> dict[str | None, int]:
        """How many calls are missing by reason, without those that nobody expects here."""
        found: dict[str | None, int] = {}
        for one in self.missing:
            if one.reason not in EXPECTED:
                found[one.reason] = found.get(one.reason, 0) + one.calls
        return found


def standings(connection: sqlite3.Connection, path: Path, runs: Sequence[StoredRun]) -> list[Standing]:
    """How these runs stand, in the same order."""
    noted = {one.run.run_id: one for one in journal.read_all(path)}
    has_accounts = "account" in {row[1] for row in connection.execute("PRAGMA table_info(runs)")}
    return [_standing(connection, run, noted.get(run.run_id), has_accounts=has_accounts) for run in runs]


def _standing(connection: sqlite3.Connection, run: StoredRun, noted: Noted | None, *, has_accounts: bool) -> Standing:
    account, ended = "account, ended" if has_accounts else "NULL, NULL", None
    id, said, ended = connection.execute(f"SELECT id, {account} FROM runs WHERE run_id = ?", (run.run_id,)).fetchone()  # noqa: S608
    counts: dict[str, Any] = orjson.loads(said) if said else {}
    state = _state(ended, noted)
    calls = noted.calls if noted is not None and ended is None else {}
    stored, highest = connection.execute(
        "SELECT count(*), max(sequence) FROM spans WHERE run = ? AND sequence IS NOT NULL", (id,)
    ).fetchone()
    made = max(counts.get("made", 0), highest or 0, *calls, 0)
    reasons = [*_absences(connection, id, has_accounts=has_accounts), *_in_journal(calls, state)]
    rest = {RUNNING: NOT_YET, DIED: NOT_HANDED_OVER}.get(state)
    gaps = [(1, made)] if highest is None else _gaps(connection, id, made)
    return Standing(
        run=run,
        state=state,
        made=made,
        stored=stored,
        at_ns=counts.get("at_ns"),
        counts=counts,
        under_way=list(calls.values()) or (_adopted(connection, id) if state == DIED else []),
        missing=list(_joined(_explained(gaps, _apart(reasons), rest))),
    )


def _state(ended: str | None, noted: Noted | None) -> str:
    if ended is not None:
        return ENDED if ended == IN_ORDER else DIED
    if noted is None:
        return UNKNOWN
    return RUNNING if noted.is_alive else DIED


def _in_journal(calls: Iterable[int], state: str) -> Iterator[Missing]:
    return (Missing(sequence, sequence, IN_FLIGHT if state == RUNNING else UNDER_WAY) for sequence in calls)


def _absences(connection: sqlite3.Connection, run: int, *, has_accounts: bool) -> Iterator[Missing]:
    if has_accounts:
        query = "SELECT first_sequence, last_sequence, reason FROM absences WHERE run = ? AND destination IN ('', 'store')"
        yield from (Missing(*row) for row in connection.execute(query, (run,)))
    query = "SELECT first_sequence, last_sequence, reason FROM losses WHERE run = ? AND first_sequence IS NOT NULL"
    yield from (Missing(*row) for row in connection.execute(query, (run,)))


def _gaps(connection: sqlite3.Connection, run: int, made: int) -> Iterator[tuple[int, int]]:
    """What is not there of the numbers from 1 to `made`."""
    expected = 1
    for (sequence,) in connection.execute(
        "SELECT DISTINCT sequence FROM spans WHERE run = ? AND sequence IS NOT NULL ORDER BY sequence", (run,)
    ):
        if sequence > expected:
            yield expected, sequence - 1
        expected = max(expected, sequence + 1)
    if expected <= made:
        yield expected, made


def _apart(reasons: Iterable[Missing]) -> Iterator[Missing]:
    """The same, sorted and without overlaps."""
    reached = 0
    for one in sorted(reasons, key=lambda one: (one.first, one.last)):
        if one.last > reached:
            yield Missing(max(one.first, reached + 1), one.last, one.reason)
            reached = one.last


def _explained(gaps: Iterable[tuple[int, int]], reasons: Iterator[Missing], rest: str | None) -> Iterator[Missing]:
    """Each gap, in the pieces that have a reason, and those that have none but `rest`. Both are sorted."""
    known = next(reasons, None)
    for first, last in gaps:
        at = first
        while at <= last:
            while known is not None and known.last < at:
                known = next(reasons, None)
            if known is None or known.first > last:
                yield Missing(at, last, rest)
                break
            if known.first > at:
                yield Missing(at, known.first - 1, rest)
                at = known.first
            end = min(known.last, last)
            yield Missing(at, end, known.reason)
            at = end + 1


def _joined(pieces: Iterable[Missing]) -> Iterator[Missing]:
    """Neighbours of the same reason as one."""
    before: Missing | None = None
    for piece in pieces:
        if before is not None and before.last + 1 == piece.first and before.reason == piece.reason:
            before = Missing(before.first, piece.last, piece.reason)
        else:
            if before is not None:
                yield before
            before = piece
    if before is not None:
        yield before


def _adopted(connection: sqlite3.Connection, run: int) -> list[UnderWay]:
    """What a run was doing when it died, from the spans that were made of it."""
    query = (
        "SELECT sequence, start_ns, name, trace_id, span_id, parent_span_id, kind FROM spans WHERE run = ? AND sequence IS NOT NULL "
        "AND outcome = 'abandoned' AND attributes LIKE '%genba.abandoned.reason%' ORDER BY sequence"
    )
    names = ("sequence", "started_ns", "name", "trace_id", "span_id", "parent_span_id", "kind")
    return [UnderWay(**dict(zip(names, row, strict=True))) for row in connection.execute(query, (run,))]
