"""`genba spool`: what waits, what was refused, and what becomes of it on demand."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.otlp import TAKEN, Collector
from support.programs import SOURCE, run
from support.wire import Answer

pytest.importorskip("opentelemetry.exporter.otlp.proto.http")
pytest.importorskip("click")

PROGRAM = """
import genba
genba.init(export="otlp")
for at in range(3):
    with genba.inference(provider="acme", model="acme") as invocation:
        invocation.response("Because.")
genba.flush(2)
"""


@pytest.fixture
def collector() -> Iterator[Collector]:
    collector = Collector()
    yield collector
    collector.close()


def spool(folder: Path, *words: str, code: int = 0, **environment: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "genba.cli", "spool", *words], cwd=folder, capture_output=True, text=True, timeout=60, check=False,
        env={"PYTHONPATH": str(SOURCE), **environment}, input="n\n",
    )  # fmt: skip
    assert done.returncode == code, done.stderr
    return done.stdout + done.stderr


def leave(folder: Path, collector: Collector, status: int) -> None:
    collector.server.serve(Answer(b"", status))
    run(PROGRAM, folder=folder, OTEL_EXPORTER_OTLP_ENDPOINT=collector.url)
    collector.server.serve(TAKEN)


def test_what_a_process_left_is_shown_and_sent(tmp_path: Path, collector: Collector) -> None:
    leave(tmp_path, collector, 503)
    (row,) = json.loads(spool(tmp_path, "status", "--json"))
    assert (row["spans"], row["destination"], row["state"]) == (3, "otlp", "left")
    assert "left" in spool(tmp_path, "status")
    sent = spool(tmp_path, "replay", "--json", OTEL_EXPORTER_OTLP_ENDPOINT=collector.url)
    assert json.loads(sent) == {"sent": {"otlp": 3}, "refused": {}, "left": 0}
    assert len(collector.spans()) == 3
    assert "Nothing waits" in spool(tmp_path, "status")


def test_what_was_refused_is_shown_with_the_reason_and_sent_elsewhere(tmp_path: Path, collector: Collector) -> None:
    leave(tmp_path, collector, 401)
    (row,) = json.loads(spool(tmp_path, "status", "--json"))
    assert (row["spans"], row["state"]) == (3, "refused")
    assert "HTTP 401" in row["reason"]
    said = spool(tmp_path, "replay", "--to", "phoenix", PHOENIX_COLLECTOR_ENDPOINT=collector.url)
    assert "sent 3 spans to phoenix" in said
    assert len(collector.spans()) == 3
    assert json.loads(spool(tmp_path, "status", "--json")) == []


def test_what_is_refused_again_stays_with_the_new_reason(tmp_path: Path, collector: Collector) -> None:
    leave(tmp_path, collector, 401)
    collector.server.serve(Answer(b"", 403))
    spool(tmp_path, "replay", code=1, OTEL_EXPORTER_OTLP_ENDPOINT=collector.url)
    (row,) = json.loads(spool(tmp_path, "status", "--json"))
    assert row["spans"] == 3
    assert "HTTP 403" in row["reason"]


def test_a_destination_that_cannot_be_used_loses_nothing(tmp_path: Path, collector: Collector) -> None:
    leave(tmp_path, collector, 503)
    assert "LANGFUSE_SECRET_KEY" in spool(tmp_path, "replay", "--to", "langfuse", code=1)
    assert "no destination 'nowhere'" in spool(tmp_path, "replay", "--to", "nowhere", code=1)
    assert json.loads(spool(tmp_path, "status", "--json"))[0]["spans"] == 3


def test_dropping_asks_first(tmp_path: Path, collector: Collector) -> None:
    leave(tmp_path, collector, 401)
    leave(tmp_path, collector, 503)
    spool(tmp_path, "drop", code=130)
    assert sum(row["spans"] for row in json.loads(spool(tmp_path, "status", "--json"))) == 6
    assert "nothing to drop" in spool(tmp_path, "drop", "--from", "langfuse", "--yes")
    assert "dropped 6 spans" in spool(tmp_path, "drop", "--yes")
    assert json.loads(spool(tmp_path, "status", "--json")) == []
    assert "nothing to drop" in spool(tmp_path, "drop")


def test_no_spool_is_no_error(tmp_path: Path) -> None:
    assert json.loads(spool(tmp_path, "status", "--json")) == []
    assert "nothing is left" in spool(tmp_path, "replay")
