"""Take finished spans from an OpenTelemetry provider to genba's own destinations, by way of the background thread."""

from __future__ import annotations

from collections.abc import Sequence

from opentelemetry.context import Context
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor

from ..background import Background
from ..recording.ledger import Ledger
from ..recording.pending import invocation_of
from .crowding import Crowd
from .destinations import Delivery, sequence_of


class OnlyOurs(SpanProcessor):
    """In a pipeline of the app's: passes genba's own spans on to another processor, and nothing else."""

    def __init__(self, inner: SpanProcessor) -> None:
        self._inner = inner
        self.is_on = True

    def on_end(self, span: ReadableSpan) -> None:
        """Pass a span of ours on."""
        if self.is_on and invocation_of(span) is not None:
            self._inner.on_end(span)

    def shutdown(self) -> None:
        """Shut the inner one down."""
        self._inner.shutdown()

    def force_flush(self, timeout_millis: int = 30000) -> bool:
        """Flush the inner one."""
        return self._inner.force_flush(timeout_millis)


class Processor(SpanProcessor):
    """A span processor whose `on_end` costs the host one `deque.append`."""

    def __init__(self, delivery: Delivery, background: Background, ledger: Ledger, *, only_ours: bool) -> None:
        self._delivery = delivery
        self._background = background
        self._ledger = ledger
        self._only_ours = only_ours
        """In the app's own pipeline genba's destinations are given genba's spans, and nothing else of the app's."""
        self.is_on = True
        self._work = self._deliver
        self._crowd = Crowd(background, self._work, ledger, may_lighten=not only_ours)

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        """Nothing happens at the start."""

    def on_end(self, span: ReadableSpan) -> None:
        """Queue a finished, sampled span."""
        if not self.is_on or (self._only_ours and invocation_of(span) is None):
            return
        context = span.context
        if context is None or not context.trace_flags.sampled:
            sequence = sequence_of(span)
            if sequence is not None:  # recorded, for a processor of the app's, but not to be exported
                self._ledger.skip(sequence)
            return
        if not self._background.offer(self._work, span):
            self._crowd.add(span)

    def waiting(self) -> Sequence[ReadableSpan]:
        """What is queued."""
        return self._background.waiting_for(self._work)

    def forked(self) -> None:
        """Forget what was queued in the parent."""
        self._crowd.forked()

    def _deliver(self, spans: Sequence[ReadableSpan]) -> None:
        try:
            self._delivery.deliver(spans)
        finally:
            self._crowd.left(spans)

    def shutdown(self) -> None:
        """Take no more; what is queued is still written."""
        self.force_flush(2000)

    def force_flush(self, timeout_millis: int = 30000) -> bool:
        """Wait until what is queued is written."""
        return self._background.flush(timeout_millis / 1000)
