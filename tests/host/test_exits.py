"""However a process is forked, ended or killed: what has ended is handed over, what has not is on record, and nobody waits for long."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import genba
from genba.store import journal
from genba.store.reader import Store
from genba.store.standing import NOT_HANDED_OVER, Standing
from support import stored
from support.programs import SOURCE, TESTS, run
from support.spans import Spans

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")

START = """
import os, signal, sys, threading, time, warnings
warnings.simplefilter("ignore")
import genba
def step(name):
    with genba.observe(name):
        pass
"""
TAKES_OVER = "import genba\ngenba.init()\nwith genba.observe('takes over'): pass"


def program(text: str, folder: Path, **environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", START + text],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(TESTS), str(SOURCE)]), **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def says(process: subprocess.Popen[str], word: str) -> None:
    assert process.stdout is not None
    assert process.stdout.readline().strip() == word


def under_way(folder: Path, count: int) -> None:
    """Wait until so many calls are on record."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        if any(len(noted.calls) >= count for noted in journal.read_all(folder / stored.PLACE)):
            return
        time.sleep(0.02)
    pytest.fail("no call was put on record")


def standing(folder: Path, pid: int) -> Standing:
    with Store(folder / stored.PLACE) as store:
        (found,) = (one for one in store.standings() if one.run.pid == pid)
    return found


def outcomes(folder: Path) -> dict[str, Any]:
    with Store(folder / stored.PLACE) as store:
        return {
            span.name: (span.attributes.get("genba.outcome"), span.attributes.get("genba.abandoned.reason"))
            for span in store.spans()
        }


def test_a_call_that_a_killed_process_was_at_is_on_record_and_becomes_a_span(tmp_path: Path) -> None:
    ran = program(
        "genba.init()\nstep('before')\nwith genba.conversation(id='c-1'), genba.agent('outer'), genba.inference('acme-1') as call:\n"
        "    call.request(messages='a sec' + 'ret')\n    print('calling', flush=True)\n    time.sleep(60)",
        tmp_path,
    )
    says(ran, "calling")
    under_way(tmp_path, 2)
    alive = standing(tmp_path, ran.pid)
    assert alive.state == "running"
    assert [call.name for call in alive.under_way] == ["invoke_agent outer", "chat acme-1"]
    assert alive.lost == {}
    ran.kill()
    ran.communicate()
    (noted,) = journal.read_all(tmp_path / stored.PLACE)
    assert b"secret" not in noted.path.read_bytes()
    assert not noted.is_alive
    assert standing(tmp_path, ran.pid).lost == {"under way when the process died": 2}
    run(TAKES_OVER, folder=tmp_path)
    found = standing(tmp_path, ran.pid)
    assert (found.state, found.made, found.stored, found.missing) == ("died", 3, 3, [])
    assert outcomes(tmp_path) == {
        "before": ("completed", None),
        "invoke_agent outer": ("abandoned", "process died"),
        "chat acme-1": ("abandoned", "process died"),
        "takes over": ("completed", None),
    }
    with Store(tmp_path / stored.PLACE) as store:
        (call,) = (span for span in store.spans() if span.name == "chat acme-1")
        (outer,) = (span for span in store.spans() if span.name == "invoke_agent outer")
    assert call.parent_span_id == outer.span_id
    assert call.attributes["gen_ai.conversation.id"] == "c-1"
    assert (call.status, call.end_ns >= call.start_ns) == ("unset", True)


def test_a_process_killed_while_it_writes_leaves_a_sound_store_and_says_what_was_not_handed_over(tmp_path: Path) -> None:
    ran = program(
        "genba.init()\nstep('first')\ngenba.flush()\nprint('writing', flush=True)\nwhile True:\n    with genba.inference('m') as call:\n"
        "        call.request(messages='x' * 20_000)",
        tmp_path,
    )
    says(ran, "writing")
    time.sleep(1)
    ran.kill()
    ran.communicate()
    run(TAKES_OVER, folder=tmp_path)
    found = standing(tmp_path, ran.pid)
    assert found.stored > 0
    assert set(found.lost) <= {NOT_HANDED_OVER, "overloaded: the oldest spans made room"}
    assert found.stored + sum(piece.calls for piece in found.missing) == found.made


