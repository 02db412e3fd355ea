"""`genba status`, and `genba list --in-flight`."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from inline_snapshot import snapshot

from cli.conftest import Genba
from genba.store.accounts import DIED, IN_ORDER
from genba.store.journal import Journal, UnderWay
from genba.store.rows import AbsenceRow, AccountRow, RunRow
from genba.store.writer import StoreWriter
from store.example import BEGAN, span

Told = Callable[..., RunRow]


@pytest.fixture
def told(folder: Path) -> Told:
    """A run with these calls stored, and what it said of itself."""

    def tell(run_id: str, stored: int, how: str | None, *absences: AbsenceRow, **counts: Any) -> RunRow:
        run = RunRow(run_id=run_id * 8, pid=4711, started_ns=BEGAN, python="3.12.0", genba="0.1.0", command=("python", "app.py"))
        writer = StoreWriter(folder / ".genba" / "genba.db", run=run)
        account = AccountRow(run_id=run.run_id, counts=counts, absences=absences, ended=how)
        writer.write([span(run_id=run.run_id, sequence=number) for number in range(1, stored + 1)], account)
        writer.close()
        return run

    return tell


def test_a_run_without_a_loss_is_a_line_and_the_exit_code_is_0(told: Told, genba: Genba) -> None:
    told("ab", 3, IN_ORDER, AbsenceRow(first=4, last=9, destination="", reason="sampled out"), made=9, ended=3, sampled_out=6)
    done = genba("status")
    assert done.exit_code == 0
    assert done.output == snapshot("""\
STARTED         RUN        PID  STATE  MADE  ENDED  STORED  IN FLIGHT  LOST  COMMAND
09-21 14:13:20  abababab  4711  ended     9      3       3          0     0  python app.py
""")


def test_what_is_missing_is_told_with_its_reason_and_the_exit_code_is_1_only_if_nobody_knows_it(told: Told, genba: Genba) -> None:
    told(
        "ab",
        3,
        IN_ORDER,
        AbsenceRow(first=4, last=4, destination="", reason="overloaded"),
        made=4,
        dropped={"otlp: export failed": 2},
    )
    assert genba("status").exit_code == 0
    told("cd", 2, DIED, made=5)
    assert genba("status").exit_code == 0
    told("ef", 1, IN_ORDER, made=3, content_dropped=1)
    done = genba("status")
    assert done.exit_code == 1
    assert done.output.splitlines()[4:] == snapshot(
        [
            "run efefefef: 2 calls missing (2–3): nobody knows why",
            "run efefefef: 1 call kept without what was said: overload",
            "run cdcdcdcd: 3 calls missing (3–5): not handed over when the process died",
            "run abababab: 1 call missing (4): overloaded",
            "run abababab: 2 dropped on the way: otlp: export failed",
        ]
    )
    newest = json.loads(genba("status", "--json", "--limit", "1").output)
    assert [(one["run_id"], one["unexplained"], one["missing"]) for one in newest] == [
        ("efefefefefefefef", 2, [{"first": 2, "last": 3, "reason": None}])
    ]


def test_what_is_in_flight_now_is_listed(told: Told, genba: Genba, folder: Path) -> None:
    run = told("ab", 1, None, made=2)
    assert "Nothing has been in flight" in genba("list", "--in-flight").output
    journal = Journal(folder / ".genba" / "genba.db", run)
    attributes = {"gen_ai.request.model": "m", "gen_ai.conversation.id": "c-1"}
    call = UnderWay(
        sequence=2, started_ns=BEGAN, name="chat m", trace_id=os.urandom(16), span_id=os.urandom(8), attributes=attributes
    )
    journal.note([call], [])
    line = genba("list", "--in-flight").output.splitlines()[1].split()
    assert line[-5:] == ["4711", "2", "chat", "m", "c-1"]
    (found,) = json.loads(genba("list", "--in-flight", "--json").output)
    assert (found["sequence"], found["name"], found["attributes"]) == (2, "chat m", attributes)
    assert json.loads(genba("status", "--json").output)[0]["state"] == "running"
    journal.close(remove=True)
    assert genba("list", "--in-flight", "--error").exit_code == 2
