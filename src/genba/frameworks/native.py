"""Libraries that make OpenTelemetry spans themselves: each span that they start becomes one of ours.

Such a library is given `Taking` in place of its tracer. It goes on as before, with a span that it can set attributes on, make current
and end. What it says is kept and read at the end; the model clients below it see an owner, and add to it what was on the wire.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from opentelemetry import trace
from opentelemetry.context import Context, attach, detach, get_current
from opentelemetry.trace import SpanKind, Status, StatusCode

from .. import harmless, semconv
from ..recording import owning, signals
from ..recording.invocation import Invocation
from ..recording.joining import Joined, joined
from ..recording.reported import Reported
from ..semconv import Operation, Outcome
from .runs import outcome_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """What a library's span becomes."""

    operation: str | None
    """`gen_ai.operation.name`; None for a step of its own that the conventions have no name for."""
    name: str
    kind: SpanKind = SpanKind.INTERNAL
    attributes: Mapping[str, Any] = field(default_factory=dict)
    withholds_content: bool = False
    """Whether the library was told to keep what is said to itself."""


Hidden = None
"""For a span that says nothing which ours do not say: what it wraps hangs below what is around it."""

Take = Callable[[str, Mapping[str, Any]], Taken | None]
"""(the span's name, the attributes that it starts with) -> what it becomes, or `Hidden`."""
Tell = Callable[[Mapping[str, Any], Reported], None]
"""(all attributes that the library set, what is reported) -> sets how request, response and attributes are read from them."""


class Taking(trace.Tracer):
    """A tracer for a library that traces itself."""

    def __init__(self, library: str, take: Take, tell: Tell) -> None:
        self._library = library
        self._take = take
        self._tell = tell

    def start_span(
        self,
        name: str,
        context: Context | None = None,
        kind: SpanKind = SpanKind.INTERNAL,
        attributes: Mapping[str, Any] | None = None,
        links: Sequence[trace.Link] | None = None,
        start_time: int | None = None,
        record_exception: bool = True,
        set_status_on_exception: bool = True,
    ) -> trace.Span:
        """The span, begun: one of ours, or one that records nothing."""
        outer = owning.living(get_current() if context is None else context)
        with harmless.guard(f"taking over a span of {self._library}"):
            sending = signals.current()
            taken = self._take(name, attributes or {})
            if sending is not None and taken is not None and not owning.suppressed(outer) and not sending.drops(outer):
                owned = taken.operation is not None and owning.owner_of(outer, taken.operation) is not None
                if not owned:
                    around = _taken_around(trace.get_current_span(outer))
                    invocation = self._invocation(sending, taken, outer)
                    return TakenSpan(self._library, invocation, dict(attributes or {}), self._tell, around)
        return HiddenSpan(trace.get_current_span(outer))

    def _invocation(self, sending: signals.Signals, taken: Taken, outer: Context) -> Invocation:
        given = {name: value for name, value in taken.attributes.items() if value is not None}
        if taken.operation is not None:
            given[semconv.OPERATION_NAME] = taken.operation
        if taken.operation == Operation.EXECUTE_TOOL:
            same = joined(outer, given.get(semconv.TOOL_NAME), self._library, given)
            if same is not None:
                return same
        invocation = Invocation(sending, taken.operation, taken.name, taken.kind, given, outer)
        invocation.teller = self._library
        if taken.withholds_content:
            invocation.withholds_content = True
        return invocation

    @contextmanager
    def _current(self, span: trace.Span, *, end_on_exit: bool, record_exception: bool) -> Iterator[trace.Span]:
        token = attach(trace.set_span_in_context(span))
        try:
            yield span
        except BaseException as error:
            if record_exception or outcome_of(error) != Outcome.FAILED:
                span.record_exception(error)
            raise
        finally:
            detach(token)
            if end_on_exit:
                span.end()

    @contextmanager
    def start_as_current_span(  # type: ignore[override]  # the parent's is made a context manager in another way
        self,
        name: str,
        context: Context | None = None,
        kind: SpanKind = SpanKind.INTERNAL,
        attributes: Mapping[str, Any] | None = None,
        links: Sequence[trace.Link] | None = None,
        start_time: int | None = None,
        record_exception: bool = True,
        set_status_on_exception: bool = True,
        end_on_exit: bool = True,
    ) -> Iterator[trace.Span]:
        """The span, begun and current in the block."""
        span = self.start_span(name, context, kind, attributes, links, start_time)
        if not isinstance(span, TakenSpan):  # what is current stays so, and with it whoever owns the call
            yield span
            return
        with self._current(span, end_on_exit=end_on_exit, record_exception=record_exception):
            yield span


