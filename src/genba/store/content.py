"""Pieces of content: each distinct one is stored once, found by its hash, and can be deleted by itself.

A piece's `id` is never given out twice, so what a span refers to can be missing but never be something else.
"""

from __future__ import annotations

import hashlib
import sqlite3
import time
from collections.abc import Iterable, Sequence
from typing import Any, Final, Literal, NamedTuple, TypeAlias

from .schema import CONTENT_SHELF

Encoding: TypeAlias = Literal["json", "events"]

LARGEST: Final = 512 * 1024 * 1024
"""Bytes in a piece. SQLite's own limit is twice that."""


class Piece(NamedTuple):
    sha256: bytes | None
    """None: not worth looking for another like it."""
    body: bytes
    encoding: Encoding


class Pieces:
    """The distinct pieces of one batch, in order. Made before the store is locked: hashing takes its time."""

    def __init__(self) -> None:
        self.pieces: list[Piece] = []
        self._places: dict[bytes, int] = {}

    def add(self, body: bytes) -> int:
        """The place of this JSON in the batch."""
        digest = hashlib.sha256(body).digest()
        place = self._places.setdefault(digest, len(self.pieces))
        if place == len(self.pieces):
            self.pieces.append(Piece(digest, body, "json"))
        return place

    def add_events(self, packed: bytes) -> int:
        """The place of these packed events in the batch. No two streams are alike, so they are not compared."""
        self.pieces.append(Piece(None, packed, "events"))
        return len(self.pieces) - 1


def insert(connection: sqlite3.Connection, pieces: Sequence[Piece], oldest: int = 0, largest: int = LARGEST) -> list[int]:
    """Store what is not there yet, inside the caller's transaction; the ids of all `pieces`.

    A piece is looked for from the id `oldest` on, and not much further back than one shelf: what is said all the time is then
    written anew now and then, and need not be kept from being removed as old.
    """
    last = tally(connection, "content_ids")
    known = _known(connection, pieces, oldest, last)
    ids: list[int] = []
    rows: list[tuple[Any, ...]] = []
    added = 0
    for digest, body, encoding in pieces:
        if digest in known:
            ids.append(known[digest])
            continue
        last += 1
        ids.append(last)
        if len(body) > largest:
            rows.append((last, None, None, len(body), encoding, time.time_ns(), TOO_LARGE, None))
        else:
            rows.append((last, digest and _key(digest), digest, len(body), encoding, None, None, body))
            added += len(body)
    # JSON is kept as text for SQLite's JSON functions; the cast copies it without decoding it.
    connection.executemany(
        "INSERT INTO content SELECT id, key, digest, bytes, encoding, at, because, "
        "CASE encoding WHEN 'json' THEN CAST(body AS TEXT) ELSE body END FROM (SELECT ? AS id, ? AS key, ? AS digest, ? AS bytes, "
        "? AS encoding, ? AS at, ? AS because, ? AS body)",
        rows,
    )
    add_to_tally(connection, "content_ids", len(rows))
    add_to_tally(connection, "content_bytes", added)
    return ids


def delete(connection: sqlite3.Connection, ids: Iterable[int], because: str) -> int:
    """Take the bodies and hashes of these pieces out of the file, and leave word of it; how many there were."""
    # Else the bytes would lie in free space until something is written over them.
    connection.execute("PRAGMA secure_delete = ON")
    connection.execute("BEGIN IMMEDIATE")
    try:
        deleted = freed = 0
        for id in ids:
            for (size,) in connection.execute("SELECT bytes FROM content WHERE id = ? AND deleted_ns IS NULL", (id,)).fetchall():
                deleted, freed = deleted + 1, freed + size
                connection.execute(
                    "UPDATE content SET key = NULL, sha256 = NULL, body = NULL, deleted_ns = ?, deleted_because = ? WHERE id = ?",
                    (time.time_ns(), because, id),
                )
        add_to_tally(connection, "content_bytes", -freed)
        connection.execute("COMMIT")
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        connection.execute("PRAGMA secure_delete = OFF")
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    return deleted


def tally(connection: sqlite3.Connection, name: str) -> int:
    """A running number."""
    return int(connection.execute("SELECT value FROM tallies WHERE name = ?", (name,)).fetchone()[0])


def add_to_tally(connection: sqlite3.Connection, name: str, more: int) -> None:
    """Move a running number on."""
    connection.execute("UPDATE tallies SET value = value + ? WHERE name = ?", (more, name))


TOO_LARGE: Final = "larger than the store takes"


def _known(connection: sqlite3.Connection, pieces: Sequence[Piece], oldest: int, last: int) -> dict[bytes | None, int]:
    keys = [_key(piece.sha256) for piece in pieces if piece.sha256]
    known: dict[bytes | None, int] = {}
    for shelf in {max(0, (last >> CONTENT_SHELF) - 1), last >> CONTENT_SHELF}:
        for start in range(0, len(keys), 500):
            some = keys[start : start + 500]
            query = f"SELECT sha256, id FROM content WHERE id >> {CONTENT_SHELF} = ? AND key IN ({','.join('?' * len(some))}) AND id >= ?"  # noqa: S608
            known.update(connection.execute(query, (shelf, *some, oldest)))
    return known


def _key(digest: bytes) -> int:
    """Part of the hash: half the index of the whole would be, which is what a new piece costs most."""
    return int.from_bytes(digest[:8], "big", signed=True)
