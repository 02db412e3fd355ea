"""The tables of the store, and how an older file becomes one of today's.

`DOCUMENTATION` explains them to whoever opens the file with another tool. A change of the tables is a new entry in `MIGRATIONS`,
never an edit of an old one: files of every earlier version are out there.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Final

from .errors import DamagedStore, StoreError

# Random keys in one index make every batch write every page of it. So an index is cut into shelves of consecutive ids (`id >> n`):
# only the newest is written to, and whoever looks for a key looks shelf by shelf. At 100,000 spans it halves the cost of a commit.
SPAN_SHELF: Final = 13
CONTENT_SHELF: Final = 15

APPLICATION_ID: Final = 0x67656E62
"""`genb`: how a store is told from another program's database."""

PAGE_SIZE: Final = 16_384
"""Nearly halves the cost of a write against SQLite's default of 4 KiB."""

# In a table without row ids the columns of the key come first: else SQLite 3.40 takes it for damaged in its own check.
MIGRATIONS: Final[tuple[str, ...]] = (
    """
    CREATE TABLE runs (
        id INTEGER PRIMARY KEY,
        run_id TEXT NOT NULL UNIQUE,
        pid INTEGER,
        started_ns INTEGER,
        python TEXT,
        genba TEXT,
        command TEXT,
        parent_run_id TEXT
    );
    CREATE TABLE resources (
        id INTEGER PRIMARY KEY,
        attributes TEXT NOT NULL UNIQUE
    );
    CREATE TABLE spans (
        id INTEGER PRIMARY KEY,
        trace_id BLOB NOT NULL,
        span_id BLOB NOT NULL,
        parent_span_id BLOB,
        start_ns INTEGER NOT NULL,
        end_ns INTEGER NOT NULL,
        status TEXT NOT NULL,
        run INTEGER REFERENCES runs (id),
        sequence INTEGER,
        operation TEXT,
        provider TEXT,
        request_model TEXT,
        response_model TEXT,
        conversation_id TEXT,
        user_id TEXT,
        input_tokens INTEGER,
        output_tokens INTEGER,
        time_to_first_chunk REAL,
        error_type TEXT,
        outcome TEXT,
        name TEXT NOT NULL,
        kind TEXT NOT NULL,
        scope TEXT NOT NULL,
        status_description TEXT,
        resource INTEGER REFERENCES resources (id),
        attributes TEXT NOT NULL,
        events TEXT,
        links TEXT,
        content TEXT,
        exchange TEXT
    );
    CREATE UNIQUE INDEX spans_by_trace ON spans (id >> 13, trace_id, span_id);
    CREATE INDEX spans_by_start ON spans (start_ns);
    CREATE TABLE content (
        id INTEGER PRIMARY KEY,
        key INTEGER,
        sha256 BLOB,
        bytes INTEGER NOT NULL,
        encoding TEXT NOT NULL,
        deleted_ns INTEGER,
        deleted_because TEXT,
        body
    );
    CREATE INDEX content_by_key ON content (id >> 15, key) WHERE key IS NOT NULL;
    CREATE TABLE losses (
        at_ns INTEGER NOT NULL,
        reason TEXT NOT NULL,
        count INTEGER NOT NULL,
        bytes INTEGER,
        run INTEGER REFERENCES runs (id),
        first_sequence INTEGER,
        last_sequence INTEGER
    );
    CREATE TABLE tallies (
        name TEXT PRIMARY KEY,
        value INTEGER NOT NULL
    ) WITHOUT ROWID;
    INSERT INTO tallies VALUES ('content_ids', 0), ('content_bytes', 0), ('span_ids', 0);
    """,
    "ALTER TABLE runs ADD COLUMN packages TEXT",
    """
    ALTER TABLE runs ADD COLUMN account TEXT;
    ALTER TABLE runs ADD COLUMN ended TEXT;
    CREATE TABLE absences (
        run INTEGER NOT NULL REFERENCES runs (id),
        first_sequence INTEGER NOT NULL,
        destination TEXT NOT NULL,
        reason TEXT NOT NULL,
        last_sequence INTEGER NOT NULL,
        PRIMARY KEY (run, first_sequence, destination, reason)
    ) WITHOUT ROWID;
    CREATE INDEX spans_by_run ON spans (run, sequence) WHERE sequence IS NOT NULL;
    """,
)
"""Entry n brings a file of version n to version n + 1."""

