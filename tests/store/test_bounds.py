"""The file keeps within its size, and says what it lost."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from pathlib import Path

from genba.store.bounds import CONTENT_REMOVED, SPANS_REMOVED
from genba.store.reader import Store
from genba.store.schema import PAGE_SIZE
from genba.store.stored import ROOM, valued
from genba.store.writer import StoreWriter
from store.example import chat, span

MAX = 4 * 1024 * 1024


def size(path: Path) -> int:
    """Bytes of the file once the write-ahead log is in it."""
    connection = sqlite3.connect(path)
    try:
        return int(connection.execute("PRAGMA page_count").fetchone()[0]) * PAGE_SIZE
    finally:
        connection.close()


def fill(path: Path, batches: int = 40) -> StoreWriter:
    """Some 20 MB into a store of four: calls with a system prompt that never changes, and with words of their own."""
    writer = StoreWriter(path, max_bytes=MAX)
    for _ in range(batches):
        rows = [
            chat(("system", "be kind " * 100), ("user", os.urandom(2500).hex()), ("assistant", "ok"), run_id="r", sequence=number)
            for number in range(100)
        ]
        assert writer.write(rows).notice is None
        assert size(path) <= MAX
    return writer


def test_the_oldest_content_goes_first_and_the_spans_stay(path: Path, opened: Callable[[], Store]) -> None:
    fill(path, 20).close()
    store = opened()
    spans = store.spans(10_000)
    assert len(spans) == 2000
    newest, oldest = (valued(store.content(one))["gen_ai.input.messages"] for one in (spans[0], spans[-1]))
    assert newest[1]["role"] == "user"
    assert oldest[1] == {"genba.missing": ROOM}
    lost = store.losses()
    assert {loss.reason for loss in lost} == {CONTENT_REMOVED}
    kept = store._connection.execute("SELECT count(*) FROM content").fetchone()[0]
    last = store._connection.execute("SELECT value FROM tallies WHERE name = 'content_ids'").fetchone()[0]
    assert sum(loss.count for loss in lost) == last - kept


def test_what_is_said_all_the_time_is_there_for_every_span_with_words(path: Path, opened: Callable[[], Store]) -> None:
    fill(path, 20).close()
    store = opened()
    for one in store.spans(200):
        system, user = valued(store.content(one))["gen_ai.input.messages"]
        assert system.get("role") == "system"
        assert user.get("role") == "user"


def test_then_the_oldest_spans_go_and_their_calls_are_written_down(path: Path, opened: Callable[[], Store]) -> None:
    writer = StoreWriter(path, max_bytes=MAX)
    for batch in range(20):
        writer.write([span(attributes={"x": "y" * 2000}, run_id="r", sequence=batch * 200 + number) for number in range(200)])
        assert size(path) <= MAX
    writer.close()
    store = opened()
    kept = [one.sequence for one in store.spans(10_000)]
    lost = [loss for loss in store.losses() if loss.reason == SPANS_REMOVED]
    assert lost
    assert {loss.run_id for loss in lost} == {"r"}
    gone = [number for loss in lost for number in range(loss.first_sequence or 0, (loss.last_sequence or 0) + 1)]
    assert sum(loss.count for loss in lost) == len(gone)
    assert sorted([*gone, *(number for number in kept if number is not None)]) == list(range(4000))


def test_content_keeps_half_of_the_file_however_many_spans_there_are(path: Path, opened: Callable[[], Store]) -> None:
    writer = StoreWriter(path, max_bytes=MAX)
    for _ in range(60):
        writer.write(
            [span(attributes={"x": "y" * 500}, single_content={"a": b'"%s"' % os.urandom(500).hex().encode()}) for _ in range(200)]
        )
    writer.close()
    store = opened()
    assert {loss.reason for loss in store.losses()} == {CONTENT_REMOVED, SPANS_REMOVED}
    assert store._connection.execute("SELECT sum(bytes) FROM content").fetchone()[0] > MAX * 0.4
    assert valued(store.content(store.spans(1)[0]))["a"] is not None


def test_the_sum_of_all_bodies_is_kept_right(path: Path, opened: Callable[[], Store]) -> None:
    writer = fill(path, 8)
    (newest, *_) = opened().spans(1)
    writer.delete_content([newest.content_ids["gen_ai.output.messages"][0]], "asked")  # type: ignore[index]
    writer.close()
    connection = opened()._connection
    (said,) = connection.execute("SELECT value FROM tallies WHERE name = 'content_bytes'").fetchone()
    assert said == connection.execute("SELECT sum(length(CAST(body AS BLOB))) FROM content").fetchone()[0]


def test_a_store_that_is_allowed_less_than_it_has_gets_smaller(path: Path) -> None:
    fill(path, 8).close()
    writer = StoreWriter(path, max_bytes=MAX // 4)
    writer.write([span()])
    writer.close()
    assert path.stat().st_size <= MAX // 4


def test_a_piece_too_large_for_the_store_costs_only_itself(path: Path, opened: Callable[[], Store]) -> None:
    writer = StoreWriter(path, max_bytes=MAX)
    writer.write([span(single_content={"a": b'"%s"' % (b"x" * MAX), "b": b"1"})])
    writer.close()
    (found,) = opened().spans()
    assert valued(opened().content(found)) == {"a": {"genba.missing": "larger than the store takes"}, "b": 1}
