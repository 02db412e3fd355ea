"""`genba show`."""

from __future__ import annotations

import json
import os
import pty
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from inline_snapshot import snapshot

from cli import agent
from cli.conftest import Genba, Piped
from genba.store.reader import Store
from genba.store.rows import RawExchange, SpanRow
from genba.store.writer import StoreWriter
from store.example import chat, encoded, span

Stored = Callable[[Sequence[SpanRow]], None]


def test_a_trace_is_a_tree_and_then_what_was_said(stored: Stored, piped: Piped) -> None:
    stored(agent.spans())
    assert piped("show", "last", TZ="UTC").stdout.decode() == snapshot("""\
trace abc10000000000000000000000000000  2026-09-21 14:13:20  2.50 s
invoke_agent planner  2.50 s  completed
├─ chat m  1.00 s  first 250 ms  m-2  40 in, 12 out  completed
├─ execute_tool get_weather  100 ms  completed
├─ chat m  500 ms  m-2  60 in, 8 out  completed
└─ embeddings e  20 ms  384 dimensions  failed  RateLimitError  429: slow down

── invoke_agent planner  span d0d0d0d0d0d0d0d0
arguments
  {"question": "Weather?"}

── chat m  span d1d1d1d1d1d1d1d1
system
  Be brief.
tools
  get_weather  The weather of a city
user
  Weather in Paris?
assistant
  (thinks) The tool knows.
  calls get_weather({"city": "Paris"})
    = 18 °C

── execute_tool get_weather  span d2d2d2d2d2d2d2d2
arguments
  {"city": "Paris"}
result
  18 °C

── chat m  span d3d3d3d3d3d3d3d3
(2 messages as above)
assistant
  It is 18 °C.

── embeddings e  span d4d4d4d4d4d4d4d4
error
  Traceback:
    a line
  RateLimitError: 429
""")


def test_a_span_is_shown_alone_with_its_attributes(stored: Stored, piped: Piped) -> None:
    stored(agent.spans())
    assert piped("show", "d4d4", TZ="UTC").stdout.decode() == snapshot("""\
trace abc10000000000000000000000000000  2026-09-21 14:13:20  2.50 s
invoke_agent planner  2.50 s  completed
├─ chat m  1.00 s  first 250 ms  m-2  40 in, 12 out  completed
├─ execute_tool get_weather  100 ms  completed
├─ chat m  500 ms  m-2  60 in, 8 out  completed
└─ embeddings e  20 ms  384 dimensions  failed  RateLimitError  429: slow down

── embeddings e  span d4d4d4d4d4d4d4d4
  error.type RateLimitError
  gen_ai.embeddings.dimension.count 384
  gen_ai.operation.name embeddings
  gen_ai.request.model e
  genba.outcome failed
error
  Traceback:
    a line
  RateLimitError: 429
""")


def test_a_trace_or_span_is_found_by_the_beginning_of_its_id(stored: Stored, genba: Genba) -> None:
    stored([*agent.spans(), span(trace_id=bytes.fromhex("abc2" + "00" * 14), span_id=b"x" * 8, name="other")])
    assert "invoke_agent" in genba("show", "abc1").output
    ambiguous = genba("show", "abc")
    assert ambiguous.exit_code == 1
    assert agent.TRACE.hex() in ambiguous.output
    assert "'other'" in ambiguous.output
    assert "No trace or span" in genba("show", "ffff").output
    assert "is not an id" in genba("show", "lst").output


def test_json_has_everything_the_raw_exchange_included(stored: Stored, genba: Genba) -> None:
    stored(agent.spans())
    whole = json.loads(genba("show", "last", "--json").output)
    assert whole["trace_id"] == agent.TRACE.hex()
    assert len(whole["spans"]) == 5
    (ask,) = json.loads(genba("show", agent.ASK.hex(), "--json").output)["spans"]
    assert ask["content"]["gen_ai.input.messages"] == [agent.USER]
    assert ask["attributes"]["gen_ai.usage.input_tokens"] == 40
    assert ask["exchange"] == {
        "request": {"model": "m"},
        "response": None,
        "events": [{"offset_ns": 7, "event": {"x": 1}}],
        "read_to": 1,
        "missing": {},
    }


def test_json_is_json_whatever_was_recorded(stored: Stored, genba: Genba) -> None:
    stored(
        [
            span(
                attributes={"nan": float("nan"), "bytes": b"\xff", "text": "\ud800", "big": 2**80},
                single_content={"a": b'"\\ud83d"', "b": b"no json", "c": b"NaN"},
                exchange=RawExchange(request=b"\xff", response=b"NaN"),
            )
        ]
    )
    said = genba("show", "last", "--json").output
    assert said.isascii()

    def refuse(constant: str) -> None:
        raise AssertionError(constant)

    (one,) = json.loads(said, parse_constant=refuse)["spans"]
    assert one["attributes"] == {"nan": "nan", "bytes": "/w==", "text": "\ud800", "big": 2**80}
    assert one["content"] == {"a": "\ud83d", "b": "no json", "c": "nan"}


def test_deleted_content_is_shown_as_deleted(stored: Stored, genba: Genba, folder: Path) -> None:
    stored([chat(("user", "secret"), ("assistant", "fine"))])
    with Store(folder / ".genba" / "genba.db") as store:
        (one,) = store.spans()
        (question,) = store.content(one)["gen_ai.input.messages"]  # type: ignore[misc]
    writer = StoreWriter(folder / ".genba" / "genba.db")
    writer.delete_content([question.id], "asked by the user")
    writer.close()
    said = genba("show", "last").output
    assert "[not there any more: asked by the user]" in said
    assert "fine" in said
    assert "secret" not in said


