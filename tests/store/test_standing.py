"""A reader of the store can tell which calls of a run are missing, and why."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from genba.store import accounts, journal
from genba.store.bounds import SPANS_REMOVED
from genba.store.errors import StoreError
from genba.store.journal import Journal, UnderWay
from genba.store.reader import Store
from genba.store.rows import AbsenceRow, AccountRow, RunRow
from genba.store.standing import Missing
from genba.store.writer import StoreWriter
from store.example import BEGAN, span

RUN = RunRow(run_id="r", pid=os.getpid(), started_ns=BEGAN, python="3.12.0", genba="0.1.0", command=("python", "app.py"))


def account(made: int, *absences: tuple[int, int, str], ended: str | None = accounts.IN_ORDER) -> AccountRow:
    rows = [AbsenceRow(first=first, last=last, destination="", reason=reason) for first, last, reason in absences]
    return AccountRow(run_id="r", counts={"made": made, "at_ns": BEGAN}, absences=rows, ended=ended)


def call(sequence: int) -> UnderWay:
    return UnderWay(
        sequence=sequence, started_ns=BEGAN + sequence, name=f"chat {sequence}", trace_id=os.urandom(16), span_id=os.urandom(8)
    )


def test_a_missing_call_is_named_with_its_reason_or_without(writer: StoreWriter, opened: Callable[[], Store]) -> None:
    writer.register(RUN)
    there = [span(run_id="r", sequence=number) for number in (1, 2, 6, 9)]
    writer.write(there, account(12, (3, 4, "sampled out"), (4, 5, "too late"), (10, 10, "x"), (12, 12, "x")))
    store = opened()
    assert store.missing("r") == [
        Missing(3, 4, "sampled out"),
        Missing(5, 5, "too late"),
        Missing(7, 8, None),
        Missing(10, 10, "x"),
        Missing(11, 11, None),
        Missing(12, 12, "x"),
    ]
    (found,) = store.standings()
    assert (found.state, found.made, found.stored, found.lost) == ("ended", 12, 4, {"too late": 1, None: 3, "x": 2})
    with pytest.raises(StoreError, match="No run 'other'"):
        store.missing("other")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
@given(
    there=st.sets(st.integers(1, 40)),
    made=st.integers(0, 45),
    ranges=st.lists(st.tuples(st.integers(1, 45), st.integers(0, 12), st.sampled_from("abc")), max_size=6),
)
def test_every_number_is_there_or_missing_once(
    there: set[int], made: int, ranges: list[tuple[int, int, str]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("store") / "genba.db"
    writer = StoreWriter(path, run=RUN)
    told = [(first, first + more, reason) for first, more, reason in ranges]
    writer.write([span(run_id="r", sequence=number) for number in there], account(made, *told))
    writer.close()
    with Store(path) as store:
        missing = store.missing("r")
    numbers = [number for piece in missing for number in range(piece.first, piece.last + 1)]
    last = max([made, *there])
    assert sorted([*numbers, *there]) == list(range(1, last + 1))
    for piece in missing:
        for number in range(piece.first, piece.last + 1):
            reasons = {reason for first, end, reason in told if first <= number <= end}
            assert piece.reason in (reasons or {None})


def test_a_range_that_grows_is_one(writer: StoreWriter, opened: Callable[[], Store], path: Path) -> None:
    writer.register(RUN)
    for last in (3, 7, 20):
        writer.write([], account(last, (2, last, "sampled out"), ended=None))
    assert opened().missing("r") == [Missing(1, 1, None), Missing(2, 20, "sampled out")]


def test_calls_whose_spans_made_room_are_named_and_what_was_said_of_those_before_goes_too(path: Path) -> None:
    writer = StoreWriter(path, max_bytes=600_000, run=RUN)
    for number in range(1, 800, 2):
        attributes = {"filler": os.urandom(2000).hex()}
        writer.write([span(run_id="r", sequence=number, attributes=attributes)], account(number + 1, (number + 1, number + 1, "x")))
    writer.close()
    with Store(path) as store:
        reasons = {piece.reason for piece in store.missing("r")}
        assert reasons == {SPANS_REMOVED, "x"}
        kept = store._connection.execute("SELECT count(*) FROM absences").fetchone()[0]
        assert kept < 300, "of 400"


@pytest.fixture
def held(path: Path) -> Journal:
    """The journal of this very process."""
    held = Journal(path, RUN)
    held.note([call(1), call(2)], [])
    return held


def test_what_a_living_process_has_under_way_is_seen(held: Journal, writer: StoreWriter, opened: Callable[[], Store]) -> None:
    writer.register(RUN)
    writer.write([span(run_id="r", sequence=3)], account(4, ended=None))
    held.note([], [2])
    store = opened()
    (found,) = store.standings()
    assert (found.state, [one.name for one in found.under_way]) == ("running", ["chat 1"])
    assert found.missing == [Missing(1, 1, "in flight"), Missing(2, 2, "not yet handed over"), Missing(4, 4, "not yet handed over")]
    assert found.lost == {}
    held.close(remove=True)
    assert journal.read_all(store.path) == []


@pytest.mark.parametrize("cut", range(1, 60, 7))
def test_a_torn_last_line_costs_itself(held: Journal, path: Path, cut: int) -> None:
    whole = held.path.read_bytes()
    held.path.write_bytes(whole[:-cut])
    (noted,) = journal.read_all(path)
    assert set(noted.calls) == ({1, 2} if cut == 1 else {1})  # the end of the line is no part of what it says


def test_a_journal_does_not_grow_with_what_is_over(held: Journal, path: Path) -> None:
    for number in range(3, 4000):
        held.note([call(number)], [number - 1])
    assert held.path.stat().st_size < 300_000
    (noted,) = journal.read_all(path)
    assert set(noted.calls) == {1, 3999}
    assert noted.is_alive


def test_a_journal_that_was_deleted_is_written_anew(held: Journal, path: Path) -> None:
    held.path.unlink()
    held.note([call(3)], [])
    (noted,) = journal.read_all(path)
    assert set(noted.calls) == {1, 2, 3}


def test_what_is_no_journal_is_left_alone(path: Path, writer: StoreWriter) -> None:
    folder = journal.folder_of(path)
    folder.mkdir(parents=True)
    for name, body in (("a.jsonl", b""), ("b.jsonl", b"\x00\xff{"), ("c.jsonl", b'{"run": {"pid": 1}}\n'), ("d.txt", b"mine")):
        (folder / name).write_bytes(body)
    assert journal.read_all(path) == []
    writer.write([span()])
    assert len(list(folder.iterdir())) == 4
