"""The spool's files: whatever happens to them, at most what was hit is lost, and that is told."""

from __future__ import annotations

import os
import resource
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genba.spooling import dead, locks
from genba.spooling.entries import Entry, pack, payload_of, records
from genba.spooling.folder import Folder, made
from genba.spooling.memory import Memory
from genba.spooling.spool import Spool, left_behind, taken_over

ALL = 1 << 40
entries = st.lists(
    st.builds(Entry, st.integers(0, 1 << 63), st.binary(max_size=40), st.binary(max_size=200).map(lambda body: b"\xf7GS1" + body)),
    min_size=1,
    max_size=8,
)


def folder(path: Path, names: dict[str, str] | None = None, **bounds: int) -> tuple[Folder, Counter[str]]:
    lost: Counter[str] = Counter()
    names = names or {"a": "A"}
    own = path / f"{time.time_ns()}-1-aa"
    lock = made(own, names, {"pid": 1})
    return Folder(own, lock, names, lambda key, reason, number: lost.update({f"{key}: {reason}": number}), **bounds), lost


def spans(*numbers: int, size: int = 10) -> list[Entry]:
    return [Entry(number, b"head", str(number).encode().rjust(size, b"0")) for number in numbers]


def numbers(read: Sequence[Entry]) -> list[int]:
    return [entry.ended_ns for entry in read]


def drained(source: Folder | Memory, key: str = "a", most_spans: int = 3) -> list[int]:
    found: list[int] = []
    while source.waits(key):
        reading = source.read(key, ALL, most_spans)
        found.extend(numbers(reading.entries))
        source.done(key, reading.end)
    return found


@settings(max_examples=300, deadline=None)
@given(entries, st.data())
def test_a_file_cut_off_anywhere_loses_its_last_record_at_most(written: list[Entry], data: st.DataObject) -> None:
    parts = [pack(payload_of(entry)) for entry in written]
    whole = b"".join(parts)
    cut = data.draw(st.integers(0, len(whole)))
    found = list(records(whole[:cut]))
    complete = [entry for at, entry in enumerate(written) if sum(map(len, parts[: at + 1])) <= cut]
    assert [one.entry for one in found if one.entry is not None] == complete
    is_torn = cut not in {sum(map(len, parts[:at])) for at in range(len(parts) + 1)}
    assert [one.entry for one in found].count(None) == is_torn, "and that is told"


@settings(max_examples=300, deadline=None)
@given(entries, st.data())
def test_a_file_with_any_byte_changed_loses_that_record_and_no_other(written: list[Entry], data: st.DataObject) -> None:
    parts = [pack(payload_of(entry)) for entry in written]
    whole = bytearray(b"".join(parts))
    at = data.draw(st.integers(0, len(whole) - 1))
    whole[at] ^= data.draw(st.integers(1, 255))
    hit = next(number for number in range(len(parts)) if at < sum(map(len, parts[: number + 1])))
    found = list(records(bytes(whole)))
    assert [one.entry for one in found if one.entry is not None] == [*written[:hit], *written[hit + 1 :]]
    assert None in [one.entry for one in found]


def test_what_is_added_is_read_in_order_by_each_destination_at_its_own_pace(tmp_path: Path) -> None:
    spool, _ = folder(tmp_path, {"a": "A", "b": "B"}, segment_bytes=100)
    for number in range(20):
        spool.append(spans(number))
    assert drained(spool, "a") == list(range(20))
    assert spool.waiting("b") == 20
    assert drained(spool, "b", most_spans=1) == list(range(20))
    assert len(list(spool.path.glob("*.spans"))) == 1, "files that all have read are gone"


def test_a_folder_that_was_left_goes_on_where_each_destination_had_come_to(tmp_path: Path) -> None:
    spool, _ = folder(tmp_path, {"a": "A", "b": "B"}, segment_bytes=100)
    for number in range(10):
        spool.append(spans(number))
    reading = spool.read("a", ALL, 4)
    spool.done("a", reading.end)
    spool.close()
    again = taken_over(spool.path, lambda *_: None)
    assert again is not None
    assert again.waiting("a") == 10 - len(reading.entries)
    assert drained(again, "a") == list(range(len(reading.entries), 10))
    assert drained(again, "b") == list(range(10))
    again.close()
    assert not spool.path.exists(), "nothing is left of it"


def test_a_checkpoint_nobody_can_read_means_from_the_beginning(tmp_path: Path) -> None:
    spool, _ = folder(tmp_path)
    spool.append(spans(1, 2))
    spool.done("a", spool.read("a", ALL, 1).end)
    (checkpoint,) = spool.path.glob("*.reached")
    checkpoint.write_bytes(b"\0\0")
    spool.close()
    again = taken_over(spool.path, lambda *_: None)
    assert again is not None
    assert drained(again) == [1, 2]
    again.close()


