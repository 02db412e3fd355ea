"""Eight processes write to one store while they are killed at any moment: every call of every run is there, or it is said why not."""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from genba.store import journal
from genba.store.reader import Store
from genba.store.standing import NOT_HANDED_OVER, Standing
from support.programs import SOURCE, TESTS, run

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="nothing is killed so here")

WRITER = """
import random, sys, time
from opentelemetry.sdk.trace.sampling import TraceIdRatioBased
import genba
genba.init(store=sys.argv[1])
chance = random.Random(int(sys.argv[2]))
print("begun", flush=True)
while True:
    with genba.agent("outer"):
        for _ in range(chance.randrange(4)):
            with genba.inference("m") as call:
                call.request(messages="x" * chance.randrange(5000))
                time.sleep(chance.choice((0, 0, 0.001, 0.4)))
"""
PROCESSES = 8
ROUNDS = 3
ADOPTING = "import genba, sys\ngenba.init(store=sys.argv[1])\nwith genba.observe('adopts'): pass"


def start(path: Path, seed: int) -> subprocess.Popen[bytes]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(TESTS), str(SOURCE)]), "OTEL_TRACES_SAMPLER": "parentbased_traceidratio",
                   "OTEL_TRACES_SAMPLER_ARG": "0.7"}  # fmt: skip
    writer = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(path), str(seed)], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert writer.stdout is not None
    assert writer.stdout.readline() == b"begun\n"
    return writer


def adds_up(one: Standing) -> bool:
    """Each number from 1 to the last is a span, or in exactly one of the ranges that say why it is none."""
    absent = [number for piece in one.missing for number in range(piece.first, piece.last + 1)]
    return len(absent) == len(set(absent)) and len(absent) + one.stored == one.made


def test_every_call_of_every_run_is_there_or_it_is_said_why_not(tmp_path: Path) -> None:
    path = tmp_path / "genba.db"
    chance = random.Random(5)
    tally: Counter[str] = Counter()
    for round_ in range(ROUNDS):
        writers = [start(path, round_ * PROCESSES + number) for number in range(PROCESSES)]
        for writer in writers:
            time.sleep(chance.random() * 0.5)
            writer.send_signal(signal.SIGKILL)
            writer.communicate()
    # Several at once, and only one of them may take note of each that died.
    adopting = [
        subprocess.Popen(
            [sys.executable, "-c", ADOPTING, str(path)], env={**os.environ, "PYTHONPATH": str(SOURCE)}, stderr=subprocess.PIPE
        )
        for _ in range(3)
    ]
    assert [one.communicate(timeout=60)[1] for one in adopting] == [b""] * 3
    with Store(path) as store:
        found = [one for one in store.standings(1000) if one.state != "ended"]
        assert {one.state for one in found} <= {"died"}
        for one in found:
            assert adds_up(one), (one.made, one.stored, one.missing)
            assert None not in one.lost
            tally += Counter({"made": one.made, "stored": one.stored, "under way at the end": len(one.under_way)})
            for piece in one.missing:
                tally[str(piece.reason)] += piece.calls
        assert tally["under way at the end"] > 0
        assert {str(reason) for one in found for reason in one.lost} <= {NOT_HANDED_OVER}
        adopted = [span for span in store.spans(100_000) if span.attributes.get("genba.abandoned.reason") == "process died"]
        assert len(adopted) == len({(span.run_id, span.sequence) for span in adopted}) == tally["under way at the end"]
    assert journal.read_all(path) == []
    connection = sqlite3.connect(path)
    assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    connection.close()
    print(f"{ROUNDS * PROCESSES} processes killed: {dict(tally)}")


def test_who_adopts_may_be_killed_too(tmp_path: Path) -> None:
    """Between the note that a run has died and the end of its journal: the next one does not take note again."""
    path = tmp_path / "genba.db"
    writer = start(path, 1)
    deadline = time.monotonic() + 30
    while not any(noted.calls for noted in journal.read_all(path)) and time.monotonic() < deadline:
        time.sleep(0.02)
    writer.kill()
    writer.communicate()
    before = {noted.path: noted.path.read_bytes() for noted in journal.read_all(path)}
    for _ in range(2):
        run(ADOPTING, str(path), folder=tmp_path)
        assert journal.read_all(path) == []
        for journal_path, whole in before.items():
            journal_path.write_bytes(whole)  # as if it had not come to that
    with Store(path) as store:
        (died,) = (one for one in store.standings() if one.state == "died")
        assert adds_up(died)
        assert len(died.under_way) == len({call.sequence for call in died.under_way}) > 0