class HiddenSpan(trace.NonRecordingSpan):
    """Stands for a span that is hidden: the library makes it current, and what is around it is so still."""

    def __init__(self, around: trace.Span) -> None:
        super().__init__(around.get_span_context())
        self.genba_invocation: Invocation | None = getattr(around, "genba_invocation", None)
        self.around = _taken_around(around)


class TakenSpan(trace.Span):
    """One of our invocations in the hands of a library that takes it for its own span."""

    def __init__(
        self, library: str, invocation: Invocation, told: dict[str, Any], tell: Tell, around: TakenSpan | None = None
    ) -> None:
        self._library = library
        self._around = around
        self.inside: set[TakenSpan] = set()
        """Those begun in it that have not ended: few libraries end them when they are cancelled."""
        if around is not None and invocation.is_recording:
            around.inside.add(self)
        self.genba_invocation = invocation
        self._told = told
        self._tell = tell
        self._error: BaseException | None = None
        self._failed: str | None = None
        self._handled = sys.exc_info()[1]
        """The exception that was being handled around it when it began: that one is not its own."""
        invocation.context = trace.set_span_in_context(self, invocation.context)

    def get_span_context(self) -> trace.SpanContext:
        """The identity of the real span."""
        return self.genba_invocation.span.get_span_context()

    def is_recording(self) -> bool:
        """Whether what is set is kept."""
        return self.genba_invocation.is_recording

    def set_attribute(self, key: str, value: Any) -> None:
        """Keep what the library says."""
        self._told[key] = value

    def set_attributes(self, attributes: Mapping[str, Any]) -> None:
        """Keep what the library says."""
        self._told.update(attributes)

    def add_event(self, name: str, attributes: Any = None, timestamp: int | None = None) -> None:
        """Keep an event, if content is kept: it may quote some. The conventions' own event of what was said tells as attributes do."""
        if name == semconv.DETAILS_EVENT:
            self._told.update(attributes or {})
        elif self.genba_invocation.keeps_content:
            self.genba_invocation.span.add_event(name, attributes, timestamp)

    def add_link(self, context: trace.SpanContext, attributes: Any = None) -> None:
        """Link the real span."""
        self.genba_invocation.span.add_link(context, attributes)

    def update_name(self, name: str) -> None:
        """Rename it, if it is its own."""
        if isinstance(self.genba_invocation, Joined):
            return
        self.genba_invocation.name = name
        self.genba_invocation.span.update_name(name)

    def set_status(self, status: Status | StatusCode, description: str | None = None) -> None:
        """Remember that it failed."""
        code = status.status_code if isinstance(status, Status) else status
        if code is StatusCode.ERROR:
            self._failed = (status.description if isinstance(status, Status) else description) or ""

    def record_exception(
        self, exception: BaseException, attributes: Any = None, timestamp: Any = None, escaped: bool = False
    ) -> None:
        """Remember what went wrong."""
        self._error = exception

    def end(self, end_time: int | None = None) -> None:
        """End it: read what the library said, and let the invocation go."""
        invocation = self.genba_invocation
        if invocation.outcome is not None:
            return
        if self._around is not None:
            self._around.inside.discard(self)
        with harmless.guard(f"ending a span of {self._library}"):
            passing = sys.exc_info()[1]
            if self._error is None and passing is not self._handled and not isinstance(passing, (Exception, type(None))):
                self._error = passing  # a cancellation: few libraries say so
            reported = Reported()
            self._tell(dict(self._told), reported)
            if reported.arguments is not None:
                invocation.took(reported.arguments)
            if reported.result is not None:
                invocation.gave(reported.result)
            failed = self._error is not None or self._failed is not None
            if isinstance(invocation, Joined):
                invocation.add(reported.attributes)
            elif invocation.exchange is None:
                invocation.exchange = invocation.refused[0] if failed and invocation.refused is not None else reported
            else:
                seen = invocation.exchange.extra()
                for name, value in reported.attributes.items():
                    if name not in seen:
                        invocation.set_attribute(name, value)
            if self._error is not None:
                outcome = outcome_of(self._error)
                if outcome == Outcome.CANCELLED:
                    for span in list(self.inside):
                        span.cancel(self._error)
                invocation.end(outcome, self._error if outcome == Outcome.FAILED else None)
            elif self._failed is not None:
                invocation.answered_badly(str(self._told.get(semconv.ERROR_TYPE) or "_OTHER"), self._failed or None)
            else:
                invocation.end(Outcome.COMPLETED)

    def cancel(self, error: BaseException) -> None:
        """End it with what is around it, which `error` stopped."""
        self._error = self._error or error
        self.end()


def _taken_around(span: trace.Span) -> TakenSpan | None:
    """The library's span that `span` is, or hides in."""
    return span if isinstance(span, TakenSpan) else getattr(span, "around", None)
