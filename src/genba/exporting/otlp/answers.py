"""What a server says to a request, in one form for HTTP and gRPC: taken, not now, never, or too large."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Final, Literal, Protocol, TypeAlias

Verdict: TypeAlias = Literal["taken", "later", "never", "too large"]

LONGEST_WAIT: Final = 3600.0
"""Seconds. A server that wants to be left alone for longer is asked again after these."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of a request."""

    verdict: Verdict
    reason: str = ""
    rejected: int = 0
    """Spans that it did not take, of a request that it took."""
    after: float | None = None
    """Seconds after which it wants to be asked again, if it said so."""
    is_about_us: bool = False
    """Whether a server failed over these very spans, so that asking again for ever would hold up what comes behind them."""


class Stopped(Exception):
    """The process ends: nobody waits for an answer any more."""


class Transport(Protocol):
    """The way to a server."""

    def send(self, request: bytes, meanwhile: Callable[[], None]) -> Answer:
        """Send it once; `meanwhile` is called again and again until there is an answer, and may raise `Stopped`."""

    def close(self) -> None:
        """Let go of connections."""


def retry_after(said: str | None) -> float | None:
    """Seconds of a `Retry-After` header, which has seconds or a date."""
    if not said:
        return None
    try:
        seconds = float(said)
    except ValueError:
        try:
            seconds = parsedate_to_datetime(said).timestamp() - time.time()
        except (ValueError, TypeError, OverflowError):
            return None
    return min(max(seconds, 0.0), LONGEST_WAIT) if math.isfinite(seconds) else None


def of_status(status: int, reason: str, after: str | None) -> Answer:
    """The answer that an HTTP status is, other than of success."""
    if status == 413:
        return Answer("too large", f"HTTP 413 {reason}")
    if status in (408, 429) or status >= 500:
        return Answer("later", f"HTTP {status} {reason}", after=retry_after(after), is_about_us=status in (500, 501, 505, 511))
    return Answer("never", f"HTTP {status} {reason}".strip())
