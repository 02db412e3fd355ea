"""What is asked of stored spans is answered alike by the embedded store and by a collector's table in ClickHouse."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields
from typing import Any

import pytest

pytest.importorskip("clickhouse_connect", reason="reading from ClickHouse is an extra")
pytest.importorskip("chdb", reason="the engine of ClickHouse is not installed")
pytest.importorskip("openai")

from genba import semconv
from genba.store.errors import StoreError
from genba.store.opening import open_store
from genba.store.querying import SpanStore
from genba.store.stored import StoredSpan, valued
from support.both_stores import Traffic, put, traffic, url

CALLS = (*sorted(semconv.INFERENCE), "embeddings", "retrieval")


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Traffic]:
    made = traffic(tmp_path_factory.mktemp("both"))
    yield made
    made.server.close()


@pytest.fixture(scope="module")
def sqlite(recorded: Traffic) -> Iterator[SpanStore]:
    with open_store(recorded.path) as store:
        yield store


@pytest.fixture(scope="module")
def clickhouse(recorded: Traffic) -> Iterator[SpanStore]:
    with open_store(recorded.url) as store:
        yield store


@pytest.fixture(params=["sqlite", "clickhouse"])
def store(request: pytest.FixtureRequest) -> SpanStore:
    found: SpanStore = request.getfixturevalue(request.param)
    return found


def names(spans: list[StoredSpan]) -> list[str]:
    return [span.name for span in spans]


def the_agent(store: SpanStore) -> list[StoredSpan]:
    return next(spans for spans in map(store.trace, store.trace_ids()) if len(spans) > 2)


def test_the_newest_spans_come_first(store: SpanStore) -> None:
    found = store.spans(50)
    assert [span.start_ns for span in found] == sorted((span.start_ns for span in found), reverse=True)
    assert found[0].name == "retrieval"
    assert names(store.spans(2)) == names(found)[:2]
    assert len(found) == 10


@pytest.mark.parametrize(
    ("conditions", "expected"),
    [
        ({"operations": ["chat"], "model": "plain"}, ["chat plain"]),
        ({"model": "gpt-wire-1-2026-01-01", "operations": ["chat"]}, ["chat stream", "chat stream", "chat plain", "chat tools"]),
        ({"error": True}, ["chat broken", "execute_tool weather"]),
        ({"operations": ["embeddings", "retrieval"]}, ["retrieval", "embeddings embed"]),
        ({"conversation_id": "chat-7", "operations": ["chat"]}, ["chat plain", "chat tools"]),
        ({"user_id": "ada 'o' \\ 漢", "operations": ["execute_tool"]}, ["execute_tool weather", "execute_tool weather"]),
        ({"user_id": "ada"}, []),
        ({"model": "no' OR 1=1 --"}, []),
        ({"run_id": "none"}, []),
        ({"since_ns": 2**62}, []),
        ({"until_ns": 1}, []),
    ],
    ids=str,
)
def test_conditions_choose_the_same_spans(store: SpanStore, conditions: Any, expected: list[str]) -> None:
    assert names(store.spans(50, **conditions)) == expected
    scan = store.scan(**conditions)
    assert scan.total == len(expected)
    assert sorted(span.name for _, span in scan.spans) == sorted(expected)


def test_times_and_runs_choose_the_same_spans(store: SpanStore) -> None:
    found = store.spans(50)
    fourth = found[3].start_ns
    assert store.spans(50, since_ns=fourth) == found[:4]
    assert store.spans(50, until_ns=fourth) == found[4:]
    assert store.spans(50, run_id=found[0].run_id) == found


def test_every_field_of_every_span_is_the_same(sqlite: SpanStore, clickhouse: SpanStore) -> None:
    for one, other in zip(sqlite.spans(50), clickhouse.spans(50), strict=True):
        for field in fields(StoredSpan):
            left, right = getattr(one, field.name), getattr(other, field.name)
            if field.name == "attributes":
                # Of the application's own attributes nobody knows that they are numbers.
                left = {**left, **({"app.count": "3"} if "app.count" in left else {})}
                assert {name: type(value) for name, value in left.items()} == {name: type(value) for name, value in right.items()}
            elif field.name == "content_ids":
                left, right = sorted(left), sorted(right)
            elif field.name == "resource":
                left = {name: str(value) for name, value in left.items()}
            elif field.name in ("events", "links"):
                left, right = list(left), list(right)
            if field.name != "exchange_ids":
                assert left == right, (one.name, field.name)


def test_all_that_was_said_is_the_same(sqlite: SpanStore, clickhouse: SpanStore) -> None:
    ones, others = sqlite.spans(50), clickhouse.spans(50)
    left, right = (
        [valued(content) for content in store.contents(spans)] for store, spans in ((sqlite, ones), (clickhouse, others))
    )
    assert left == right
    assert any(semconv.TOKENS_OUTPUT in content for content in left)
    assert any("🐝" in str(content) for content in left)


def test_content_is_given_for_each_span_that_is_asked_about_and_only_what_is_wanted(store: SpanStore) -> None:
    found = store.spans(50)
    contents = list(store.contents(found, [semconv.OUTPUT_MESSAGES]))
    assert len(contents) == len(found)
    assert {name for content in contents for name in content} == {semconv.OUTPUT_MESSAGES}
    assert [store.content(span, [semconv.OUTPUT_MESSAGES]) for span in found] == contents


def test_the_tree_of_an_agent_is_the_same(store: SpanStore) -> None:
    spans = the_agent(store)
    assert names(spans) == ["invoke_agent forecaster", "chat tools", "execute_tool weather", "execute_tool weather", "chat plain"]
    assert {span.parent_span_id for span in spans[1:]} == {spans[0].span_id}
    assert spans[0].parent_span_id is None
    assert spans[3].status == "error"
    assert spans[3].attributes["error.type"] == "LookupError"


def test_traces_are_found_newest_and_oldest_first(sqlite: SpanStore, clickhouse: SpanStore) -> None:
    assert list(sqlite.trace_ids()) == list(clickhouse.trace_ids())
    assert sqlite.newest_traces(3) == clickhouse.newest_traces(3)
    assert sqlite.newest_traces(50) == clickhouse.newest_traces(50)
    assert len(sqlite.newest_traces(50)) == 6
    assert list(clickhouse.trace_ids(operations=["embeddings"])) == list(sqlite.trace_ids(operations=["embeddings"]))


def test_several_traces_are_read_in_the_order_they_are_asked_for(store: SpanStore) -> None:
    ids = [*store.newest_traces(50)[::-1], bytes(16)] * 4
    assert list(store.traces(ids)) == [store.trace(id) for id in ids]


def test_an_id_may_be_shortened(store: SpanStore) -> None:
    root, call, *_ = the_agent(store)
    assert store.find(root.trace_id.hex()) == (root.trace_id, None)
    assert store.find(root.trace_id.hex()[:12].upper()) == (root.trace_id, None)
    assert store.find(call.span_id.hex()) == (call.trace_id, call.span_id)
    assert store.find(call.span_id.hex()[:12]) == (call.trace_id, call.span_id)


@pytest.mark.parametrize("asked", ["ffffffffffffffffff", "zz", ""])
def test_an_id_that_is_none_says_so(store: SpanStore, asked: str) -> None:
    with pytest.raises(StoreError, match=r"is not an id|has an id that begins"):
        store.find(asked)


def test_a_beginning_of_several_ids_lists_them(store: SpanStore) -> None:
    ids = [span.span_id.hex() for span in store.spans(50)]
    common = next(
        first
        for first in "0123456789abcdef"
        if sum(id.startswith(first) for id in ids) == max(sum(id.startswith(f) for id in ids) for f in "0123456789abcdef")
    )
    with pytest.raises(StoreError, match="beginning of several ids"):
        store.find(common)


def test_rows_of_a_scan_are_read_again(store: SpanStore) -> None:
    first = list(store.scan().spans)
    assert len(first) == 10
    some = [row for row, _ in first][::3]
    assert list(store.read(some)) == [pair for pair in first if pair[0] in some]


def test_what_a_table_does_not_have_is_said(clickhouse: SpanStore) -> None:
    assert {name: bool(why) for name, why in clickhouse.lacks.items()} == {"exchange": True, "runs": True}
    assert clickhouse.exchange(clickhouse.spans(1)[0]) is None
    assert clickhouse.runs() == []


def test_a_span_that_was_delivered_twice_is_there_once(recorded: Traffic, clickhouse: SpanStore) -> None:
    put(recorded.server, [row for row in recorded.collected for _ in range(30)], "twice")
    with open_store(url(recorded.server, "twice")) as twice:
        assert twice.spans(50) == clickhouse.spans(50)
        assert twice.spans(3) == clickhouse.spans(3)
        assert [span for _, span in twice.scan().spans] == [span for _, span in clickhouse.scan().spans]
        assert twice.trace(the_agent(clickhouse)[0].trace_id) == the_agent(clickhouse)
        assert list(twice.trace_ids()) == list(clickhouse.trace_ids())


def test_without_the_table_of_times_a_trace_is_found_all_the_same(recorded: Traffic, clickhouse: SpanStore) -> None:
    from support.both_stores import command

    command(recorded.server, "CREATE TABLE alone AS otel_traces")
    command(recorded.server, "INSERT INTO alone SELECT * FROM otel_traces")
    with open_store(url(recorded.server, "alone")) as alone:
        root = the_agent(clickhouse)[0]
        assert alone.trace(root.trace_id) == clickhouse.trace(root.trace_id)
        assert alone.find(root.trace_id.hex()[:10]) == (root.trace_id, None)


def test_spans_of_other_programs_in_the_table_are_not_taken_for_ours(recorded: Traffic, clickhouse: SpanStore) -> None:
    other = {
        **recorded.collected[0],
        "TraceId": "ee" * 16,
        "SpanId": "ee" * 8,
        "ScopeName": "http",
        "SpanAttributes": {"http.route": "/"},
    }
    put(recorded.server, [*recorded.collected, other], "shared")
    with open_store(url(recorded.server, "shared")) as shared:
        assert shared.newest_traces(50) == clickhouse.newest_traces(50)
        assert shared.spans(50) == clickhouse.spans(50)
        # It is part of what happened, where its trace is asked for.
        assert [span.name for span in shared.trace(bytes.fromhex("ee" * 16))] == [recorded.collected[0]["SpanName"]]


def test_attributes_that_are_not_what_their_name_says_stay_as_they_are(recorded: Traffic) -> None:
    odd = {
        "gen_ai.usage.input_tokens": "many",
        "gen_ai.request.temperature": "warm",
        "genba.tags": "{}",
        "gen_ai.operation.name": "chat",
    }
    put(recorded.server, [{**recorded.collected[0], "SpanAttributes": odd}], "odd")
    with open_store(url(recorded.server, "odd")) as store:
        assert store.spans(1)[0].attributes == odd


def test_an_empty_table_has_nothing_in_it(recorded: Traffic) -> None:
    from support import otel_traces
    from support.both_stores import command

    for statement in otel_traces.TABLES:
        command(recorded.server, statement.format(name="nothing"))
    with open_store(url(recorded.server, "nothing")) as store:
        assert (store.spans(), store.newest_traces(), list(store.trace_ids()), store.trace(bytes(16))) == ([], [], [], [])
        assert (store.scan().total, list(store.scan().spans)) == (0, [])


def test_a_long_time_is_looked_through_from_its_end(recorded: Traffic, monkeypatch: pytest.MonkeyPatch) -> None:
    from genba.store.clickhouse import reader

    with open_store(recorded.url) as store:
        whole, all_of_it = store.spans(50), [span for _, span in store.scan().spans]
        monkeypatch.setattr(reader, "LOOKED_THROUGH", 1)
        monkeypatch.setattr(reader, "PAGE", 1)
        monkeypatch.setattr(reader, "BINS", 3)
        monkeypatch.setattr(reader, "AT_ONCE", 2)
        assert store.spans(50) == whole
        assert store.spans(3, operations=["chat"]) == [span for span in whole if span.name.startswith("chat")][:3]
        assert [span for _, span in store.scan().spans] == all_of_it
        assert store.newest_traces(4) == list(dict.fromkeys(span.trace_id for span in whole))[:4]
        assert len(list(store.contents(whole))) == 10
