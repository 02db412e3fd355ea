"""A store that an older genba made is read as it is, and becomes one of today's when something is written to it."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from genba.store.reader import Store
from genba.store.rows import RunRow
from genba.store.schema import VERSION
from genba.store.stored import valued
from genba.store.writer import StoreWriter
from store.example import BEGAN, chat

AS_IT_WAS = Path(__file__).with_name("version_1.sql").read_text()
LATER = RunRow(run_id="r2", pid=8, started_ns=BEGAN + 1, python="3.13.1", genba="0.2.0", command=(), packages={"openai": "2.8.1"})


@pytest.fixture
def older(path: Path) -> Path:
    path.parent.mkdir()
    database = sqlite3.connect(path)
    database.executescript(AS_IT_WAS)
    database.close()
    return path


def version(path: Path) -> int:
    database = sqlite3.connect(path)
    try:
        return int(database.execute("PRAGMA user_version").fetchone()[0])
    finally:
        database.close()


def check_what_was_there(store: Store) -> None:
    span = store.spans()[-1]
    assert (span.name, span.run_id, span.sequence, span.attributes["gen_ai.request.model"]) == ("chat m", "r1", 1, "m")
    said = valued(store.content(span))
    assert [said[f"gen_ai.{way}.messages"][0]["parts"][0]["content"] for way in ("input", "output")] == ["q", "a"]
    run = store.runs()[-1]
    assert (run.run_id, run.pid, run.python, run.command, run.packages) == ("r1", 7, "3.11.7", ["python", "app.py"], None)


def test_it_is_read_as_it_is_and_left_so(older: Path, opened: Callable[[], Store]) -> None:
    check_what_was_there(opened())
    assert version(older) == 1


def test_writing_makes_it_one_of_todays_with_all_that_was_in_it(
    older: Path, writer: StoreWriter, opened: Callable[[], Store]
) -> None:
    writer.register(LATER)
    writer.write([chat(("user", "later"), ("assistant", "a"), run_id="r2", start_ns=BEGAN + 10**12)])
    assert version(older) == VERSION
    store = opened()
    check_what_was_there(store)
    assert [(run.run_id, run.packages) for run in store.runs()] == [("r2", {"openai": "2.8.1"}), ("r1", None)]
    assert len(store.spans()) == 2


def test_whoever_has_it_open_meanwhile_reads_on(older: Path, writer: StoreWriter, opened: Callable[[], Store]) -> None:
    store = opened()
    check_what_was_there(store)
    writer.register(LATER)
    writer.write([chat(("user", "later"), ("assistant", "a"), run_id="r2", start_ns=BEGAN + 10**12)])
    check_what_was_there(store)
    assert store.runs()[0].packages == {"openai": "2.8.1"}
