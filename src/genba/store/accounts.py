"""The account of a run: what became of each of its calls, written with its spans, and closed by another process when its own has died."""

from __future__ import annotations

import sqlite3
from typing import Final

import orjson

from .. import semconv
from . import values
from .journal import Noted, UnderWay
from .rows import AccountRow, SpanRow

IN_ORDER: Final = "in order"
DIED: Final = "died"
PROCESS_DIED: Final = "process died"
"""Why a call was abandoned."""


def write(connection: sqlite3.Connection, account: AccountRow) -> None:
    """Write down how the run stands."""
    known = connection.execute("SELECT id, account FROM runs WHERE run_id = ?", (account.run_id,)).fetchone()
    if known is None:
        return
    (run, before) = known
    # Who closes the account of another's run knows less of it than that had written down itself.
    counts = orjson.dumps(dict(account.counts)).decode() if account.counts else before
    connection.execute("UPDATE runs SET account = ?, ended = ? WHERE id = ?", (counts, account.ended, run))
    connection.executemany(
        "INSERT INTO absences (run, first_sequence, last_sequence, destination, reason) VALUES (?, ?, ?, ?, ?) "
        "ON CONFLICT DO UPDATE SET last_sequence = max(last_sequence, excluded.last_sequence)",
        [(run, one.first, one.last, values.text(one.destination), values.text(one.reason)) for one in account.absences],
    )


def is_closed(connection: sqlite3.Connection, run_id: str) -> bool:
    """Whether the run is known to have ended."""
    found = connection.execute("SELECT ended FROM runs WHERE run_id = ?", (run_id,)).fetchone()
    return found is not None and found[0] is not None


def stored(connection: sqlite3.Connection, run_id: str) -> set[tuple[bytes, bytes]]:
    """The ids of the last spans of the run that are stored: a call may have ended just before its end was noted."""
    found = connection.execute(
        "SELECT trace_id, span_id FROM spans WHERE run = (SELECT id FROM runs WHERE run_id = ?) AND sequence IS NOT NULL "
        "ORDER BY sequence DESC LIMIT 10000",
        (run_id,),
    )
    return set(found.fetchall())


def closing(noted: Noted) -> AccountRow:
    """The last word on a run whose process died."""
    return AccountRow(run_id=noted.run.run_id, counts={}, ended=DIED)


def abandoned(call: UnderWay, noted: Noted) -> SpanRow:
    """The span of a call that was under way when its process died: it ends with the last sign of life of that process."""
    return SpanRow(
        trace_id=call.trace_id,
        span_id=call.span_id,
        parent_span_id=call.parent_span_id,
        name=call.name,
        kind=call.kind,
        scope="genba",
        start_ns=call.started_ns,
        end_ns=max(call.started_ns, noted.last_ns),
        status="unset",
        status_description=None,
        run_id=noted.run.run_id,
        sequence=call.sequence,
        attributes={
            **call.attributes,
            semconv.CALL_SEQUENCE: call.sequence,
            semconv.OUTCOME: semconv.Outcome.ABANDONED,
            semconv.ABANDONED_REASON: PROCESS_DIED,
        },
        content={},
        single_content={},
        events=(),
        links=(),
        resource={},
        exchange=None,
    )