def test_a_fork_in_the_middle_of_a_call_leaves_it_to_the_parent(tmp_path: Path) -> None:
    text = """
genba.init()
with genba.observe("around the fork"):
    time.sleep(0.5)
    child = os.fork()
    if not child:
        step("in the child")
        genba.flush()
        genba.shutdown()
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
"""
    run(START + text, folder=tmp_path)
    with Store(tmp_path / stored.PLACE) as store:
        spans = {span.name: span.sequence for span in store.spans()}
        states = {one.state for one in store.standings()}
        missing = [one.missing for one in store.standings()]
    assert spans == {"around the fork": 1, "in the child": 1}
    assert states == {"ended"}
    assert missing == [[], []]
    assert journal.read_all(tmp_path / stored.PLACE) == []


def test_nested_forks_are_runs_that_know_their_parents(tmp_path: Path) -> None:
    text = """
genba.init()
step("0")
for depth in range(1, 4):
    child = os.fork()
    if child:
        assert os.waitpid(child, 0)[1] == 0
        break
    step(str(depth))
"""
    run(START + text, folder=tmp_path)
    with Store(tmp_path / stored.PLACE) as store:
        runs = {one.run.run_id: one for one in store.standings()}
        of_span = {span.name: span.run_id for span in store.spans()}
    chain = [runs[of_span[str(depth)] or ""] for depth in range(4)]
    assert [one.run.parent_run_id for one in chain] == [None, *(one.run.run_id for one in chain[:-1])]
    assert [(one.state, one.made, one.stored) for one in chain] == [("ended", 1, 1)] * 4


def test_os_exit_after_a_flush_loses_nothing(tmp_path: Path) -> None:
    run(START + "genba.init()\nstep('a')\nassert genba.flush(5)\nos._exit(0)", folder=tmp_path)
    run(TAKES_OVER, folder=tmp_path)
    assert stored.names(tmp_path) == ["a", "takes over"]
    with Store(tmp_path / stored.PLACE) as store:
        assert {one.state: one.lost for one in store.standings()} == {"ended": {}, "died": {}}


def test_a_child_of_multiprocessing_hands_over_before_it_ends(tmp_path: Path) -> None:
    text = """
import multiprocessing
def work():
    step("in the child")
genba.init()
step("in the parent")
child = multiprocessing.get_context("fork").Process(target=work)
child.start()
child.join()
assert child.exitcode == 0
"""
    (tmp_path / "app.py").write_text(START + text)
    run("import runpy; runpy.run_path('app.py', run_name='__main__')", folder=tmp_path)
    assert sorted(stored.names(tmp_path)) == ["in the child", "in the parent"]
    with Store(tmp_path / stored.PLACE) as store:
        assert {one.state for one in store.standings()} == {"ended"}


WAITING = "step('a')\nwith genba.observe('open'):\n    print('waiting', flush=True)\n    while True: time.sleep(60)"


def test_sigterm_flushes_where_that_was_asked_for_and_then_ends_the_process(tmp_path: Path) -> None:
    ran = program("genba.init(flush_on_sigterm=True)\n" + WAITING, tmp_path)
    says(ran, "waiting")
    ran.terminate()
    _, said = ran.communicate(timeout=30)
    assert (ran.returncode, said) == (-signal.SIGTERM, "")
    assert outcomes(tmp_path) == {"a": ("completed", None), "open": ("abandoned", None)}
    assert standing(tmp_path, ran.pid).state == "ended"


def test_sigterm_is_not_touched_unless_asked_for(tmp_path: Path) -> None:
    run(START + "genba.init()\nassert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL", folder=tmp_path)
    asked = "genba.init(flush_on_sigterm=True)\nassert signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL\n"
    run(START + asked + "genba.shutdown()\nassert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL", folder=tmp_path)


