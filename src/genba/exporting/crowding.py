"""What happens to finished spans when they come faster than they can be written: memory is bounded, and every call stays accounted for.

Up to a budget of bytes nothing is lost. Beyond it the newest spans are kept without what was said in them: they still tell who called
what, when, how it ended and what it cost. When there are too many even of those, the oldest go; their numbers, and their tokens as
a sum, stay in the ledger.
"""

from __future__ import annotations

import threading
from typing import Any, Final

from opentelemetry.sdk.trace import ReadableSpan

from .. import harmless
from ..background import Background, Work
from ..recording.ledger import OVERLOADED, Ledger
from ..recording.pending import invocation_of
from .destinations import sequence_of

BUDGET: Final = 64 * 1024 * 1024
"""Bytes of what was said that may wait to be written."""
REFUSED: Final = "background queue full"


class Crowd:
    """The spans that wait for one kind of work, beyond the first few, which nobody weighs."""

    def __init__(self, background: Background, work: Work, ledger: Ledger, *, may_lighten: bool, budget: int = BUDGET) -> None:
        self._background = background
        self._work = work
        self._ledger = ledger
        self._may_lighten = may_lighten
        """Not in the application's own pipeline: its exporters would miss what was said, too."""
        self._budget = budget
        self.forked()

    def forked(self) -> None:
        """Forget what was waiting in the parent."""
        self._lock = threading.RLock()  # a finaliser may end a call in the middle of this
        self._held = 0

    def add(self, span: ReadableSpan) -> None:
        """Queue it, and keep within bounds. On the host's thread, since genba's own is busy."""
        invocation = invocation_of(span)
        with self._lock:
            weight = 0
            with harmless.guard("weighing a span"):
                weight = invocation.weight() if invocation is not None else 0
            if self._held + weight > self._budget:
                if self._may_lighten and invocation is not None:
                    with harmless.guard("dropping what was said, because of overload"):
                        invocation.lighten()
                        self._ledger.content_dropped += 1
                        weight = 0
                else:
                    while self._held + weight > self._budget and self._drop_the_oldest():
                        pass
            while self._background.is_full and self._drop_the_oldest():
                pass
            if not self._background.put(self._work, span):
                self._ledger.lose([sequence_of(span)], REFUSED, usage=_usage(invocation))
                return
            if invocation is not None and weight:
                invocation.weighed = weight
                self._held += weight

    def left(self, spans: Any) -> None:
        """These are written."""
        freed = sum(getattr(invocation_of(span), "weighed", 0) for span in spans)
        if freed:
            with self._lock:
                self._held -= freed

    def _drop_the_oldest(self) -> bool:
        span = self._background.displace(self._work)
        if span is None:
            return False
        invocation = invocation_of(span)
        with harmless.guard("weighing a span"):
            # The first of a crowd was not weighed when it came: it makes room all the same.
            self._held -= 0 if invocation is None else invocation.weighed or invocation.weight()
        self._ledger.lose([sequence_of(span)], OVERLOADED, usage=_usage(invocation))
        return True


def _usage(invocation: Any) -> Any:
    with harmless.guard("reading what a dropped call cost"):
        return None if invocation is None else invocation.cost()
