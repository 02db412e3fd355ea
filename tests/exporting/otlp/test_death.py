"""Processes that die, start at once, or fork, with spans that no server has yet: nothing that ended is lost."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.otlp import TAKEN, Collector
from support.programs import run
from support.wire import Answer

pytest.importorskip("opentelemetry.exporter.otlp.proto.http")

START = """
import os, signal, sys, time
import genba
genba.init(export="otlp")

def ask(number, name="acme"):
    for at in range(number):
        with genba.inference(provider="acme", model=f"{name}-{at}") as invocation:
            invocation.response("Because.")
"""


@pytest.fixture
def collector() -> Iterator[Collector]:
    collector = Collector()
    yield collector
    collector.close()


def play(program: str, folder: Path, collector: Collector, *, fails: bool = False) -> None:
    ran = run(
        START + program,
        folder=folder,
        fails=fails,
        OTEL_EXPORTER_OTLP_ENDPOINT=collector.url,
        OTEL_EXPORTER_OTLP_TIMEOUT="1",
    )
    assert not fails or ran.code == -signal.SIGKILL


HEIR = """
until = time.time() + 20
while genba.doctor().counts.get("exported to otlp, left by earlier processes", 0) < {} and time.time() < until:
    ask(1, "heir")
    genba.flush(0.2)
"""


def names(collector: Collector) -> list[str]:
    return sorted(span["name"] for span in collector.spans() if "heir" not in span["name"])


def test_killed_between_keeping_and_sending_the_next_process_sends_them(collector: Collector, tmp_path: Path) -> None:
    collector.server.serve(Answer(b"", 503))
    play("ask(5); genba.flush(0.5); os.kill(os.getpid(), signal.SIGKILL)", tmp_path, collector, fails=True)
    first = {(span["trace_id"], span["span_id"]) for span in collector.spans()}
    assert len(first) == 5
    collector.server.serve(TAKEN)
    play(HEIR.format(5), tmp_path, collector)
    again = [(span["trace_id"], span["span_id"]) for span in collector.spans() if "heir" not in span["name"]]
    assert sorted(again) == sorted(first), "each of them once more, with the ids that it had"
    assert [path.name for path in (tmp_path / ".genba" / "spool").iterdir()] == [".gitignore"]


def test_killed_between_sending_and_noting_it_they_come_twice_with_the_same_ids(collector: Collector, tmp_path: Path) -> None:
    collector.server.serve(TAKEN)
    killed = (
        "from genba.spooling import folder\n"
        "folder._remember = lambda *_: os.kill(os.getpid(), signal.SIGKILL)\n"
        "ask(4); genba.flush(5)"
    )
    play(killed, tmp_path, collector, fails=True)
    play(HEIR.format(4), tmp_path, collector)
    ids = [(span["trace_id"], span["span_id"]) for span in collector.spans() if "heir" not in span["name"]]
    assert len(ids) == 8
    assert len(set(ids)) == 4


def test_a_process_that_ends_while_the_server_is_down_leaves_them_to_the_next(collector: Collector, tmp_path: Path) -> None:
    collector.server.serve(Answer(b"", then="stall"))
    play("ask(3)", tmp_path, collector)
    collector.server.serve(TAKEN)
    play(HEIR.format(3), tmp_path, collector)
    assert names(collector) == ["chat acme-0", "chat acme-1", "chat acme-2"]


def test_of_two_processes_that_start_at_once_one_inherits(collector: Collector, tmp_path: Path) -> None:
    collector.server.serve(Answer(b"", 503))
    play("ask(6); genba.flush(0.3); os._exit(0)", tmp_path, collector)
    collector.server.serve(TAKEN)
    both = """
import subprocess
if os.environ.get("AGAIN"):
    ask(1, "heir"); genba.flush(3)
else:
    env = {**os.environ, "AGAIN": "1"}
    started = [subprocess.Popen([sys.executable, "-c", sys.orig_argv[2]], env=env) for _ in range(3)]
    for one in started:
        assert one.wait(30) == 0
"""
    play(both, tmp_path, collector)
    ids = [span["span_id"] for span in collector.spans() if "heir" not in span["name"]]
    assert len(ids) == len(set(ids)) == 6, "none twice, none lost"


def test_a_forked_child_has_a_spool_of_its_own(collector: Collector, tmp_path: Path) -> None:
    forked = """
ask(2, "parent"); genba.flush(3)
child = os.fork()
ask(3, "child" if child == 0 else "parent-after")
if child == 0:
    genba.flush(5); os._exit(0)
os.waitpid(child, 0)
"""
    play(forked, tmp_path, collector)
    found = names(collector)
    assert len(found) == 8
    assert len(set(found)) == 8


def test_a_child_of_a_dead_parent_does_not_keep_its_spool(collector: Collector, tmp_path: Path) -> None:
    collector.server.serve(Answer(b"", 503))
    play(
        "ask(2); genba.flush(0.3)\n"
        "if os.fork() == 0:\n"
        "    os.close(0); os.close(1); os.close(2); time.sleep(15); os._exit(0)\n"
        "os._exit(0)",
        tmp_path,
        collector,
    )
    collector.server.serve(TAKEN)
    play(HEIR.format(2), tmp_path, collector)
    assert names(collector) == ["chat acme-0", "chat acme-1"]


def test_another_account_does_not_get_what_was_left(collector: Collector, tmp_path: Path) -> None:
    collector.server.serve(Answer(b"", 503))
    play("ask(2); genba.flush(0.3)", tmp_path, collector)
    collector.server.serve(TAKEN)
    run(
        START + "ask(1, 'heir'); genba.flush(3)",
        folder=tmp_path,
        OTEL_EXPORTER_OTLP_ENDPOINT=collector.url,
        OTEL_EXPORTER_OTLP_HEADERS="authorization=Bearer%20another",
    )
    assert names(collector) == []


def test_a_torn_spool_costs_what_was_torn_and_says_so(collector: Collector, tmp_path: Path) -> None:
    collector.server.serve(Answer(b"", 503))
    play("ask(5); genba.flush(0.3); os.kill(os.getpid(), signal.SIGKILL)", tmp_path, collector, fails=True)
    (file,) = (tmp_path / ".genba" / "spool").rglob("*.spans")
    file.write_bytes(file.read_bytes()[:-7])
    collector.server.serve(TAKEN)
    ran = run(START + HEIR.format(4) + "print(genba.doctor())", folder=tmp_path, OTEL_EXPORTER_OTLP_ENDPOINT=collector.url)
    assert len(names(collector)) == 4
    assert "dropped 1: otlp: damaged in the spool" in ran.out
