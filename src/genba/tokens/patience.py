"""How long a tokenizer may take to be read: as long as it takes, but the end of the process does not wait for it.

Reading one takes seconds. The span that waits for it has to be handed over before the process is gone, so the reading then stops.
"""

from __future__ import annotations

import threading
from typing import Final

_is_over: Final = threading.Event()


class OutOfTimeError(TimeoutError):
    """The process ended first."""


def end() -> None:
    """Let what is being read now, and whatever is to be read next, stop."""
    _is_over.set()


def begin() -> None:
    """Let tokenizers be read again."""
    _is_over.clear()


def check() -> None:
    """Stop if there is no time left.

    Raises:
        OutOfTimeError: there is none.
    """
    if _is_over.is_set():
        raise OutOfTimeError("the process ended before it was read")
