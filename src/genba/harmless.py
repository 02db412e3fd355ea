"""Our mistakes stay ours: whatever breaks in genba, the host never sees it.

A failure is counted under the words that say what we were doing, and logged once for each of them. Only our own few lines go under a
guard, never the host's: its exceptions pass untouched.
"""

from __future__ import annotations

import contextlib
import logging
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import TracebackType

logger = logging.getLogger("genba")


@dataclass(frozen=True, slots=True)
class Failure:
    """One kind of failure: how often, and what the first one said."""

    count: int
    first: str


cleaned: Callable[[str], str] = str
"""Takes out of the words of an error what must not be logged: they may quote what was said."""
_failures: dict[str, Failure] = {}
_strict = False


def failed(doing: str, error: BaseException) -> None:
    """Count that `error` happened while `doing`, and log it if it is the first of its kind."""
    if _strict:
        raise error
    known = _failures.get(doing)
    _failures[doing] = Failure(known.count + 1 if known else 1, known.first if known else _words(error))
    if known is None:
        with contextlib.suppress(Exception):  # a broken log handler of the host is not ours to report through
            logger.warning(
                "genba failed while %s: %s. Your program is not affected; the trace of this call may lack something. "
                "Further failures of this kind are counted, not logged: see genba.doctor().",
                doing,
                _words(error),
            )
            if logger.isEnabledFor(logging.DEBUG):  # as text: the words of an error may have to be cleaned
                logger.debug("%s", cleaned("".join(traceback.format_exception(error))))


def _words(error: BaseException) -> str:
    try:
        return cleaned(f"{type(error).__name__}: {error}")
    except Exception:  # noqa: BLE001  # an exception may fail to describe itself
        return type(error).__name__


class guard:  # noqa: N801  # reads as a statement: with guard("reading the response")
    """`with guard("reading the response"):` lets no `Exception` out of the block."""

    __slots__ = ("_doing",)

    def __init__(self, doing: str) -> None:
        self._doing = doing

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> bool:
        if error is None or not isinstance(error, Exception):
            return False
        failed(self._doing, error)
        return True


def failures() -> dict[str, Failure]:
    """What has failed so far in this process, by what we were doing."""
    return dict(_failures)


def clean_with(clean: Callable[[str], str] | None) -> None:
    """Have the words of errors cleaned by this before they are logged."""
    global cleaned  # noqa: PLW0603  # one for the process is the point
    cleaned = clean or str


def forget() -> None:
    """Start counting anew."""
    _failures.clear()


@contextmanager
def strict() -> Iterator[None]:
    """Let our failures out, for our own tests."""
    global _strict  # noqa: PLW0603  # one switch for the process is the point
    before, _strict = _strict, True
    try:
        yield
    finally:
        _strict = before
