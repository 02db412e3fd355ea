"""The one thread of genba: whatever can wait, waits here, so that the host's threads do not.

Work is put in as (what to do, with what); what has piled up for the same thing to do is handed over as one batch. The host's side of
it is a `deque.append` and, at most every `INTERVAL`, one wake-up.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections import deque
from collections.abc import Callable, Sequence
from time import monotonic
from typing import Any

from . import harmless

INTERVAL = 0.2
"""Seconds that work may pile up before it is done."""
LIMIT = 16_384
"""Pieces of work that may wait; what comes on top is refused, and counted by whoever put it."""
CROWDED = 128
"""Pieces that may wait before whoever offers more should look how heavy they are."""

Work = Callable[[Sequence[Any]], None]
Tick = Callable[[], bool]
"""Done each time the thread has done what waited. True if it should be done again soon, though nothing new comes."""
Turn = Callable[[], float | None]
"""Taken whenever nothing waits. In how many seconds it wants to be taken again, if ever."""


class Background:
    """A queue and the daemon thread that empties it. The thread starts with the first piece of work, anew in a forked child."""

    def __init__(self, limit: int = LIMIT) -> None:
        self._limit = limit
        self._crowded = min(CROWDED, limit)
        self._waiting: deque[tuple[Work, Any]] = deque()
        self._tick: Tick | None = None
        self._is_due: Tick = bool
        self._turns: list[Turn] = []
        self._reset()

    def _reset(self) -> None:
        self._pid = os.getpid()
        self._wake = threading.Event()
        self._hurry = threading.Event()
        self._starting = threading.Lock()
        self._thread: threading.Thread | None = None
        self._asleep = True
        self._stopping = False
        self.is_dozing = self._tick is not None
        """Whether it sleeps, and wants to hear of what begins. A mere attribute: it is read on the hot path."""
        self._stirred = False
        self._done_at = monotonic()

    def put(self, work: Work, item: Any) -> bool:
        """Have `work([..., item, ...])` done soon. False if too much is waiting already: then it will not be done."""
        waiting = self._waiting
        if len(waiting) >= self._limit:
            return False
        waiting.append((work, item))
        if self._asleep:
            self._asleep = self.is_dozing = False
            self._start_or_wake()
        elif len(waiting) > self._limit // 2:
            self._hurry.set()
        return True

    def offer(self, work: Work, item: Any) -> bool:
        """The same, unless it is crowded: then nothing is done, and False."""
        waiting = self._waiting
        if len(waiting) >= self._crowded:
            return False
        waiting.append((work, item))
        if self._asleep:
            self._asleep = self.is_dozing = False
            self._start_or_wake()
        return True

    def displace(self, work: Work) -> Any:
        """Take the oldest item that waits for this work out again; None if there is none. What else is met keeps its place."""
        others = []
        found = None
        try:
            while found is None:
                piece = self._waiting.popleft()
                if piece[0] is work or piece[0] == work:
                    found = piece[1]
                else:
                    others.append(piece)
        except IndexError:
            pass
        self._waiting.extendleft(reversed(others))
        return found

    def waiting_for(self, work: Work) -> list[Any]:
        """What waits for this work now."""
        return [item for other, item in self._waiting.copy() if other == work]

    def ticks(self, tick: Tick, is_due: Tick) -> None:
        """Do this too, after whatever was put in, and when stirred. `is_due` tells whether something has happened since."""
        self._tick, self._is_due = tick, is_due
        self.is_dozing = self._asleep

    def stir(self) -> None:
        """Something has begun that its tick wants to see."""
        self._stirred = True
        self._asleep = self.is_dozing = False
        self._start_or_wake()

    def leave(self, work: Work, item: Any) -> None:
        """Have it done with whatever comes next, or at the flush. Takes no lock: for finalisers, which run in the middle of anything."""
        self._waiting.append((work, item))

    def flush(self, timeout: float) -> bool:
        """Wait until what was put in so far is done; False if that took longer than `timeout` seconds."""
        self.forked()
        if threading.current_thread() is self._thread:  # asked by something that this thread is doing
            while self._waiting:
                self._do_a_batch()
            return True
        if not self._waiting and self._asleep:
            return True
        done = threading.Event()
        return self._do_soon(_reached, done) and done.wait(timeout)

    def run(self, what: Callable[[], Any], timeout: float) -> Any:
        """The result of `what()`, done on the thread; None if it takes longer than `timeout` seconds: then it goes on without us."""
        task = _Task(what)
        return task.result if self._do_soon(_Task.do, task) and task.done.wait(timeout) else None

    def tend(self, turn: Turn) -> None:
        """Have `turn()` called whenever nothing waits here; it says in how many seconds it wants to be called again, if ever."""
        self._turns.append(turn)

    def meanwhile(self) -> None:
        """Do what waits here, if it is time: for a turn that itself has to wait for something."""
        if self._waiting and (self._hurry.is_set() or monotonic() - self._done_at > INTERVAL):
            self._hurry.clear()
            self._do_all()

    def wake(self) -> None:
        """Have the turns taken now."""
        self._hurry.set()
        self._wake.set()

    @property
    def is_alive(self) -> bool:
        """Whether there is a thread."""
        return self._thread is not None and self._thread.is_alive()

    def is_here(self) -> bool:
        """Whether this is that thread."""
        return threading.current_thread() is self._thread

    def begin(self) -> None:
        """Start the thread now. At the end of the process, when it may be needed, Python starts none any more."""
        if self._thread is None:
            with contextlib.suppress(RuntimeError), self._starting:
                if self._thread is None:
                    thread = threading.Thread(target=self._live, name="genba", daemon=True)
                    thread.start()
                    self._thread = thread

    def _do_soon(self, work: Work, item: Any) -> bool:
        self._waiting.append((work, item))
        self._asleep = self.is_dozing = False
        self._start_or_wake()
        self._hurry.set()
        if self._thread is None or not self._thread.is_alive():  # the process is at its very end: there is only this thread
            while self._waiting:
                self._do_a_batch()
        return True

    def stop(self) -> None:
        """Let the thread end, once everything is done."""
        self._stopping = True
        self._wake.set()
        self._hurry.set()

    @property
    def is_full(self) -> bool:
        """Whether nothing more is taken."""
        return len(self._waiting) >= self._limit

    @property
    def waiting(self) -> int:
        """How many pieces of work are not done yet."""
        return len(self._waiting)

    def forked(self) -> None:
        """Forget the parent's thread and work, if this is a child."""
        if self._pid != os.getpid():
            self._waiting.clear()
            self._reset()

    def _start_or_wake(self) -> None:
        self.begin()
        self._wake.set()

    def _live(self) -> None:
        pause: float | None = 0.0 if self._turns else None
        while True:
            if pause != 0:
                self._wake.wait(pause)
            self._wake.clear()
            if (self._waiting or self._stirred) and pause != 0:
                self._hurry.wait(INTERVAL)
            self._hurry.clear()
            self._stirred = False
            self._do_all()
            if self._stopping:
                return
            again = self._ticked()
            pause = self._take_turns()
            if again:
                pause = INTERVAL if pause is None else min(pause, INTERVAL)
            self._asleep = True
            self.is_dozing = self._tick is not None and not again
            is_due = not again and self._is_due()
            if (self._waiting or is_due) and self._asleep:  # put in between the last look and falling asleep
                self._asleep = self.is_dozing = False
                self._stirred = is_due
                self._wake.set()

    def _ticked(self) -> bool:
        again = False
        if self._tick is not None:
            with harmless.guard("keeping account"):
                again = self._tick()
        return again

    def _do_all(self) -> None:
        while self._waiting:
            self._do_a_batch()
        self._done_at = monotonic()

    def _take_turns(self) -> float | None:
        pauses: list[float] = []
        for turn in self._turns:
            with harmless.guard("taking a turn"):
                pause = turn()
                if pause is not None:
                    pauses.append(pause)
        return min(pauses, default=None)

    def _do_a_batch(self) -> None:
        """Up to 512 waiting pieces: those with the same work together, in order."""
        batches: dict[Work, list[Any]] = {}
        for _ in range(min(len(self._waiting), 512)):
            try:
                work, item = self._waiting.popleft()
            except IndexError:
                break
            batches.setdefault(work, []).append(item)
            if work is _reached:  # whoever waits is told once all before it is done
                break
        for work, items in batches.items():
            with harmless.guard("working in the background"):
                work(items)


class _Task:
    """Something to be done once, for somebody who waits for it."""

    def __init__(self, what: Callable[[], Any]) -> None:
        self.done = threading.Event()
        self.result: Any = None
        self._what = what

    @staticmethod
    def do(tasks: Sequence[_Task]) -> None:
        """Do them."""
        for task in tasks:
            with harmless.guard("doing what somebody waits for"):
                task.result = task._what()  # noqa: SLF001  # its own class
            task.done.set()


def _reached(waiting: Sequence[threading.Event]) -> None:
    for event in waiting:
        event.set()