VERSION: Final = len(MIGRATIONS)

DOCUMENTATION: Final = {
    "runs": (
        "One row a run of a process. `command` is a JSON array. `packages` is JSON: distribution -> version of the libraries that it "
        "imported, as far as they bear on its spans. A run known only from its spans has nothing but its `run_id`. `account` is JSON, as of "
        "`at_ns`: how many calls were made, ended, are in flight, sampled out, exported by destination, dropped by reason. "
        "`ended` is `in order`, or `died` once that was found out; before, it is null."
    ),
    "resources": "The OpenTelemetry resource of spans: JSON, each distinct one once.",
    "spans": (
        "One row a span. Ids are blobs, times are nanoseconds since 1970. `operation` to `outcome` are span attributes in columns "
        "of their own, for filtering; `attributes` is JSON of all the others. `content` is JSON: attribute name -> one `content.id`, "
        "or an array of them. `exchange` is JSON: `request`, `response` and `events` are `content.id`s, `lists` maps a key of the "
        "request to the ids of its elements (in the request itself that key is null), `read_to` is how many events the host read."
    ),
    "content": (
        "What was said, each distinct piece once. `encoding` is `json` (`body` is the JSON text) or `events` (zlib of: their number "
        "as uint32, offsets in ns as int64 each, lengths as uint32 each, little-endian, then the JSON of one after another). "
        "`key` is the first 8 bytes of `sha256` as a signed number. "
        "A piece that was deleted keeps its row without body and hash; one that made room for newer ones has no row."
    ),
    "losses": "What was removed to keep the file within its size: how many pieces of content or spans, and which calls of a run.",
    "absences": (
        "Calls of a run whose spans are not here, from one sequence number to another, and why; with a `destination`, they are missing "
        "only there. With them every number up to `made` of the run's account is a span here, or is explained here or in `losses`."
    ),
    "tallies": "Running numbers: the last `content.id` and `spans.id` given out, and the bytes in all bodies.",
}


def identify(connection: sqlite3.Connection, path: Path) -> int:
    """The schema version of an open store; 0 when it is empty.

    Raises:
        StoreError: it belongs to another program or to a newer genba.
        DamagedStore: it says that it is a store, but lacks what one has.
    """
    application, version, tables = _said_of_itself(connection)
    if not tables and version == 0 and application in (0, APPLICATION_ID):
        return 0
    if application != APPLICATION_ID:
        raise StoreError(
            f"{path} is a SQLite database of another program, so genba leaves it alone. "
            "Choose another file with GENBA_STORE=PATH or genba.init(store=PATH)."
        )
    if version > VERSION:
        raise StoreError(
            f"{path} was written by a newer genba (schema version {version}; this one knows {VERSION}). "
            "Upgrade with 'pip install -U genba', or choose another file with GENBA_STORE=PATH."
        )
    if version < 1 or not {"spans", "content", "runs"} <= tables:
        raise DamagedStore(f"{path} is a genba store without its tables. Move it away; a new one is then started.")
    return version


def prepare(connection: sqlite3.Connection, path: Path) -> None:
    """Make an open file a store of today's version: fill it if empty, migrate it if older."""
    if identify(connection, path) == 0:
        # These two can be said only while the file has no page yet. When two processes start it at once, one of them comes too late
        # and changes nothing.
        connection.execute(f"PRAGMA page_size = {PAGE_SIZE}")
        connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
    connection.execute("PRAGMA journal_mode = WAL")
    if identify(connection, path) == VERSION:
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        # Another process may have done it while this one waited for its turn.
        for step in range(identify(connection, path), VERSION):
            for statement in MIGRATIONS[step].split(";"):
                if statement.strip():
                    connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {step + 1}")
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _said_of_itself(connection: sqlite3.Connection) -> tuple[int, int, set[str]]:
    """Application, version and tables, all as of one moment: another process may be just making them."""
    alone = not connection.in_transaction
    if alone:
        connection.execute("BEGIN")
    try:
        return (
            int(connection.execute("PRAGMA application_id").fetchone()[0]),
            int(connection.execute("PRAGMA user_version").fetchone()[0]),
            {row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")},
        )
    finally:
        if alone and connection.in_transaction:
            connection.execute("ROLLBACK")
