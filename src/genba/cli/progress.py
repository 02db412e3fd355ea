"""A bar on standard error, for what takes over a second."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import Progress as Bar

from ..drift.sides import Progress, untold


@contextmanager
def progress_bar() -> Iterator[Progress]:
    """Told how far it is, it shows so on a terminal, once it takes over a second."""
    if not sys.stderr.isatty():
        yield untold
        return
    began = time.monotonic()
    tasks: dict[str, Any] = {}
    with Bar(console=Console(stderr=True, markup=False, highlight=False), transient=True, disable=False, auto_refresh=False) as bar:

        def show(what: str, done: int, total: int) -> None:
            if time.monotonic() - began < 1:
                return
            if what not in tasks:
                for earlier in tasks.values():
                    bar.remove_task(earlier)
                tasks.clear()
                tasks[what] = bar.add_task(what, total=total)
            bar.update(tasks[what], completed=done, total=total)
            bar.refresh()

        yield show