@pytest.mark.parametrize("when", ["before", "after", "chained"])
def test_the_app_s_own_handling_of_sigterm_stays_the_one_that_decides(when: str, tmp_path: Path) -> None:
    handling = """
before = signal.getsignal(signal.SIGTERM)
def bye(number, frame):
    if CHAINED and callable(before):
        before(number, frame)
    print("the app's own", flush=True)
    sys.exit(7)
signal.signal(signal.SIGTERM, bye)
""".replace("CHAINED", str(when == "chained"))
    begin = "genba.init(flush_on_sigterm=True)\n"
    ran = program((handling + begin if when == "before" else begin + handling) + WAITING, tmp_path)
    says(ran, "waiting")
    ran.terminate()
    out, said = ran.communicate(timeout=30)
    assert (ran.returncode, out.strip(), said) == (7, "the app's own", "")
    assert outcomes(tmp_path)["a"] == ("completed", None)
    assert set(outcomes(tmp_path)) == {"a", "open"}


def test_sigterm_while_genba_is_busy_still_ends_the_process(tmp_path: Path) -> None:
    busy = "genba.init(flush_on_sigterm=True)\nprint('busy', flush=True)\nwhile True: step('x'); genba.flush()"
    ran = program(busy, tmp_path)
    says(ran, "busy")
    time.sleep(0.3)
    ran.terminate()
    ran.communicate(timeout=30)
    assert ran.returncode == -signal.SIGTERM


def test_ctrl_c_hands_over(tmp_path: Path) -> None:
    ran = program("genba.init()\n" + WAITING, tmp_path)
    says(ran, "waiting")
    ran.send_signal(signal.SIGINT)
    ran.communicate(timeout=30)
    assert outcomes(tmp_path) == {"a": ("completed", None), "open": ("cancelled", None)}
    assert standing(tmp_path, ran.pid).state == "ended"


HUNG = """
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
class Hung(SpanExporter):
    def export(self, spans):
        threading.Event().wait()
    def shutdown(self):
        threading.Event().wait()
    def force_flush(self, timeout_millis=30000):
        threading.Event().wait()
"""


@pytest.mark.parametrize("ending", ["", "genba.flush()\n", "genba.shutdown()\n"])
def test_an_exporter_that_hangs_does_not_hold_the_end(ending: str, tmp_path: Path) -> None:
    run(START + HUNG + f"genba.init(export=Hung())\nstep('a')\n{ending}", folder=tmp_path, limit=20)


def test_a_store_that_hangs_does_not_hold_the_end_and_what_waits_is_named(tmp_path: Path) -> None:
    """Another process holds the store for longer than anybody would wait."""
    run(START + "genba.init()\nstep('first')", folder=tmp_path)
    text = """
import sqlite3
other = sqlite3.connect(".genba/genba.db", isolation_level=None)
genba.init()
step("a"); genba.flush()
other.execute("BEGIN IMMEDIATE")
for number in range(3):
    step(f"late {number}")
said = genba.shutdown(1.0)
print(said.complete, said.made)
os._exit(0)
"""
    ran = run(START + text, folder=tmp_path, limit=20)
    assert ran.out.split() == ["False", "4"]
    run(TAKES_OVER, folder=tmp_path)
    with Store(tmp_path / stored.PLACE) as store:
        (died,) = (one for one in store.standings() if one.state == "died")
        assert died.lost in ({NOT_HANDED_OVER: 3}, {})  # that made while the store was held is in no account of it
        assert died.stored + sum(piece.calls for piece in died.missing) == died.made


UWSGI = """
import genba, os
genba.init(store=os.environ["STORE"])
with genba.observe("in the master"):
    pass
def application(environ, start_response):
    with genba.flushing() as done, genba.observe("request"):
        pass
    start_response("200 OK", [])
    return [f"{done.result.complete} {os.getpid()}".encode()]
"""


