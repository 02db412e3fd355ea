"""The tables are as they are documented."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from genba.store.columns import COLUMNS
from genba.store.schema import APPLICATION_ID, DOCUMENTATION, PAGE_SIZE, VERSION
from genba.store.writer import StoreWriter
from store.example import span


def test_every_table_is_documented_and_every_column_of_a_span_is_written(writer: StoreWriter, path: Path) -> None:
    writer.write([span()])
    database = sqlite3.connect(path)
    assert {name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")} == set(DOCUMENTATION)
    assert {row[1] for row in database.execute("PRAGMA table_info(spans)")} == set(COLUMNS)
    database.close()


def test_the_file_says_what_it_is(writer: StoreWriter, path: Path) -> None:
    writer.write([span()])
    database = sqlite3.connect(path)
    said = [
        database.execute(f"PRAGMA {name}").fetchone()[0] for name in ("application_id", "user_version", "page_size", "journal_mode")
    ]
    database.close()
    assert said == [APPLICATION_ID, VERSION, PAGE_SIZE, "wal"]
