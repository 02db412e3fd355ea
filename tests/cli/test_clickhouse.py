"""The commands over a collector's table in ClickHouse say what they say over the embedded store."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import Result

pytest.importorskip("clickhouse_connect", reason="reading from ClickHouse is an extra")
pytest.importorskip("chdb", reason="the engine of ClickHouse is not installed")
pytest.importorskip("openai")

from cli.conftest import Genba
from drift.traffic import stored
from drift.traffic import traffic as library
from genba.store.reader import Store
from support import otel_traces
from support.both_stores import Traffic, command, put, traffic, url
from support.clickhouse import PASSWORD
from support.otel_rows import of_stored


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Traffic]:
    made = traffic(tmp_path_factory.mktemp("both"))
    yield made
    made.server.close()


@pytest.fixture
def both(recorded: Traffic, genba: Genba) -> tuple[Genba, Genba]:
    """The command line over either."""
    return (
        lambda *words: genba(*words, "--store", str(recorded.path)),
        lambda *words: genba(*words, "--store", recorded.url),
    )


def ids(listed: Result) -> list[str]:
    return [call["span_id"] for call in json.loads(listed.output)]


@pytest.mark.parametrize(
    "words",
    [
        ("list",),
        ("list", "--json"),
        ("list", "--traces"),
        ("list", "--traces", "--json", "--limit", "3"),
        ("list", "--model", "plain"),
        ("list", "--error"),
        ("show", "last"),
        ("tokens", "last"),
    ],
    ids=" ".join,
)
def test_a_command_prints_the_same(both: tuple[Genba, Genba], words: tuple[str, ...]) -> None:
    one, other = (genba(*words) for genba in both)
    assert one.exit_code == 0, one.output
    assert other.output == one.output


def test_every_call_is_shown_alike_with_its_tokens(both: tuple[Genba, Genba]) -> None:
    calls = ids(both[0]("list", "--json"))
    assert len(calls) == 7
    for id in calls:
        for what in ("show", "tokens"):
            one, other = (genba(what, id) for genba in both)
            assert one.output == other.output
    shown = both[1]("tokens", calls[3], "--json")
    assert "logprobs" in shown.output


def test_what_is_not_in_the_table_is_said(both: tuple[Genba, Genba]) -> None:
    one, other = (json.loads(genba("show", "last", "--json").output) for genba in both)
    assert "absent" not in one
    assert "raw exchange" in other["absent"]["exchange"]
    assert {span["span_id"]: span["content"] for span in one["spans"]} == {
        span["span_id"]: span["content"] for span in other["spans"]
    }


def test_the_variable_names_the_table_too(recorded: Traffic, genba: Genba, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GENBA_STORE", recorded.url)
    assert len(ids(genba("list", "--json"))) == 7


def test_drift_reports_the_same_and_says_what_it_could_not_compare(recorded: Traffic, genba: Genba, tmp_path: Path) -> None:
    sides = {}
    for name, seed, conversations in (("base", 1, 30), ("other", 2, 20)):
        rows = library(seed, conversations, tokens=True)
        stored(tmp_path / f"{name}.db", rows).close()
        put(recorded.server, [of_stored(row) for row in rows], name)
        sides[name] = (str(tmp_path / f"{name}.db"), url(recorded.server, name))
    reports = []
    for at in range(2):
        done = genba("drift", "--base", sides["base"][at], "--other", f"store={sides['other'][at]} model=small-1", "--json")
        assert done.exit_code in (0, 1), done.output
        assert PASSWORD not in done.output
        reports.append(json.loads(done.output))
    one, other = reports
    assert one["lines"] == other["lines"]
    assert one["base"]["calls"] == other["base"]["calls"] > 30
    assert [note for note in other["notes"] if "packages" in note] == other["notes"][:2]


def test_there_being_nothing_is_said_without_the_password(recorded: Traffic, genba: Genba) -> None:
    for statement in otel_traces.TABLES:
        command(recorded.server, statement.format(name="nothing"))
    nothing = url(recorded.server, "nothing")
    for words in (("list",), ("show", "last"), ("tokens", "last"), ("show", "abcd")):
        done = genba(*words, "--store", nothing)
        assert "table=nothing" in done.output
        assert PASSWORD not in done.output
    assert PASSWORD not in genba("drift", "--base", nothing, "--other", nothing).output


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"table": "no_such"}, "There is no table at"),
        ({"table": "otel_traces_trace_id_ts"}, "is not one of spans"),
        ({"table": "of_json"}, "default schema"),
        ({"password": "wrong-one"}, "Check the user and password"),
        ({"database": "no_such"}, "Name the database"),
    ],
    ids=str,
)
def test_what_is_wrong_with_a_server_is_told_with_what_to_do(
    recorded: Traffic, genba: Genba, change: dict[str, str], said: str
) -> None:
    if change == {"table": "of_json"}:
        command(recorded.server, "CREATE TABLE IF NOT EXISTS of_json AS otel_traces")
        command(recorded.server, "ALTER TABLE of_json DROP INDEX idx_span_attr_key, DROP INDEX idx_span_attr_value")
        command(recorded.server, "ALTER TABLE of_json MODIFY COLUMN SpanAttributes String")
    done = genba("list", "--store", url(recorded.server, **change))
    assert done.exit_code == 1
    assert said in done.output
    assert PASSWORD not in done.output
    assert "wrong-one" not in done.output


def test_a_server_that_is_not_there_is_told(genba: Genba) -> None:
    done = genba("list", "--store", "clickhouse://u:s3cret@127.0.0.1:1/d")
    assert done.exit_code == 1
    assert "Check host and port" in done.output
    assert "s3cret" not in done.output


def test_tables_are_not_changed_by_reading(recorded: Traffic) -> None:
    assert command(recorded.server, "SELECT count() FROM otel_traces FORMAT TSV").strip() == str(len(recorded.collected))
    with Store(recorded.path) as store:
        assert len(store.spans(50)) == len(recorded.collected)
