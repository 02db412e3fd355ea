"""Threads and their pools: what is current where a thread is started, or a task handed in, is current in it."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

from .. import harmless
from ..observing.patching import Patch
from .carried import carry


def patches() -> Sequence[Patch]:
    """What is wrapped, if the host asks for it with `carry_context`."""
    return [
        Patch("threading", "Thread.start", _carrying_start, "threading"),
        Patch("concurrent.futures.thread", "ThreadPoolExecutor.submit", carrying_first, "concurrent.futures"),
    ]


def _carrying_start(original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def start(thread: Any) -> Any:
        with harmless.guard("taking the context along to a thread"):
            if not getattr(thread, "_started").is_set() and not thread.name.startswith("genba"):  # noqa: B009  # private, and known to be there
                carried = carry(thread.run)

                def run() -> None:
                    del thread.run  # the thread's own is there again
                    carried()

                thread.run = run
        return original(thread)

    return start


def carrying_first(original: Callable[..., Any]) -> Callable[..., Any]:
    """Around a method whose first argument is a function to be called elsewhere."""

    @functools.wraps(original)
    def hand_in(receiver: Any, function: Any, *args: Any, **kwargs: Any) -> Any:
        with harmless.guard("taking the context along to a pool"):
            function = carry(function)
        return original(receiver, function, *args, **kwargs)

    return hand_in
