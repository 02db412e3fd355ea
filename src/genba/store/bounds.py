"""Keep the file within its size: the oldest content goes first, then the oldest spans; and what went is written down.

Content goes until it takes no more than half of the file. Beyond that, room is made by removing spans: else the newest call of a
long-lived store would have no room for its words.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from typing import Final

from . import content

HIGH: Final = 0.97
LOW: Final = 0.94
"""Shares of the allowed size: above the first, remove down to the second. The rest is room for the batches in between."""

CONTENT_REMOVED: Final = "content removed to keep the store within its size"
SPANS_REMOVED: Final = "spans removed to keep the store within its size"

_STEP: Final = 8 * 1024 * 1024


def keep_within(connection: sqlite3.Connection, max_bytes: int) -> None:
    """Remove what is too much, in steps between which other processes can write."""
    if used_bytes(connection) <= max_bytes * HIGH:
        return
    while used_bytes(connection) > max_bytes * LOW:
        connection.execute("BEGIN IMMEDIATE")
        try:
            removed = _remove_some(connection, max_bytes)
            connection.execute("COMMIT")
        finally:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
        if not removed:
            break
    excess = _pragma(connection, "page_count") - max_bytes // _pragma(connection, "page_size")
    if excess > 0:
        # It gives back one page a step, and `execute` takes only one step with what has no rows.
        connection.executescript(f"PRAGMA incremental_vacuum({excess})")


def oldest_to_share(connection: sqlite3.Connection, max_bytes: int) -> int:
    """The oldest piece of content that a new span may still refer to: when room gets short, one that will not go soon."""
    if used_bytes(connection) <= max_bytes // 2:
        return 0
    first, last = connection.execute("SELECT (SELECT min(id) FROM content), (SELECT max(id) FROM content)").fetchone()
    return ((first or 0) + (last or 0)) // 2


def used_bytes(connection: sqlite3.Connection) -> int:
    """Size of the file without its free pages."""
    pages = _pragma(connection, "page_count") - _pragma(connection, "freelist_count")
    return pages * _pragma(connection, "page_size")


def _remove_some(connection: sqlite3.Connection, max_bytes: int) -> int:
    excess = used_bytes(connection) - int(max_bytes * LOW)
    if excess <= 0:
        return 0
    in_content = content.tally(connection, "content_bytes")
    order: list[Callable[[sqlite3.Connection, int], int]] = [_remove_content, _remove_spans]
    if in_content <= max_bytes // 2:
        order.reverse()
    step = min(excess, _STEP)
    return order[0](connection, step) or order[1](connection, step)


def _remove_content(connection: sqlite3.Connection, wanted: int) -> int:
    count = freed = end = 0
    for id, size, deleted in connection.execute("SELECT id, bytes, deleted_ns FROM content ORDER BY id"):
        end = id
        count, freed = count + (deleted is None), freed + (0 if deleted else size)
        if freed >= wanted:
            break
    removed = connection.execute("DELETE FROM content WHERE id <= ?", (end,)).rowcount
    content.add_to_tally(connection, "content_bytes", -freed)
    if count:
        connection.execute(
            "INSERT INTO losses (at_ns, reason, count, bytes) VALUES (?, ?, ?, ?)", (time.time_ns(), CONTENT_REMOVED, count, freed)
        )
    return removed


def _remove_spans(connection: sqlite3.Connection, wanted: int) -> int:
    count, first, last = connection.execute("SELECT count(*), min(id), max(id) FROM spans").fetchone()
    if not count:
        return 0
    in_content = content.tally(connection, "content_bytes")
    each = max(1, (used_bytes(connection) - in_content) // count)
    end = min(last, first + max(1, wanted // each))
    connection.execute(
        "INSERT INTO losses (at_ns, reason, count, run, first_sequence, last_sequence) "
        "SELECT ?, ?, count(*), run, min(sequence), max(sequence) FROM spans WHERE id <= ? GROUP BY run",
        (time.time_ns(), SPANS_REMOVED, end),
    )
    # What is said of the calls in between goes with them: else it would be all that is left of a file in the end.
    for run, first_sequence, last_sequence in connection.execute(
        "SELECT run, min(sequence), max(sequence) FROM spans WHERE id <= ? AND sequence IS NOT NULL GROUP BY run", (end,)
    ).fetchall():
        connection.execute(
            "DELETE FROM absences WHERE run = ? AND first_sequence > ? AND last_sequence < ?", (run, first_sequence, last_sequence)
        )
    return connection.execute("DELETE FROM spans WHERE id <= ?", (end,)).rowcount


def _pragma(connection: sqlite3.Connection, name: str) -> int:
    return int(connection.execute(f"PRAGMA {name}").fetchone()[0])
