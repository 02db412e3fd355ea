"""The ways in which a process begins or ends that Python's own hooks do not see: servers that fork, signals, children that `_exit`."""

from __future__ import annotations

import _thread
import contextlib
import os
import signal
import sys
import threading
from collections.abc import Callable
from importlib import import_module
from typing import Any, Final

from . import harmless

GRACE: Final = 2.5
"""Seconds that a signal waits for everything to be handed over."""

_forking: list[Callable[[], None]] = []
_handler: Any = None


def watch(forked: Callable[[], None], end: Callable[[], None], *, sigterm: bool) -> None:
    """Have `forked` called in children that are made without Python's knowing, and, if asked, `end` before SIGTERM ends the process."""
    if "uwsgi" in sys.modules:
        with harmless.guard("following the forks of uWSGI"):
            _follow_uwsgi(sys.modules["uwsgi"], forked)
    if sigterm:
        with harmless.guard("handling SIGTERM"):
            _handle_sigterm(end)


def leave() -> None:
    """Take the handler of SIGTERM off, if it is still there."""
    global _handler  # one for the process is the point
    handler, _handler = _handler, None
    if handler is not None and threading.current_thread() is threading.main_thread():
        with contextlib.suppress(ValueError):
            if signal.getsignal(signal.SIGTERM) is handler:
                signal.signal(signal.SIGTERM, signal.SIG_DFL)


def forked(end: Callable[[], None]) -> None:
    """In a child of multiprocessing: it ends by `os._exit`, and so without `atexit`, but does what was registered with it."""
    for name in ("multiprocessing.util", "billiard.util"):
        util = sys.modules.get(name)
        if util is not None:
            with harmless.guard("following a child of multiprocessing"):
                # Not a finaliser yet: the child forgets those that it finds, and then does what was registered so.
                util.register_after_fork(end, lambda end, util=util: util.Finalize(None, end, exitpriority=100))


def _follow_uwsgi(uwsgi: Any, begin: Callable[[], None]) -> None:
    """UWSGI forks in C. Without its option `enable-threads` Python is not told, and no thread runs between two requests."""
    if begin not in _forking:
        _forking.append(begin)
        try:
            import_module("uwsgidecorators").postfork_chain.append(begin)
        except Exception:  # noqa: BLE001  # it refuses to be imported where there is no master process
            before = getattr(uwsgi, "post_fork_hook", None)

            def hook() -> None:
                begin()
                if callable(before):
                    before()

            uwsgi.post_fork_hook = hook
    options = getattr(uwsgi, "opt", {})
    if not any(name in options for name in ("enable-threads", b"enable-threads", "threads", b"threads")):
        harmless.logger.warning(
            "genba: uWSGI runs without threads, so spans are handed over only while a request is worked on, and those of the last "
            "request wait for the next one. Add 'enable-threads = true' to its configuration, or put 'with genba.flushing():' "
            "around each request."
        )


def _handle_sigterm(end: Callable[[], None]) -> None:
    global _handler  # noqa: PLW0603
    if threading.current_thread() is not threading.main_thread() or signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
        return  # the app's own handling stays the only one

    def handle(number: int, _frame: Any) -> None:
        # The signal may have interrupted this thread inside a lock of ours, so another does it, and this one waits for a while.
        done = _thread.allocate_lock()
        done.acquire()

        def work() -> None:
            with harmless.guard("handing over before the process ends"):
                end()
            done.release()

        is_ours = signal.getsignal(number) is handle  # else a handler of the app's has called it, and decides what follows
        with harmless.guard("handing over before the process ends"):
            _thread.start_new_thread(work, ())
            done.acquire(timeout=GRACE)
        if is_ours:
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)

    _handler = handle
    signal.signal(signal.SIGTERM, handle)
