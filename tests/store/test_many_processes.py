"""Processes that write at once, and processes that fork."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from genba.store.errors import StoreError
from genba.store.reader import Store
from support.programs import SOURCE, TESTS, run

WRITER = """
import sys
from pathlib import Path
from genba.store.writer import StoreWriter
from store.example import chat
number = int(sys.argv[2])
writer = StoreWriter(Path(sys.argv[1]))
for batch in range(25):
    written = writer.write([
        chat(("system", "shared"), ("user", f"{number} {batch} {call}"), ("assistant", "ok"), run_id=f"r{number}", sequence=batch * 10 + call)
        for call in range(10)
    ])
    assert written.stored == 10 and written.notice is None, written
writer.close()
"""

FORKING = """
import os, sys, threading
from pathlib import Path
from genba.store.writer import StoreWriter
from store.example import chat, span

writer = StoreWriter(Path(sys.argv[1]))
stop = threading.Event()
stored = []

def write_on():
    while not stop.is_set():
        stored.append(writer.write([chat(("user", os.urandom(1000).hex()), ("assistant", "x"), run_id="parent") for _ in range(20)]).stored)

thread = threading.Thread(target=write_on)
thread.start()
while not stored:
    pass
children = []
for number in range(12):
    child = os.fork()
    if child == 0:
        for _ in range(3):
            writer.write([span(run_id=f"child{number}")])
        if number % 2:
            writer.close()
            os._exit(0)
        sys.exit(0)  # ends as a whole interpreter does, with the parent's connection in it
    children.append(child)
codes = [os.waitpid(child, 0)[1] for child in children]
stop.set()
thread.join()
stored.append(writer.write([span(run_id="parent")]).stored)
writer.close()
print(sum(stored), codes)
"""


def sound(path: Path) -> bool:
    connection = sqlite3.connect(path)
    try:
        return connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    finally:
        connection.close()


def test_eight_processes_write_at_once_while_one_reads(path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(TESTS), str(SOURCE)])}
    writers = [
        subprocess.Popen([sys.executable, "-c", WRITER, str(path), str(number)], env=environment, stderr=subprocess.PIPE, text=True)
        for number in range(8)
    ]
    counts = [0]
    while any(writer.poll() is None for writer in writers):
        try:
            with Store(path) as store:
                counts.append(len(store.spans(5000)))
        except StoreError as error:
            assert "nothing was recorded" in str(error)  # noqa: PT017  # that it is there is the rare case
    for writer in writers:
        _, said = writer.communicate(timeout=60)
        assert writer.returncode == 0, said
    assert counts == sorted(counts)
    assert sound(path)
    with Store(path) as store:
        spans = store.spans(5000)
        assert sorted((one.run_id, one.sequence) for one in spans) == [
            (f"r{number}", call) for number in range(8) for call in range(250)
        ]
        assert len(store.runs()) == 8
        assert store._connection.execute("SELECT count(*) FROM content").fetchone()[0] == 2 + 2000


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
def test_children_of_a_writing_process_write_beside_it(path: Path, tmp_path: Path) -> None:
    ran = run(FORKING, str(path), folder=tmp_path, PYTHONWARNINGS="ignore::DeprecationWarning")
    stored, codes = ran.out.split(" ", 1)
    assert codes.strip() == str([0] * 12)
    assert sound(path)
    with Store(path) as store:
        assert len(store.spans(1_000_000, run_id="parent")) == int(stored)
        assert [len(store.spans(run_id=f"child{number}")) for number in range(12)] == [3] * 12
