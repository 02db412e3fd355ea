"""Keeps the account of this run beside its spans: on genba's thread, a little after something has changed, and at the end.

The journal says what is under way, for whoever finds this process dead. The store is told the counts, and which calls are absent.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from time import monotonic, time_ns
from typing import Any

from .. import semconv
from ..background import INTERVAL
from ..recording.ledger import Ledger
from .destinations import Store

PAUSE = 1.0
"""Seconds between two accounts, where no spans are written that one goes along with."""
_SHOWN = (
    semconv.OPERATION_NAME,
    semconv.PROVIDER_NAME,
    semconv.REQUEST_MODEL,
    semconv.CONVERSATION_ID,
    semconv.AGENT_NAME,
    semconv.TOOL_NAME,
)


class Accounts:
    """The account of this run, kept in `store`."""

    def __init__(self, ledger: Ledger, store: Store, *, is_used: Callable[[], bool]) -> None:
        self._ledger = ledger
        self._store = store
        self._is_delivering = is_used
        """Whether spans go there at all: an application's pipeline may have taken its place before the first."""
        self._has_ended = False
        self._seen = 0
        self._next = 0.0

    def is_due(self) -> bool:
        """Whether calls were made since it last looked."""
        return self._is_used() and self._ledger.made != self._seen

    def tick(self) -> bool:
        """Write down what has changed, if it is worth it by now; True if there is something to come back for."""
        if not self._is_used():
            return False
        self._seen = self._ledger.made
        is_young = False
        # Where that disk cannot be written, the spans' own way says so: once.
        with contextlib.suppress(OSError):
            is_young = self._note()
        again = self._store.has_changed(self._ledger.account())
        if again and monotonic() >= self._next:
            self._next = monotonic() + PAUSE
            self.write()
            again = False
        return again or is_young

    def write(self) -> None:
        """Write it now, if it can be: where it cannot, the way of the spans says so, and the counts stay here."""
        from ..store.errors import StoreError

        with contextlib.suppress(StoreError):
            if self._is_used() and self._ledger.made:
                self._store.write(())

    def end(self) -> None:
        """The last word: the run ends in order."""
        from ..store.errors import StoreError

        with contextlib.suppress(StoreError):
            if self._is_used() and self._ledger.made:
                self._has_ended = True
                self._store.end()

    def _is_used(self) -> bool:
        return not self._has_ended and self._is_delivering()

    def _note(self) -> bool:
        """Note the calls that take longer; True if there are some of which that cannot be said yet."""
        from ..store.journal import UnderWay

        journal = self._store.journal()
        is_young = False
        begun = []
        open_ = self._ledger.open.copy()
        until = time_ns() - int(INTERVAL * 0.5e9)
        for sequence in open_.keys() - journal.noted if self._ledger.elsewhere_from is None else ():
            invocation = open_[sequence]
            context = invocation.span.get_span_context()
            if not context.trace_flags.sampled:
                continue
            if invocation.started_ns > until:
                is_young = True
                continue
            parent = getattr(invocation.span, "parent", None)
            begun.append(
                UnderWay(
                    sequence=sequence,
                    started_ns=invocation.started_ns,
                    name=self._store.clean(invocation.name),
                    trace_id=context.trace_id.to_bytes(16, "big"),
                    span_id=context.span_id.to_bytes(8, "big"),
                    parent_span_id=parent.span_id.to_bytes(8, "big") if parent is not None else None,
                    kind=_kind(invocation.span),
                    attributes={
                        name: self._store.clean(value) for name, value in invocation.start_attributes.items() if name in _SHOWN
                    },
                )
            )
        journal.note(begun, journal.noted - open_.keys())
        return is_young


def _kind(span: Any) -> str:
    kind = getattr(span, "kind", None)
    return kind.name.lower() if kind is not None else "internal"
