"""`genba export`: what is in the file is what is in the store."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Callable, Sequence
from datetime import datetime, timezone
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import orjson
import pytest

from cli import agent
from cli.conftest import Genba
from genba.cli.export_columns import CALL_COLUMNS, KINDS, TRACE_COLUMNS
from genba.conversation.tokens import Tokens
from genba.store.rows import SpanRow
from genba.tokens.written import write
from store.example import BEGAN, chat, encoded, span

Stored = Callable[[Sequence[SpanRow]], None]
FORMATS = ["jsonl", "csv", *(["parquet"] if find_spec("pyarrow") else [])]
formats = pytest.mark.parametrize("format", FORMATS)


def read(path: Path) -> list[dict[str, Any]]:
    """The rows of a file, of whatever format, with JSON as values, and times as nanoseconds."""
    kinds = {column.name: column.kind for column in (*CALL_COLUMNS, *TRACE_COLUMNS)}
    if path.suffix == ".jsonl":
        rows = [json.loads(line) for line in path.read_text().rstrip("\n").split("\n")]
    elif path.suffix == ".csv":
        with path.open(newline="") as file:
            rows = [{name: cell or None for name, cell in row.items()} for row in csv.DictReader(file)]
    else:
        from pyarrow import parquet

        table = parquet.read_table(path)
        rows = table.cast(table.schema).to_pydict()  # type: ignore[assignment]
        times = {name: [one.value for one in table[name]] for name, kind in kinds.items() if kind == "time" and name in rows}
        rows = [dict(zip(rows, row, strict=True)) for row in zip(*{**rows, **times}.values(), strict=True)]  # type: ignore[call-overload]
    return [{name: _plain(kinds[name], cell, path.suffix) for name, cell in row.items()} for row in rows]


def _plain(kind: str, cell: Any, ending: str) -> Any:
    if cell is None:
        return None
    if kind == "time" and ending != ".parquet":
        moment = datetime.fromisoformat(cell[:19]).replace(tzinfo=timezone.utc)
        return int(moment.timestamp()) * 1_000_000_000 + int(cell[20:29])
    if ending == ".csv" and kind in ("int", "double"):
        return {"int": int, "double": float}[kind](cell)
    if (ending == ".csv" and kind in ("strings", "ids", "json")) or (ending == ".parquet" and kind == "json"):
        return json.loads(cell)
    return cell


def exported(genba: Genba, folder: Path, format: str, *words: str) -> list[dict[str, Any]]:
    path = folder / f"out.{format}"
    done = genba("export", "--to", str(path), *words)
    assert done.exit_code == 0, done.output
    return read(path)


@formats
def test_every_call_is_a_row_with_everything_that_is_known(stored: Stored, genba: Genba, folder: Path, format: str) -> None:
    stored(agent.spans())
    ask, answer, embed = exported(genba, folder, format)
    assert list(ask) == [column.name for column in CALL_COLUMNS]
    assert {name: value for name, value in ask.items() if value is not None} == {
        "trace_id": agent.TRACE.hex(),
        "span_id": agent.ASK.hex(),
        "parent_span_id": agent.ROOT.hex(),
        "start_time": BEGAN + 100_000_000,
        "end_time": BEGAN + 1_100_000_000,
        "duration": 1.0,
        "name": "chat m",
        "operation": "chat",
        "request_model": "m",
        "response_model": "m-2",
        "outcome": "completed",
        "input_tokens": 40,
        "output_tokens": 12,
        "time_to_first_chunk": 0.25,
        "system_instructions": [{"type": "text", "content": "Be brief."}],
        "input_messages": [agent.USER],
        "output_messages": [{**agent.CALLS, "finish_reason": "tool_call"}],
        "tool_definitions": agent.TOOLS,
        "attributes": {
            "genba.outcome": "completed",
            "gen_ai.operation.name": "chat",
            "gen_ai.request.model": "m",
            "gen_ai.response.model": "m-2",
            "gen_ai.usage.input_tokens": 40,
            "gen_ai.usage.output_tokens": 12,
            "gen_ai.response.time_to_first_chunk": 0.25,
        },
        "resource": {},
    }
    assert answer["input_messages"] == [agent.USER, agent.CALLS, agent.RESULT]
    assert (embed["error_type"], embed["outcome"], embed["status_description"]) == ("RateLimitError", "failed", "429: slow down")
    assert embed["events"][0]["attributes"]["exception.stacktrace"].startswith("Traceback")


@formats
def test_every_trace_is_a_row_with_its_spans(stored: Stored, genba: Genba, folder: Path, format: str) -> None:
    stored([*agent.spans(), chat(("user", "alone"), ("assistant", "yes"))])
    row, other = exported(genba, folder, format, "--traces")
    assert list(row) == [column.name for column in TRACE_COLUMNS]
    assert (row["name"], row["span_count"], row["call_count"]) == ("invoke_agent planner", 5, 3)
    assert (row["input_tokens"], row["output_tokens"], row["models"]) == (100, 20, ["m-2", "e"])
    assert row["error_types"] == ["RateLimitError"]
    assert [one["span_id"] for one in row["spans"]] == [
        id.hex() for id in (agent.ROOT, agent.ASK, agent.TOOL, agent.ANSWER, agent.EMBED)
    ]
    assert row["spans"][2]["content"] == {"gen_ai.tool.call.arguments": {"city": "Paris"}, "gen_ai.tool.call.result": "18 °C"}
    assert other["span_count"] == 1


@formats
def test_token_ids_are_lists(stored: Stored, genba: Genba, folder: Path, format: str) -> None:
    def record(ids: list[int] | None, index: int) -> bytes:
        tokens = Tokens(side="output", source="server", ids=ids, pieces=None if ids else [b"a"], index=index)
        return bytes(orjson.dumps(orjson.loads(write(tokens))))

    stored(
        [
            chat(("user", "q"), ("assistant", "a")),
            span(
                attributes={"gen_ai.operation.name": "chat"},
                content={"genba.tokens.output": [record([1, 2, 300_000], 0), record([4], 1)]},
            ),
            span(attributes={"gen_ai.operation.name": "chat"}, content={"genba.tokens.output": [record(None, 0)]}),
        ]
    )
    assert [row["output_token_ids"] for row in exported(genba, folder, format)] == [None, [[1, 2, 300_000], [4]], None]


ODD = "漢字 🐝 \x00 \r\n , ; \" ' \\ =1+1 \ud800 \u2028"


@formats
def test_whatever_was_said_is_read_back(stored: Stored, genba: Genba, folder: Path, format: str) -> None:
    safe = ODD.replace("\ud800", "")
    if format == "csv" and sys.version_info < (3, 11):
        safe = safe.replace("\x00", "")  # Python's own reader, which this test reads with, refuses it there
    messages = encoded({"role": "user", "parts": [{"type": "text", "content": safe}]})
    named = {"gen_ai.operation.name": "chat", "gen_ai.conversation.id": safe, "genba.tags": [safe, ","], "app": {"odd": ODD}}
    huge = {"gen_ai.usage.input_tokens": 2**70, "gen_ai.usage.output_tokens": "many"}
    stored([span(attributes={**named, **huge}, content={"gen_ai.input.messages": messages})])
    (row,) = exported(genba, folder, format)
    assert row["conversation_id"] == safe
    assert row["tags"] == [safe, ","]
    assert row["input_messages"][0]["parts"][0]["content"] == safe
    assert (row["input_tokens"], row["output_tokens"]) == (None, None)
    assert row["attributes"]["gen_ai.usage.output_tokens"] == "many"


def test_only_what_fits_is_written(stored: Stored, genba: Genba, folder: Path) -> None:
    stored(agent.spans())

    def ids(*words: str) -> list[str]:
        return [row["span_id"] for row in exported(genba, folder, "jsonl", *words)]

    ask, answer, embed = agent.ASK.hex(), agent.ANSWER.hex(), agent.EMBED.hex()
    assert ids() == [ask, answer, embed]
    assert ids("--model", "m") == [ask, answer]
    assert ids("--error") == [embed]
    assert ids("--since", "2026-09-21T14:13:21Z") == [answer, embed]
    assert ids("--until", "2026-09-21T14:13:21Z") == [ask]
    assert [row["span_count"] for row in exported(genba, folder, "jsonl", "--traces", "--model", "e")] == [5]


def test_where_nothing_fits_no_file_is_made_and_an_older_one_stays(stored: Stored, genba: Genba, folder: Path) -> None:
    stored(agent.spans())
    old = folder / "calls.csv"
    old.write_text("mine")
    done = genba("export", "--to", str(old), "--model", "none")
    assert done.exit_code == 1
    assert "nothing was written" in done.output
    assert old.read_text() == "mine"
    assert sorted(path.name for path in folder.iterdir()) == [".genba", "calls.csv"]


def test_standard_output_takes_text(stored: Stored, genba: Genba) -> None:
    stored(agent.spans())
    done = genba("export", "--to", "-", "--format", "jsonl")
    assert [json.loads(line)["name"] for line in done.stdout.splitlines()] == ["chat m", "chat m", "embeddings e"]
    assert genba("export", "--to", "-", "--format", "parquet").exit_code == 2


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--to", "calls.xlsx"), ".parquet"),
        (("--to", "a.csv", "--since", "yesterday"), "since=yesterday is no date"),
        (("--to", "no/such/folder/a.csv"), "cannot be written"),
        ((), "--to"),
    ],
    ids=str,
)
def test_what_cannot_be_done_is_said(stored: Stored, genba: Genba, words: tuple[str, ...], said: str) -> None:
    stored(agent.spans())
    done = genba("export", *words)
    assert done.exit_code != 0
    assert said in done.output


def test_the_count_and_size_are_told(stored: Stored, genba: Genba, folder: Path) -> None:
    stored(agent.spans())
    done = genba("export", "--to", str(folder / "a.jsonl"))
    assert done.stderr.startswith("3 calls in ")


@pytest.mark.skipif("parquet" not in FORMATS, reason="pyarrow is an extra")
def test_columns_of_parquet_have_types_and_say_what_they_are(stored: Stored, genba: Genba, folder: Path) -> None:
    from pyarrow import parquet

    stored(agent.spans())
    exported(genba, folder, "parquet")
    schema = parquet.read_schema(folder / "out.parquet")
    types = {
        name: str(schema.field(name).type)
        for name in ("start_time", "input_tokens", "duration", "tags", "output_token_ids", "input_messages")
    }
    assert types == {
        "start_time": "timestamp[ns, tz=UTC]",
        "input_tokens": "int64",
        "duration": "double",
        "tags": "list<element: string>",
        "output_token_ids": "list<element: list<element: int64>>",
        "input_messages": "string",
    }
    assert schema.field("duration").metadata[b"description"] == b"seconds between the two"


@pytest.mark.skipif("parquet" not in FORMATS, reason="pyarrow is an extra")
def test_a_large_parquet_file_has_several_groups(
    stored: Stored, genba: Genba, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pyarrow import parquet

    from genba.cli import export_files

    monkeypatch.setattr(export_files, "GROUP_ROWS", 20)
    stored([chat(("user", f"q{number}"), ("assistant", "a")) for number in range(50)])
    rows = exported(genba, folder, "parquet")
    assert [row["input_messages"][0]["parts"][0]["content"] for row in rows] == [f"q{number}" for number in range(50)]
    assert parquet.ParquetFile(folder / "out.parquet").num_row_groups == 3


def test_every_kind_of_column_is_described() -> None:
    assert {column.kind for column in (*CALL_COLUMNS, *TRACE_COLUMNS)} == set(KINDS)
    assert all(column.says for column in (*CALL_COLUMNS, *TRACE_COLUMNS))
