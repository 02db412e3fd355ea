"""What was written is what is read."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genba.store.errors import StoreError
from genba.store.exchange import join, pack_events, split, unpack_events
from genba.store.reader import Store
from genba.store.rows import RawExchange, RunRow, SpanRow
from genba.store.stored import StoredSpan, valued
from genba.store.writer import StoreWriter
from store.example import BEGAN, chat, encoded, span, wire

TEXT = st.text(st.characters(), max_size=20)
"""Any text, lone surrogates included: `characters()` excludes nothing."""
CLEAN = st.text(max_size=20)
NUMBERS = st.integers() | st.floats()
SCALARS = st.none() | st.booleans() | NUMBERS | TEXT | st.binary()
ATTRIBUTES = st.dictionaries(
    CLEAN
    | st.sampled_from(["gen_ai.usage.input_tokens", "gen_ai.request.model", "gen_ai.response.time_to_first_chunk", "error.type"]),
    st.recursive(SCALARS, lambda some: st.lists(some, max_size=3) | st.dictionaries(CLEAN, some, max_size=3), max_leaves=4),
    max_size=3,
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False) | CLEAN,
    lambda some: st.lists(some) | st.dictionaries(CLEAN, some),
    max_leaves=8,
)
BODIES = JSON.map(orjson.dumps)
EVENTS = st.lists(st.tuples(st.integers(-(2**63), 2**63 - 1), st.binary()), max_size=5)
EXCHANGES = st.builds(
    RawExchange,
    request=st.none() | BODIES | st.binary(),
    response=st.none() | BODIES,
    events=EVENTS,
    read_to=st.none() | st.integers(0, 100),
)


@st.composite
def spans(draw: st.DrawFn) -> SpanRow:
    start = draw(st.integers(0, 2**63 - 1_000_000_001))
    return span(
        trace_id=draw(st.binary(min_size=16, max_size=16)),
        span_id=draw(st.binary(min_size=8, max_size=8)),
        parent_span_id=draw(st.none() | st.binary(min_size=8, max_size=8)),
        name=draw(CLEAN),
        kind=draw(CLEAN),
        scope=draw(CLEAN),
        start_ns=start,
        status=draw(st.sampled_from(["unset", "ok", "error"])),
        status_description=draw(st.none() | CLEAN),
        run_id=draw(st.none() | CLEAN),
        sequence=draw(st.none() | st.integers(0, 2**63 - 1)),
        attributes=draw(ATTRIBUTES),
        content=draw(st.dictionaries(CLEAN.map("list.{}".format), st.lists(BODIES | st.binary(), max_size=3), max_size=2)),
        single_content=draw(st.dictionaries(CLEAN.map("one.{}".format), BODIES | st.binary(), max_size=2)),
        events=draw(st.lists(ATTRIBUTES, max_size=1)),
        links=draw(st.lists(ATTRIBUTES, max_size=1)),
        resource=draw(ATTRIBUTES),
        exchange=draw(EXCHANGES | EXCHANGES.map(lambda raw: replace(raw, events=())) | st.none()),
    )


def same(one: Any, other: Any) -> bool:
    """Equality that knows NaN, and that 1 is not True."""
    if isinstance(one, float) and isinstance(other, float):
        return one == other or (math.isnan(one) and math.isnan(other))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, (list, tuple)) and isinstance(other, (list, tuple)):
        return len(one) == len(other) and all(map(same, one, other))
    return type(one) is type(other) and bool(one == other)


@settings(max_examples=100, deadline=None)
@given(spans())
def test_any_span_is_read_as_it_was_written(row: SpanRow) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "genba.db"
        writer = StoreWriter(path)
        assert writer.write([row]).stored == 1
        writer.close()
        with Store(path) as store:
            (found,) = store.trace(row.trace_id)
            content, raw = store.content(found), store.exchange(found)
    for field in fields(StoredSpan):
        if not field.name.endswith("_ids"):
            assert same(getattr(found, field.name), getattr(row, field.name)), field.name
    bodies = {name: [piece.body for piece in part] if isinstance(part, tuple) else part.body for name, part in content.items()}
    assert bodies == {**{name: list(part) for name, part in row.content.items()}, **row.single_content}
    assert (raw is None) == (row.exchange is None)
    if raw is not None:
        for field in fields(RawExchange):
            assert same(getattr(raw, field.name), getattr(row.exchange, field.name)), field.name
        assert raw.missing == {}


@given(EVENTS)
def test_packed_events_are_unpacked_as_they_were(events: list[tuple[int, bytes]]) -> None:
    assert unpack_events(pack_events(events)) == events


@settings(max_examples=50, deadline=None)
@given(st.dictionaries(CLEAN, JSON | st.lists(st.dictionaries(CLEAN, JSON, max_size=3), min_size=1, max_size=3), max_size=4))
def test_a_request_that_was_taken_apart_is_put_together_byte_for_byte(body: dict[str, Any]) -> None:
    request = orjson.dumps(body)
    assert join(*split(request)) == request


@pytest.mark.parametrize(
    "request_",
    [
        b'{ "messages" : [ {"role": "user"} ] , "n": 1.0 }',
        b'{"messages":[{"n":123456789012345678901234567890}]}',
        b'{"messages":[{"x":"\\ud800"}]}',
        b'{"messages":[{"a":1}],"messages":[{"b":2}]}',
        b'{"messages":[{"n":NaN}]}',
        b'{"messages":[{"x":1}',
        b"[" * 3000 + b"]" * 3000,
        b"",
    ],
)
def test_json_that_others_wrote_stays_equal_json(request_: bytes) -> None:
    import json

    back = join(*split(request_))
    assert back == request_ or json.loads(back) == json.loads(request_)


def test_a_request_with_spaces_in_it_is_still_shared(writer: StoreWriter, opened: Callable[[], Store]) -> None:
    raw = wire(("user", "a"), ("assistant", "b"))
    assert raw.request is not None
    spaced = RawExchange(request=raw.request.replace(b",", b" , "), response=None)
    writer.write([span(exchange=raw), span(exchange=spaced)])
    one, other = opened().spans()
    assert one.exchange_ids is not None
    assert other.exchange_ids is not None
    assert one.exchange_ids["lists"] == other.exchange_ids["lists"]


def test_newest_spans_come_first_and_filters_choose_among_them(writer: StoreWriter, opened: Callable[[], Store]) -> None:
    writer.write(
        [
            chat(("user", "1"), ("assistant", "x"), model="a", attributes={"gen_ai.response.model": "a-1"}),
            chat(("user", "2"), ("assistant", "x"), model="b", status="error"),
            chat(
                ("user", "3"), ("assistant", "x"), model="b", attributes={"gen_ai.conversation.id": "c", "user.id": "u"}, run_id="r"
            ),
            span(name="tool", attributes={"gen_ai.operation.name": "execute_tool", "error.type": "E"}, start_ns=BEGAN - 1),
        ]
    )
    store = opened()
    assert [one.name for one in store.spans()] == ["chat b", "chat b", "chat a", "tool"]
    assert [one.name for one in store.spans(1)] == ["chat b"]
    assert [one.name for one in store.spans(operations=["execute_tool"])] == ["tool"]
    assert [one.name for one in store.spans(model="a-1")] == ["chat a"]
    assert [one.name for one in store.spans(model="b", error=True)] == ["chat b"]
    assert [one.name for one in store.spans(error=True)] == ["chat b", "tool"]
    assert len(store.spans(conversation_id="c")) == len(store.spans(user_id="u")) == len(store.spans(run_id="r")) == 1
    assert store.spans(run_id="nobody") == []
    assert len(store.spans(since_ns=BEGAN)) == 3


def test_the_latest_trace_is_the_one_with_the_newest_span(writer: StoreWriter, opened: Callable[[], Store]) -> None:
    trace = bytes(range(16))
    writer.write([span(trace_id=trace, name="first"), span(name="other"), span(trace_id=trace, name="last")])
    store = opened()
    assert [one.name for one in store.latest()] == ["first", "last"]
    assert store.newest_traces(1) == [trace]


def test_an_id_may_be_shortened_as_long_as_it_is_clear(writer: StoreWriter, opened: Callable[[], Store]) -> None:
    one, other = bytes.fromhex("aa11" + "00" * 14), bytes.fromhex("aa12" + "00" * 14)
    child = bytes.fromhex("bb" + "00" * 7)
    writer.write(
        [
            span(trace_id=one, span_id=b"1" * 8, name="one"),
            span(trace_id=other, span_id=b"2" * 8, name="other"),
            span(trace_id=other, span_id=child, name="child"),
        ]
    )
    store = opened()
    assert store.find("AA11") == (one, None)
    assert store.find("aa11" + "00" * 14) == (one, None)
    assert store.find("bb0") == (other, child)
    with pytest.raises(StoreError, match="several ids") as several:
        store.find("aa1")
    assert one.hex() in str(several.value)
    assert "'other'" in str(several.value)
    with pytest.raises(StoreError, match="begin"):
        store.find("cc")
    for nonsense in ("xyz", "", "%", "a" * 33):
        with pytest.raises(StoreError, match="not an id"):
            store.find(nonsense)


def test_a_trace_is_whole_across_the_shelves_of_its_index(writer: StoreWriter, opened: Callable[[], Store]) -> None:
    trace, some = b"t" * 16, 5000
    writer.write([span(trace_id=trace, name="first")])
    for _ in range(4):
        writer.write([span() for _ in range(some)])
    writer.write([span(trace_id=trace, name="last")])
    store = opened()
    assert [one.name for one in store.trace(trace)] == ["first", "last"]
    assert store.find(trace.hex()[:10]) == (trace, None)
    assert len(list(store._shelves())) > 1


def test_a_span_that_is_sent_again_is_stored_once_and_counted(writer: StoreWriter, opened: Callable[[], Store]) -> None:
    row = span()
    assert writer.write([row]).stored == 1
    again = writer.write([row, span()])
    assert (again.stored, again.dropped) == (1, {"already stored": 1})
    assert len(opened().spans()) == 2


def test_a_span_that_is_sent_again_is_known_across_shelves(writer: StoreWriter, opened: Callable[[], Store]) -> None:
    row = span()
    writer.write([span() for _ in range(8190)])
    writer.write([row])
    writer.write([span() for _ in range(100)])
    assert len(list(opened()._shelves())) == 2
    assert writer.write([row]).stored == 0


def test_one_span_that_cannot_be_stored_does_not_cost_the_others(writer: StoreWriter, opened: Callable[[], Store]) -> None:
    class Hostile:
        def __str__(self) -> str:
            raise RuntimeError

    cycle: list[Any] = []
    cycle.append(cycle)
    written = writer.write(
        [
            span(name="good"),
            span(attributes={"x": Hostile()}),
            span(attributes={"x": cycle}),
            span(start_ns=2**63),
            span(content={"x": [object()]}),
            span(name="also good"),
        ]
    )
    assert (written.stored, written.dropped) == (2, {"values that cannot be stored": 4})
    assert [one.name for one in opened().spans()] == ["also good", "good"]


def test_broken_text_where_only_text_can_be_is_written_out(writer: StoreWriter, opened: Callable[[], Store]) -> None:
    writer.write([span(name="a\ud800b", run_id="r\udfff", resource={"x": "\ud800"})])
    (found,) = opened().spans()
    assert (found.name, found.run_id, found.resource) == ("a\\ud800b", "r\\udfff", {"x": "\ud800"})


def test_a_run_is_told_by_its_number_of_the_process_and_its_command(writer: StoreWriter, opened: Callable[[], Store]) -> None:
    run = RunRow(run_id="r1", pid=7, started_ns=BEGAN, python="3.12", genba="0.1", command=("python", "app.py", "\ud800"))
    writer.write([span(run_id="r1"), span(run_id="stranger")])
    writer.register(run)
    writer.write([span(run_id="r1", sequence=2)])
    store = opened()
    stranger, known = store.runs()
    assert (stranger.run_id, stranger.pid, stranger.command) == ("stranger", None, ())
    assert (known.run_id, known.pid, known.started_ns, known.python) == ("r1", 7, BEGAN, "3.12")
    assert known.command == ["python", "app.py", "\\ud800"]
    assert store.spans(1)[0].sequence == 2


def test_a_run_that_imports_more_is_written_down_again(writer: StoreWriter, opened: Callable[[], Store]) -> None:
    run = RunRow(run_id="r1", pid=7, started_ns=BEGAN, python="3.12", genba="0.1", command=(), packages={})
    seen = []
    for packages in ({}, {"openai": "2.8.1"}, {"openai": "2.8.1", "anthropic": "0.77\ud800"}):
        writer.register(replace(run, packages=packages))
        writer.write([span(run_id="r1")])
        (known,) = opened().runs()
        seen.append(known.packages)
    assert seen == [{}, {"openai": "2.8.1"}, {"openai": "2.8.1", "anthropic": "0.77\\ud800"}]
    assert len(opened().spans(run_id="r1")) == 3


def test_content_is_asked_for_by_attribute(writer: StoreWriter, opened: Callable[[], Store]) -> None:
    writer.write([span(content={"a": encoded({"x": 1}, "two"), "none": []}, single_content={"b": b"[3]"})])
    store = opened()
    (found,) = store.spans()
    assert valued(store.content(found)) == {"a": [{"x": 1}, "two"], "none": [], "b": [3]}
    assert valued(store.content(found, ["b"])) == {"b": [3]}


def test_stored_json_is_there_for_sqlite_s_own_functions(writer: StoreWriter, path: Path) -> None:
    import sqlite3

    writer.write([chat(("user", "grüß"), ("assistant", "hallo"))])
    connection = sqlite3.connect(path)
    rows = connection.execute(
        "SELECT json_extract(c.body, '$.parts[0].content') FROM spans, json_each(spans.content, '$.\"gen_ai.input.messages\"') AS e "
        "JOIN content AS c ON c.id = e.value"
    ).fetchall()
    assert rows == [("grüß",)]
    assert connection.execute("SELECT json_extract(attributes, '$.x'), request_model FROM spans").fetchall() == [(None, "m")]
    connection.close()