HOSTILE = "\x1b[31mred\x1b[0m [bold]b[/bold] :smile: \x07\x9b2J \u202egnol \r\x00 \u2028x \ud800 \U000e0041 https://x"


def hostile() -> list[SpanRow]:
    """Such text wherever text can be."""
    message = {
        "role": HOSTILE,
        "name": HOSTILE,
        "parts": [
            {"type": "text", "content": HOSTILE},
            {"type": "reasoning", "content": HOSTILE},
            {"type": "refusal", "content": HOSTILE},
            {"type": "tool_call", "id": HOSTILE, "name": HOSTILE, "arguments": {HOSTILE: HOSTILE}},
            {"type": "tool_call_response", "id": HOSTILE + "x", "response": HOSTILE},
            {"type": "uri", "modality": HOSTILE, "mime_type": HOSTILE, "uri": HOSTILE},
            {"type": HOSTILE, "x": HOSTILE},
            HOSTILE,
        ],
    }
    element = json.dumps(message).encode()
    attributes = {
        "gen_ai.operation.name": "chat",
        "gen_ai.request.model": HOSTILE,
        "gen_ai.response.model": HOSTILE,
        "error.type": HOSTILE,
        "genba.outcome": HOSTILE,
        HOSTILE.replace("\ud800", ""): HOSTILE,
    }
    return [
        span(
            name=HOSTILE,
            span_id=b"\xaa" * 8,
            status="error",
            status_description=HOSTILE,
            attributes=attributes,
            content={
                "gen_ai.system_instructions": [element],
                "gen_ai.tool.definitions": encoded({"name": HOSTILE.replace("\ud800", ""), "description": "\x1b[31m"}),
                "gen_ai.input.messages": [element],
                "gen_ai.output.messages": [element],
            },
            single_content={"genba.input": json.dumps(HOSTILE).encode(), HOSTILE.replace("\ud800", ""): b"\x1b[31m"},
            events=[{"name": "exception", "attributes": {"exception.stacktrace": HOSTILE}}],
        )
    ]


COMMANDS = [("list",), ("list", "--traces"), ("show", "last"), ("show", "aaaa"), ("list", "--json"), ("show", "last", "--json")]
INERT = set("\n\t") | {chr(code) for code in range(0x20, 0x7F)}


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_nothing_in_a_prompt_acts_on_a_pipe(stored: Stored, piped: Piped, command: tuple[str, ...]) -> None:
    stored(hostile())
    done = piped(*command, PYTHONIOENCODING="utf-8", FORCE_COLOR="1")
    assert done.returncode == 0, done.stderr
    said = done.stdout.decode()
    assert {character for character in said if not character.isprintable()} <= {"\n"}
    if command[0] == "show":
        assert "[bold]b[/bold]" in said
        assert ":smile:" in said


def on_a_terminal(folder: Path, *words: str, **environment: str) -> str:
    """What the command writes to a terminal of its own."""
    variables = {"PYTHONPATH": os.pathsep.join(sys.path), "TERM": "xterm-256color", "COLUMNS": "120", "LINES": "40", **environment}
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(folder)
        os.execve(sys.executable, [sys.executable, "-m", "genba.cli", *words], {**os.environ, **variables})
    said = b""
    while True:
        try:
            some = os.read(terminal, 65536)
        except OSError:
            break
        if not some:
            break
        said += some
    os.close(terminal)
    assert os.waitpid(pid, 0)[1] == 0, said.decode()
    return said.decode().replace("\r\n", "\n")


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # forking beside pytest's threads
def test_nothing_in_a_prompt_acts_on_a_terminal(stored: Stored, folder: Path, command: tuple[str, ...]) -> None:
    import re

    stored(hostile())
    said = on_a_terminal(folder, *command)
    # What is left after our own colours.
    rest = re.sub(r"\x1b\[(?:0|[1-9][0-9;]*)m", "", said)
    assert {character for character in rest if not character.isprintable()} <= {"\n"}
    assert said.count("\x1b[31mred\x1b[0m") == 0
    if command == ("show", "last"):
        assert "[bold]b[/bold]" in rest
        assert "\x1b[" in said


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_no_color_is_obeyed(stored: Stored, folder: Path) -> None:
    stored(agent.spans())
    for command in COMMANDS[:3]:
        assert "\x1b" in on_a_terminal(folder, *command)
        assert "\x1b" not in on_a_terminal(folder, *command, NO_COLOR="1")


def test_a_pipe_that_knows_few_letters_gets_escapes_instead_of_an_error(stored: Stored, piped: Piped) -> None:
    stored([chat(("user", "漢字"), ("assistant", "é"))])
    done = piped("show", "last", PYTHONIOENCODING="latin-1")
    assert done.returncode == 0, done.stderr
    assert b"\\u6f22" in done.stdout
    assert b"\xe9" in done.stdout


def test_a_reader_that_stops_reading_is_no_error(stored: Stored, folder: Path) -> None:
    import subprocess

    stored([chat(("user", "x" * 2_000_000), ("assistant", "y"))])
    done = subprocess.run(
        f"{sys.executable} -m genba.cli show last | head -c 10",
        shell=True,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert b"Traceback" not in done.stderr
    assert done.stdout.startswith(b"trace ")
