"""Spans made in a forked child arrive; ending is bounded; nothing is lost or sent twice."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from support import openai_wire, stored
from support.programs import CALL, PIPELINE, SOURCE, TESTS, run
from support.wire import Server

pytest.importorskip("openai")
START = PIPELINE + CALL + "\nimport os, sys, genba\nurl = sys.argv[1]\n"
FORKING = """
call(url, "parent-before")
children = []
for number in range(3):
    child = os.fork()
    if not child:
        call(url, f"child-{number}")
        result = genba.flush(timeout=5)
        genba.shutdown()
        os._exit(0)
    children.append(child)
codes = [os.waitpid(child, 0)[1] for child in children]
assert codes == [0, 0, 0], codes
call(url, "parent-after")
"""
EXPECTED = sorted(["chat parent-before", "chat parent-after", "chat child-0", "chat child-1", "chat child-2"])
# Forking while threads run is what servers do.
pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")


@pytest.fixture(autouse=True)
def serving(server: Server) -> None:
    server.serve(openai_wire.chat_handler)


def test_spans_of_forked_children_reach_the_embedded_store(server: Server, tmp_path: Path) -> None:
    run(START + "genba.init()\n" + FORKING, server.url, folder=tmp_path, PYTHONWARNINGS="ignore::DeprecationWarning")
    assert sorted(stored.names(tmp_path)) == EXPECTED


def test_spans_of_forked_children_reach_the_application_s_pipeline_and_have_a_run_of_their_own(
    server: Server, tmp_path: Path
) -> None:
    ran = run(START + "genba.init(tracer_provider=pipeline('spans.jsonl'), store='off')\n" + FORKING, server.url, folder=tmp_path)
    assert sorted(span["name"] for span in ran.spans()) == EXPECTED
    runs = {span["name"]: span["attributes"]["genba.run.id"] for span in ran.spans()}
    assert runs["chat parent-before"] == runs["chat parent-after"]
    assert len(set(runs.values())) == 4


def test_a_stream_opened_before_a_fork_is_one_span(server: Server, tmp_path: Path) -> None:
    program = """
genba.init(tracer_provider=pipeline("spans.jsonl"), store="off")
from support import openai_wire, stored
from support.services import client
stream = client("openai", url).chat.completions.create(model="m", messages=openai_wire.MESSAGES, stream=True)
next(stream)
child = os.fork()
if not child:
    genba.shutdown()
    os._exit(0)
os.waitpid(child, 0)
list(stream)
"""
    ran = run(START + program, server.url, folder=tmp_path)
    assert [span["attributes"]["genba.outcome"] for span in ran.spans()] == ["completed"]


def test_what_was_made_just_before_the_end_of_the_process_is_stored(server: Server, tmp_path: Path) -> None:
    run(START + "genba.init()\nfor number in range(50):\n    call(url, f'm-{number}')", server.url, folder=tmp_path)
    assert len(stored.names(tmp_path)) == 50


def test_what_was_made_before_an_uncaught_error_is_stored(server: Server, tmp_path: Path) -> None:
    ran = run(START + "genba.init()\ncall(url)\nraise RuntimeError('the host fails')", server.url, folder=tmp_path, fails=True)
    assert ran.code == 1
    assert len(stored.names(tmp_path)) == 1


def test_what_was_made_before_sigterm_is_stored(server: Server, tmp_path: Path) -> None:
    """With the default handling of the signal nothing of ours runs: so the store must not wait for the end."""
    program = START + "import time\ngenba.init()\ncall(url)\nprint('called', flush=True)\ntime.sleep(60)"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(TESTS), str(SOURCE)])}
    process = subprocess.Popen([sys.executable, "-c", program, server.url], cwd=tmp_path, env=environment, stdout=subprocess.PIPE)
    assert process.stdout
    process.stdout.readline()
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline and not _has_a_span(tmp_path):
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=20)
    assert process.returncode == -signal.SIGTERM
    assert len(stored.names(tmp_path)) == 1


def _has_a_span(folder: Path) -> bool:
    try:
        return bool(stored.names(folder))
    except sqlite3.Error:
        return False


@pytest.mark.parametrize(
    "ending", ["genba.shutdown()", "genba.flush(); genba.shutdown(); genba.shutdown()", "genba.uninstrument()", ""]
)
def test_however_the_host_says_goodbye_each_span_is_there_once(ending: str, server: Server, tmp_path: Path) -> None:
    run(START + f"genba.init()\ncall(url)\ncall(url)\n{ending}", server.url, folder=tmp_path)
    assert len(stored.names(tmp_path)) == 2


def test_calls_after_shutdown_still_work(server: Server, tmp_path: Path) -> None:
    ran = run(START + "genba.init()\ncall(url)\ngenba.shutdown()\nprint(call(url).id)", server.url, folder=tmp_path)
    assert ran.out.strip() == "chatcmpl-wire"


def test_many_processes_write_to_one_store_at_once(server: Server, tmp_path: Path) -> None:
    program = START + "genba.init()\nfor number in range(20):\n    call(url)"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(TESTS), str(SOURCE)])}
    writers = [
        subprocess.Popen([sys.executable, "-c", program, server.url], cwd=tmp_path, env=environment, stderr=subprocess.PIPE)
        for _ in range(3)
    ]
    assert [writer.communicate(timeout=60)[1] for writer in writers] == [b""] * 3
    assert len(stored.names(tmp_path)) == 60


def test_doctor_accounts_for_every_call(server: Server, spans: object) -> None:
    import genba
    from support.services import client

    calls = client("openai", server.url).chat.completions
    for _ in range(3):
        calls.create(model="m", messages=openai_wire.MESSAGES)
    told = str(genba.doctor())
    assert "openai" in told
    assert "3" in told
