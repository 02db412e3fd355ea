"""`genba list`."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from inline_snapshot import snapshot

from cli import agent
from cli.conftest import Genba, Piped
from genba.store.rows import SpanRow
from store.example import BEGAN, chat, span

Stored = Callable[[Sequence[SpanRow]], None]


def test_the_newest_calls_come_first_each_on_a_line(stored: Stored, piped: Piped) -> None:
    stored(agent.spans())
    assert piped("list", TZ="UTC").stdout.decode() == snapshot("""\
TIME         SPAN      CALL          IN  OUT    TOOK   FIRST  OUTCOME    FIRST WORDS
09-21 14:13  d4d4d4d4  embeddings e   -    -   20 ms       -  failed
09-21 14:13  d3d3d3d3  chat m-2      60    8  500 ms       -  completed  It is 18 °C.
09-21 14:13  d1d1d1d1  chat m-2      40   12  1.00 s  250 ms  completed  get_weather({"city": "Pari…
""")


def test_traces_are_told_with_what_they_hold(stored: Stored, piped: Piped) -> None:
    stored(agent.spans())
    assert piped("list", "--traces", TZ="UTC").stdout.decode() == snapshot("""\
TIME         TRACE     NAME                  CALLS   IN  OUT    TOOK  OUTCOME    FIRST WORDS
09-21 14:13  abc10000  invoke_agent planner      3  100   20  2.50 s  completed  {"question": "Weat…
""")


def test_calls_are_chosen_by_model_error_and_number(stored: Stored, genba: Genba) -> None:
    stored(agent.spans())

    def ids(*words: str) -> list[str]:
        return [call["span_id"] for call in json.loads(genba("list", "--json", *words).output)]

    ask, answer, embed = agent.ASK.hex(), agent.ANSWER.hex(), agent.EMBED.hex()
    assert ids() == [embed, answer, ask]
    assert ids("--model", "m-2") == [answer, ask]
    assert ids("--error") == [embed]
    assert ids("--limit", "1") == [embed]
    assert ids("--model", "no such") == []


def test_json_has_the_same_calls_for_programs(stored: Stored, genba: Genba) -> None:
    stored(agent.spans())
    assert json.loads(genba("list", "--json").output)[2] == {
        "trace_id": agent.TRACE.hex(),
        "span_id": agent.ASK.hex(),
        "name": "chat m",
        "start_time_unix_nano": BEGAN + 100_000_000,
        "end_time_unix_nano": BEGAN + 1_100_000_000,
        "operation": "chat",
        "provider": None,
        "request_model": "m",
        "response_model": "m-2",
        "input_tokens": 40,
        "output_tokens": 12,
        "time_to_first_chunk": 0.25,
        "outcome": "completed",
        "error_type": None,
        "first_words": 'get_weather({"city": "Paris"})',
    }
    (trace,) = json.loads(genba("list", "--traces", "--json").output)
    assert (trace["name"], trace["spans"], trace["calls"], trace["input_tokens"]) == ("invoke_agent planner", 5, 3, 100)


def test_no_line_is_longer_than_a_hundred_columns(stored: Stored, piped: Piped) -> None:
    words = "many 漢字 words " * 100
    stored([chat(("user", "q"), ("assistant", words), model="a-model-with-a-very-long-name-indeed-it-is-long")])
    for command in (("list",), ("list", "--traces")):
        lines = piped(*command).stdout.decode().splitlines()
        assert len(lines) == 2
        # Wide characters take two columns.
        assert all(sum(1 + (character > "⺀") for character in line) <= 100 for line in lines)


def test_where_there_are_no_calls_it_says_so(stored: Stored, genba: Genba) -> None:
    stored([span(name="work")])
    assert "There are no model calls in" in genba("list").output
    assert genba("list", "--json").output == "[]\n"
    assert "work" in genba("list", "--traces").output


@pytest.mark.parametrize("command", [("list",), ("show", "last"), ("show", "abc")])
def test_without_a_store_every_command_says_where_it_looked_and_what_to_do(
    genba: Genba, folder: Path, command: tuple[str, ...]
) -> None:
    done = genba(*command)
    assert done.exit_code == 1
    assert str(folder / ".genba" / "genba.db") in done.output
    assert "genba run app.py" in done.output
    assert not (folder / ".genba").exists()


def test_a_store_elsewhere_is_read_by_option_or_variable(
    stored: Stored, genba: Genba, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored(agent.spans())
    (folder / ".genba").rename(folder / "elsewhere")
    assert "RateLimit" not in genba("list").output
    assert agent.ASK.hex() in genba("list", "--json", "--store", "elsewhere/genba.db").output
    monkeypatch.setenv("GENBA_STORE", "elsewhere/genba.db")
    assert agent.ASK.hex() in genba("list", "--json").output
    monkeypatch.setenv("GENBA_STORE", "off")
    assert "switched off" in genba("list").output
    monkeypatch.setenv("GENBA_STORE", "http://x")
    assert "GENBA_STORE 'http://x' is a URL" in genba("list").output


def test_words_that_make_no_sense_are_refused_with_code_2(genba: Genba, piped: Piped) -> None:
    for words in (("list", "--limit", "0"), ("list", "--bogus"), ("bogus",), ("list", "--traces", "--error"), ("show",)):
        assert genba(*words).exit_code == 2 or b"There is no genba store" in piped(*words).stderr
    assert piped("list", "--limit", "x").returncode == 2
    assert b"Traceback" not in piped("bogus").stderr


def test_the_version_is_the_package_s(piped: Piped) -> None:
    from importlib import metadata

    assert piped("--version").stdout.decode().split()[-1] == metadata.version("genba")
