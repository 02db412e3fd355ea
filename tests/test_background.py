"""The one thread: work is done in order and in batches, a mistake in it stops nothing, and nobody waits longer than they said."""

from __future__ import annotations

import gc
import os
import sys
import threading
import weakref
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from genba.background import Background
from support.programs import run


class Work:
    """Keeps what it was given to do."""

    def __init__(self) -> None:
        self.batches: list[list[Any]] = []
        self.threads: set[str] = set()

    def __call__(self, items: Sequence[Any]) -> None:
        self.batches.append(list(items))
        self.threads.add(threading.current_thread().name)

    @property
    def items(self) -> list[Any]:
        return [item for batch in self.batches for item in batch]


@contextmanager
def busy(background: Background) -> Iterator[None]:
    """Keeps the thread at work, so that what is put in waits."""
    entered, release = threading.Event(), threading.Event()

    def work(items: Sequence[Any]) -> None:
        entered.set()
        release.wait(30)

    background.put(work, None)
    assert entered.wait(20)
    yield
    release.set()


def test_work_is_done_in_order_and_once() -> None:
    background, work = Background(), Work()
    for number in range(2000):
        assert background.put(work, number)
    assert background.flush(5)
    assert work.items == list(range(2000))
    assert background.waiting == 0


def test_what_waits_for_the_same_thing_is_one_batch() -> None:
    background, first, second = Background(), Work(), Work()
    with busy(background):
        for number in range(10):
            background.put(first if number % 2 else second, number)
    assert background.flush(5)
    assert first.items == [1, 3, 5, 7, 9]
    assert second.items == [0, 2, 4, 6, 8]
    assert len(first.batches) <= 2


def test_nobody_need_flush() -> None:
    background, done = Background(), threading.Event()
    background.put(lambda _: done.set(), 1)
    assert done.wait(20)


def test_work_that_is_put_in_while_working_is_done() -> None:
    background, done = Background(), threading.Event()

    def again(items: Sequence[int]) -> None:
        for item in items:
            if item:
                background.put(again, item - 1)
            else:
                done.set()

    background.put(again, 20)
    assert done.wait(30)


@pytest.mark.hostile
def test_work_that_raises_does_not_stop_the_rest() -> None:
    background, work = Background(), Work()

    def broken(items: Sequence[Any]) -> None:
        raise RuntimeError

    for number in range(3):
        background.put(broken, number)
        background.put(work, number)
        assert background.flush(5)
    assert work.items == [0, 1, 2]


def test_a_full_queue_refuses_and_takes_again_when_there_is_room() -> None:
    background, work = Background(limit=3), Work()
    with busy(background):
        assert [background.put(work, number) for number in range(5)] == [True, True, True, False, False]
        assert background.waiting == 3
    assert background.flush(5)
    assert background.put(work, 5)
    assert background.flush(5)
    assert work.items == [0, 1, 2, 5]


def test_a_flush_that_cannot_begin_says_so() -> None:
    background, work = Background(), Work()
    background.put(work, 1)
    with busy(background):
        said: list[bool] = []
        thread = threading.Thread(target=lambda: said.append(background.flush(0.01)))
        thread.start()
        thread.join(20)
        assert said == [False]


@pytest.mark.parametrize("timeout", [0, -1])
def test_without_time_a_flush_still_returns(timeout: float) -> None:
    background = Background()
    background.flush(timeout)
    assert background.flush(5)


def test_many_threads_may_put_and_flush_at_once() -> None:
    background, work = Background(), Work()

    def put(start: int) -> None:
        for number in range(start, start + 300):
            background.put(work, number)
        background.flush(5)

    threads = [threading.Thread(target=put, args=(start * 300,)) for start in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert background.flush(5)
    assert sorted(work.items) == list(range(1800))


def test_before_the_first_work_there_is_no_thread(tmp_path: Path) -> None:
    run("import threading, genba\ngenba.init()\nassert threading.active_count() == 1, threading.enumerate()", folder=tmp_path)


def test_the_thread_does_not_keep_the_process_alive(tmp_path: Path) -> None:
    run("import genba\nfrom genba.background import Background\nBackground().put(print, 1)", folder=tmp_path)


def test_what_was_done_is_let_go_of() -> None:
    class Thing:
        pass

    background, thing = Background(), Thing()
    seen = weakref.ref(thing)
    background.put(lambda _: None, thing)
    assert background.flush(5)
    del thing
    gc.collect()
    assert seen() is None


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_forked_child_begins_anew(tmp_path: Path) -> None:
    program = """
import os, threading, warnings
warnings.simplefilter("ignore")
from genba.background import Background
background, entered, release = Background(), threading.Event(), threading.Event()
def work(items):
    entered.set()
    release.wait(20)
background.put(work, None)
entered.wait(20)
background.put(lambda items: print("the parent's", flush=True), 1)
if os.fork() == 0:
    background.forked()
    assert background.waiting == 0
    done = threading.Event()
    background.put(lambda items: done.set(), 2)
    assert done.wait(20)
    assert background.flush(5)
    print("the child's own", flush=True)
    os._exit(0)
os.wait()
release.set()
assert background.flush(5)
"""
    ran = run(program, folder=tmp_path)
    assert sorted(ran.out.split("\n")) == ["", "the child's own", "the parent's"]


def test_an_uninstrumented_process_has_no_thread_of_ours_left(tmp_path: Path) -> None:
    program = """
import threading, time, genba
for number in range(5):
    genba.init(export=f"jsonl:{number}.jsonl")
    with genba.observe("step"):
        pass
    genba.uninstrument()
for _ in range(100):
    if threading.active_count() == 1:
        break
    time.sleep(0.1)
print([thread.name for thread in threading.enumerate()])
"""
    assert run(program, folder=tmp_path).out.strip() == "['MainThread']"


def test_the_interpreter_is_not_held_by_a_thread_that_sleeps() -> None:
    # A thread that polls would show here: it sleeps in `wait`, without a timeout, until there is work.
    background, done = Background(), threading.Event()
    background.put(lambda _: done.set(), 1)
    assert done.wait(20)
    assert background.flush(5)
    thread = background._thread
    assert thread is not None
    for _ in range(200):
        frame = sys._current_frames().get(thread.ident or 0)
        names = []
        while frame is not None:
            names.append((frame.f_code.co_name, frame.f_locals.get("timeout", "none")))
            frame = frame.f_back
        if ("_live", "none") in names and ("wait", None) in names and background._asleep:
            return
        threading.Event().wait(0.05)
    pytest.fail(f"the thread is at {names}")
