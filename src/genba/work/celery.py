"""Celery: a task goes on in the trace of whoever sent it, by the headers of its message."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable
from typing import Any

from .. import harmless
from ..recording.carrying import carrier, resume

HEADER = "genba"
_OPEN = "_genba_resumed"


def connect() -> Callable[[], None]:
    """Listen to Celery's own signals."""
    signals: Any = sys.modules["celery.signals"]
    signals.before_task_publish.connect(_sent, weak=False)
    signals.task_prerun.connect(_begins, weak=False)
    signals.task_postrun.connect(_ended, weak=False)

    def undo() -> None:
        signals.before_task_publish.disconnect(_sent)
        signals.task_prerun.disconnect(_begins)
        signals.task_postrun.disconnect(_ended)

    return undo


def _sent(headers: Any = None, **_: Any) -> None:
    with harmless.guard("taking the context along to a task"):
        if isinstance(headers, dict):
            headers.setdefault(HEADER, carrier())


def _begins(task: Any = None, **_: Any) -> None:
    with harmless.guard("going on in the trace of who sent a task"):
        sent = getattr(task.request, HEADER, None) or (getattr(task.request, "headers", None) or {}).get(HEADER)
        if isinstance(sent, dict):
            opened = contextlib.ExitStack()
            opened.enter_context(resume(sent))
            setattr(task.request, _OPEN, opened)


def _ended(task: Any = None, **_: Any) -> None:
    with harmless.guard("leaving the trace of who sent a task"):
        opened = getattr(task.request, _OPEN, None)
        if opened is not None:
            delattr(task.request, _OPEN)
            opened.close()
