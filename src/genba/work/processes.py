"""Processes that `multiprocessing` starts, and its pools: their spans are handed over before they end, and hang where they belong.

A child ends by `os._exit`, which runs no exit functions but its own; so genba asks `multiprocessing` to be called.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Sequence
from typing import Any

from .. import harmless, running
from ..observing.patching import Patch
from ..recording import signals
from .carried import carry
from .threads import carrying_first

NAME = "multiprocessing"


def connect() -> None:
    """Have what has ended handed over at the end of every child."""
    util: Any = sys.modules.get("multiprocessing.util")
    if util is not None and not getattr(util, _MARK, False):
        setattr(util, _MARK, True)
        util.register_after_fork(_flush_at_exit, lambda at_exit: util.Finalize(None, at_exit, exitpriority=0))


_MARK = "_genba_is_called_at_exit"


def _flush_at_exit() -> None:
    with harmless.guard("handing over spans at the end of a child"):
        running.flush(running.EXIT_TIMEOUT)


def patches() -> Sequence[Patch]:
    """What is wrapped, if the host asks for it with `carry_context`."""
    sending = signals.current()
    if sending is None or NAME not in sending.settings.carry_context:
        return ()
    pool = "multiprocessing.pool"
    return [
        Patch("multiprocessing.process", "BaseProcess.start", _carrying_target, NAME),
        *(Patch(pool, f"Pool.{name}", carrying_first, NAME) for name in ("apply_async", "_map_async", "imap", "imap_unordered")),
    ]


def _carrying_target(original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def start(process: Any) -> Any:
        with harmless.guard("taking the context along to a process"):
            target = getattr(process, "_target", None)
            if target is not None:
                process._target = carry(target)  # noqa: SLF001  # where `run` looks
        return original(process)

    return start