@pytest.mark.parametrize("options", [["--enable-threads"], []])
def test_uwsgi_s_workers_are_runs_of_their_own(options: list[str], tmp_path: Path) -> None:
    server = Path(sys.executable).with_name("uwsgi")
    if not server.exists():
        pytest.skip("uWSGI is not installed")
    (tmp_path / "app.py").write_text(UWSGI)
    port = _free_port()
    environment = {**os.environ, "PYTHONPATH": str(SOURCE), "STORE": str(tmp_path / stored.PLACE)}
    command = [
        str(server),
        "--http-socket",
        f"127.0.0.1:{port}",
        "--master",
        "--processes",
        "2",
        "--wsgi-file",
        "app.py",
        "--die-on-term",
    ]
    log = (tmp_path / "log").open("w+")
    ran = subprocess.Popen([*command, "--home", sys.prefix, *options], cwd=tmp_path, env=environment, stdout=log, stderr=log)
    try:
        answers = [_asked(port) for _ in range(10)]
    finally:
        ran.terminate()
        ran.wait(timeout=30)
    log.seek(0)
    said = log.read()
    assert {answer.split()[0] for answer in answers} == {"True"}, said
    assert ("uWSGI runs without threads" in said) == (not options)
    assert sorted(set(stored.names(tmp_path)) - {"in the master"}) == ["request"]
    assert stored.names(tmp_path).count("request") == 10
    with Store(tmp_path / stored.PLACE) as store:
        runs = [one for one in store.standings() if "request" in {span.name for span in store.spans(run_id=one.run.run_id)}]
        assert {str(one.run.pid) for one in runs} == {answer.split()[1] for answer in answers}
        assert all(one.run.parent_run_id for one in runs)


def _free_port() -> int:
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _asked(port: int) -> str:
    import urllib.error
    import urllib.request

    deadline = time.monotonic() + 30
    while True:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=20) as answer:
                return str(answer.read().decode())
        except urllib.error.URLError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)


def test_a_request_hands_over_what_it_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    genba.init()
    try:
        with genba.flushing() as request:
            assert request.result is None
            with genba.observe("a"):
                pass
        assert stored.names(tmp_path) == ["a"]
        assert request.result is not None
        assert (request.result.complete, request.result.made, request.result.exported) == (True, 1, {"store": 1})

        @genba.flushing(timeout=5)
        def answer(word: str) -> str:
            with genba.observe("b"):
                return word

        @genba.flushing(timeout=5)
        async def answer_later(word: str) -> str:
            with genba.observe("c"):
                return word

        assert answer("x") == "x"
        assert stored.names(tmp_path) == ["a", "b"]
        assert asyncio.run(answer_later("y")) == "y"
        assert stored.names(tmp_path) == ["a", "b", "c"]
        with pytest.raises(KeyError), genba.flushing(), genba.observe("d"):
            raise KeyError
        assert stored.names(tmp_path)[-1] == "d"
    finally:
        genba.uninstrument()


async def test_the_loop_goes_on_while_a_request_is_flushed(start_tracing: Callable[..., Spans]) -> None:
    release, meanwhile = asyncio.Event(), []
    loop = asyncio.get_running_loop()

    class Slow:
        def export(self, spans: Any) -> Any:
            from opentelemetry.sdk.trace.export import SpanExportResult

            asyncio.run_coroutine_threadsafe(release.wait(), loop).result(10)
            return SpanExportResult.SUCCESS

        def shutdown(self) -> None:
            pass

        def force_flush(self, timeout_millis: int = 30000) -> bool:
            return True

    start_tracing(export=Slow())

    async def other() -> None:
        meanwhile.append("the loop goes on")
        release.set()

    task = asyncio.ensure_future(other())
    async with genba.flushing(timeout=10) as request:
        with genba.observe("a"):
            pass
        assert meanwhile == []
    await task
    assert request.result
    assert meanwhile == ["the loop goes on"]


def test_flushing_without_genba_at_work_is_nothing() -> None:
    with genba.flushing() as request:
        pass
    assert json.dumps(request.result) == "[true, 0]"