def test_too_much_costs_the_oldest_and_says_how_many_for_whom(tmp_path: Path) -> None:
    spool, lost = folder(tmp_path, {"a": "A", "b": "B"}, segment_bytes=200, most_bytes=600)
    for number in range(40):
        spool.append(spans(number))
        if number < 5:
            drained(spool, "a")
    assert spool.size <= 600 + 200
    kept = drained(spool, "b")
    assert kept == list(range(40 - len(kept), 40))
    assert lost["b: spool full"] == 40 - len(kept)
    assert 0 < lost["a: spool full"] < lost["b: spool full"], "what had arrived is not lost"


def test_what_has_waited_too_long_is_given_up(tmp_path: Path) -> None:
    spool, lost = folder(tmp_path)
    spool.append(spans(1, 2))
    (file,) = spool.path.glob("*.spans")
    os.utime(file, (time.time() - 8 * 86400,) * 2)
    spool.drop_older_than(7 * 86400)
    assert not spool.waits("a")
    assert lost == {"a: older than 7 days": 2}


def test_a_living_owner_s_folder_is_not_taken_over(tmp_path: Path) -> None:
    spool, _ = folder(tmp_path)
    spool.append(spans(1))
    assert taken_over(spool.path, lambda *_: None) is None
    spool.close()
    taken = taken_over(spool.path, lambda *_: None)
    assert taken is not None
    assert taken_over(spool.path, lambda *_: None) is None, "nor one that another has taken over"
    taken.close()


def test_a_lock_on_a_file_that_is_gone_is_none(tmp_path: Path) -> None:
    spool, _ = folder(tmp_path)
    spool.close()
    assert not spool.path.exists()
    assert locks.take(spool.path / locks.NAME) is None


def test_a_disk_that_is_full_means_memory_and_is_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    lost: Counter[str] = Counter()
    spool = Spool(tmp_path / "spool", {"a": "A"}, lambda key, reason, number: lost.update({f"{key}: {reason}": number}))
    spool.append(spans(1))
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, before[1]))
    try:
        spool.append(spans(2, size=10_000))
        assert spool.in_memory == 1
        assert spool.trouble
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    spool.append(spans(3))
    assert [number for source in spool.sources() for number in drained(source)] == [1, 3, 2]  # type: ignore[arg-type]
    assert "GENBA_SPOOL" in caplog.text
    spool.close()
    assert not lost


def test_memory_keeps_within_its_bound_and_counts_what_went() -> None:
    lost: Counter[str] = Counter()
    memory = Memory(["a", "b"], lambda key, reason, number: lost.update({f"{key}: {reason}": number}), most_bytes=140)
    memory.append(spans(*range(5)))
    assert drained(memory, "a") == list(range(5))
    memory.append(spans(*range(5, 20)))
    assert drained(memory, "b") == list(range(10, 20))
    assert lost == {"b: memory full": 10, "a: memory full": 5}


def test_a_dead_process_is_inherited_by_one_and_only_for_the_same_destination(tmp_path: Path) -> None:
    gone = Spool(tmp_path, {"a": "A", "x": "X"}, lambda *_: None)
    gone.append(spans(1, 2))
    gone.close()
    first, second, other = (Spool(tmp_path, {key: "it"}, lambda *_: None) for key in "aab")
    for heir in (first, second, other):
        heir.look_around()
    assert [len(heir.sources()) for heir in (first, second, other)] == [2, 1, 1]
    (left,) = first.sources()[1:]
    assert drained(left) == [1, 2]  # type: ignore[arg-type]
    for heir in (first, second, other):
        heir.close()
    assert len(left_behind(tmp_path)) == 1, "what is for x still waits for it"


def test_dead_letters_are_kept_with_their_reason_until_they_are_settled(tmp_path: Path) -> None:
    letters = [dead.Letter("A", "HTTP 400", at, entry) for at, entry in enumerate(spans(1, 2, 3))]
    assert dead.keep(tmp_path, "me", letters[:2])
    assert dead.keep(tmp_path, "you", letters[2:])
    assert list(dead.letters(tmp_path)) == letters

    def decide(found: Sequence[dead.Letter]) -> list[dead.Letter]:
        if found[0].at_ns == 0:  # what is refused while somebody looks at the others is kept
            dead.keep(tmp_path, "me", [dead.Letter("B", "HTTP 401", 9, *spans(9))])
        return [letter for letter in found if letter.at_ns == 1]

    dead.settle(tmp_path, decide)
    assert [letter.at_ns for letter in dead.letters(tmp_path)] == [1, 9]
