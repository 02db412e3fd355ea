"""Each piece of content is in the file once, and can be taken out of it."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path

import orjson

from genba.store.reader import Store
from genba.store.rows import RawExchange
from genba.store.stored import valued
from genba.store.writer import StoreWriter
from store.example import chat, span, wire


def count(path: Path, sql: str) -> int:
    connection = sqlite3.connect(path)
    try:
        return int(connection.execute(sql).fetchone()[0])
    finally:
        connection.close()


def test_a_growing_conversation_is_stored_once(writer: StoreWriter, path: Path) -> None:
    said = [(("user", "assistant")[turn % 2], f"turn {turn}") for turn in range(40)]
    for turn in range(2, 41, 2):
        writer.write([chat(*said[:turn], exchange=wire(*said[:turn]))])
    # 40 messages as the conventions write them, and as the wire does: 20 questions and 19 repeated answers in requests, 20 responses.
    # One skeleton for all requests.
    assert count(path, "SELECT count(*) FROM content") == 40 + 39 + 20 + 1
    assert count(path, "SELECT count(*) FROM spans") == 20


def test_a_growing_conversation_within_one_batch_is_stored_once_too(writer: StoreWriter, path: Path) -> None:
    said = [(("user", "assistant")[turn % 2], f"turn {turn}") for turn in range(10)]
    writer.write([chat(*said[:turn]) for turn in range(2, 11, 2)])
    assert count(path, "SELECT count(*) FROM content") == 10


def test_two_writers_share_content(writer: StoreWriter, path: Path) -> None:
    other = StoreWriter(path)
    writer.write([chat(("user", "same"), ("assistant", "x"))])
    other.write([chat(("user", "same"), ("assistant", "y"))])
    other.close()
    assert count(path, "SELECT count(*) FROM content") == 3


def test_deleted_content_is_gone_from_the_file_and_the_span_says_so(
    writer: StoreWriter, path: Path, opened: Callable[[], Store]
) -> None:
    secret = "my card is 4111 1111 1111 1111"
    writer.write([chat(("system", "be kind"), ("user", secret), ("assistant", "ok"))])
    store = opened()
    (before,) = store.spans()
    messages = store.content(before)["gen_ai.input.messages"]
    assert isinstance(messages, tuple)
    store.close()

    assert writer.delete_content([messages[1].id], "asked by the user") == 1
    assert writer.delete_content([messages[1].id, 999], "twice") == 0

    store = opened()
    (after,) = store.spans()
    assert after == before
    system, user = valued(store.content(after))["gen_ai.input.messages"]
    assert system["role"] == "system"
    assert user == {"genba.missing": "asked by the user"}
    for file in path.parent.iterdir():
        assert secret.encode() not in file.read_bytes()


def test_a_piece_of_a_raw_request_can_be_deleted_by_itself(writer: StoreWriter, opened: Callable[[], Store]) -> None:
    raw = RawExchange(
        request=b'{"model":"m","messages":[{"role":"user","content":"a"},{"role":"user","content":"b"}]}',
        response=None,
        events=[(5, b"{}")],
        read_to=1,
    )
    writer.write([span(exchange=raw)])
    (found,) = opened().spans()
    assert found.exchange_ids is not None
    writer.delete_content([found.exchange_ids["lists"]["messages"][0], found.exchange_ids["events"]], "private")
    back = opened().exchange(found)
    assert back is not None
    assert back.request is not None
    assert orjson.loads(back.request) == {
        "model": "m",
        "messages": [{"genba.missing": "private"}, {"role": "user", "content": "b"}],
    }
    assert back.missing == {"messages[0]": "private", "events": "private"}
    assert (back.events, back.read_to) == ((), 1)


def test_what_was_deleted_and_is_said_again_is_new_content(writer: StoreWriter, opened: Callable[[], Store]) -> None:
    writer.write([span(single_content={"a": b'"x"'})])
    (first,) = opened().spans()
    writer.delete_content([first.content_ids["a"]], "asked")  # type: ignore[list-item]
    writer.write([span(single_content={"a": b'"x"'})])
    second, first = opened().spans()
    assert valued(opened().content(second)) == {"a": "x"}
    assert valued(opened().content(first)) == {"a": {"genba.missing": "asked"}}


def test_a_stream_s_events_take_little_room(writer: StoreWriter, path: Path) -> None:
    events = [
        (number * 1_000_000, orjson.dumps({"id": "chatcmpl-1", "choices": [{"index": 0, "delta": {"content": f" w{number}"}}]}))
        for number in range(400)
    ]
    writer.write([span(exchange=RawExchange(request=None, response=None, events=events, read_to=400))])
    assert count(path, "SELECT bytes FROM content") < sum(len(event) for _, event in events) / 10


def test_equal_bodies_do_not_share_a_hash_they_do_not_have(writer: StoreWriter, path: Path, opened: Callable[[], Store]) -> None:
    """A body whose key collides with another's is told from it by the whole hash."""
    writer.write([span(single_content={"a": b'"one"'})])
    connection = sqlite3.connect(path)
    import hashlib

    other = b'"two"'
    key = int.from_bytes(hashlib.sha256(other).digest()[:8], "big", signed=True)
    connection.execute("UPDATE content SET key = ?", (key,))
    connection.commit()
    connection.close()
    writer.write([span(single_content={"a": other})])
    newest, oldest = opened().spans()
    assert valued(opened().content(newest)) == {"a": "two"}
    assert valued(opened().content(oldest)) == {"a": "one"}
