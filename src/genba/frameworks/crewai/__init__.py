"""CrewAI: what it tells its event bus, as spans. A model call is joined by the client's call below it.

The bus has its handlers called in threads of its own; what it is told is listened to where it is told, in the context of the work.
"""

from __future__ import annotations

import functools
import inspect
import sys
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from opentelemetry.context import get_current
from opentelemetry.trace import SpanKind

from ... import harmless
from ...observing.around import around, around_async
from ...observing.patching import Patch
from ...recording import owning
from ...semconv import Operation, Outcome
from ..runs import Run, Runs
from .steps import STEPS

_LIBRARY = "crewai"
_runs = Runs(_LIBRARY)
_in_hand: dict[str, BaseException] = {}
"""Events that begin something -> the exception that was being handled then: it is not theirs."""
_BEGAN = "_started"
_FAILED = ("_failed", "_error")


class Place(NamedTuple):
    """Which of them a run is."""

    kind: str
    id: str


def _told(source: Any, event: Any) -> None:
    """Take note of an event, which has been given its place among the others."""
    kind, _, what = str(event.type).rpartition("_")
    if f"_{what}" == _BEGAN:
        _begin(source, event, kind)
    elif event.started_event_id is not None:
        _end(source, event, kind, what)


def _is_hidden(source: Any, kind: str) -> bool:
    """Whether it makes no span: a kind that nothing is known of, or the flow that is how an agent goes about its work."""
    return kind not in STEPS or (kind == "flow" and type(source).__name__ == "AgentExecutor")


def _begin(source: Any, event: Any, kind: str) -> None:
    id, parent = event.event_id, event.parent_event_id
    above = _runs.above(parent)
    if above is not None:
        _settle(above)
    if _is_hidden(source, kind):
        _runs.hide(id, parent, current=True)
        return
    step = STEPS[kind]
    subject = step.subject(event)
    word = step.operation or step.word
    run = _runs.begin(
        id,
        step.operation,
        f"{word} {subject}" if subject else word,
        parent=parent,
        kind=SpanKind.CLIENT if step.operation == Operation.CHAT else SpanKind.INTERNAL,
        attributes=step.attributes(event),
        current=True,
    )
    if run is None:
        _runs.hide(id, parent)
        return
    run.memo = Place(kind, id)
    handled = sys.exc_info()[1]
    if handled is not None:
        _in_hand[id] = handled
    step.begins(event, run)


def _settle(above: Run) -> None:
    """End the model calls in `above` that are over: the end of one that asks for tools is not always told."""
    for run in _in(above):
        inner = run.invocation.inner
        if run.memo.kind == "llm_call" and inner is not None and inner.ended:
            _runs.end(run.memo.id)


def _in(above: Run) -> list[Run]:
    return [run for id in _runs.below(above.memo.id) if (run := _runs.get(id)) is not None]


def _end(source: Any, event: Any, kind: str, what: str) -> None:
    run = None if _is_hidden(source, kind) else _meant(event.started_event_id, kind)
    if run is None:
        if _runs.get(event.started_event_id) is None:
            _runs.end(event.started_event_id)  # a hidden one
        return
    id = run.memo.id
    _settle(run)
    _cut(run, Outcome.ABANDONED, but_itself=True)
    STEPS[kind].ends(event, run)
    error = sys.exc_info()[1]
    if error is _in_hand.pop(id, None):
        error = None
    if f"_{what}" in _FAILED:
        said = event.error
        _runs.end(id, said if isinstance(said, BaseException) else error, failed=str(said))
    elif getattr(event, "failure", None) is not None:
        _runs.end(id, failed=str(getattr(event.failure, "message", None) or event.failure))
    else:
        _runs.end(id, outcome=Outcome.CANCELLED if what == "paused" else Outcome.COMPLETED)


def _meant(id: str, kind: str) -> Run | None:
    """The run of this kind whose end is told. The bus takes the end of what was never ended, or twice, for that of something around."""
    innermost: Any = get_current().get(owning.RUN)
    for start in (_runs.get(id), innermost):
        run: Run | None = start
        while run is not None and not (isinstance(run.memo, Place) and run.memo.kind == kind):
            run = run.above
        if run is not None and _runs.get(run.memo.id) is run:
            return run
    return None


def _cut(run: Run, outcome: str, *, but_itself: bool = False) -> None:
    """End what goes on in `run`, and it too: nobody will tell of their ends."""
    for inner in _in(run):
        _cut(inner, outcome)
    if not but_itself:
        _runs.end(run.memo.id, outcome=outcome)


def _telling(emit: Callable[..., Any]) -> Callable[..., Any]:
    """Around what passes every event on."""

    @functools.wraps(emit)
    def told(self: Any, source: Any, event: Any) -> Any:
        result = emit(self, source, event)
        with harmless.guard("listening to crewai"):
            _told(source, event)
        return result

    return told


class _Watch:
    """A kickoff at work: of one that is cancelled, or interrupted, the bus is not told."""

    instead = None

    def __init__(self, crew: Any) -> None:
        self.context = get_current()
        self._crew = crew
        self._before = self._id

    @property
    def _id(self) -> Any:
        """The event that the crew's latest kickoff began with."""
        return getattr(self._crew, "_kickoff_event_id", None)

    def left(self, error: BaseException) -> None:
        """End what began in it and goes on, when something stopped it that is no error."""
        with harmless.guard("ending what crewai left"):
            run = _runs.get(self._id)
            if not isinstance(error, Exception) and run is not None and self._id != self._before:
                _cut(run, Outcome.CANCELLED)


def _watched(kickoff: Callable[..., Any]) -> Callable[..., Any]:
    wrap = around_async if inspect.iscoroutinefunction(kickoff) else around
    return wrap(kickoff, lambda args, _: _Watch(args[0]), _Watch.left, lambda _, result: result)


def patches() -> Sequence[Patch]:
    """What passes every event on, and what begins the work."""
    kickoffs = [Patch("crewai.crew", f"Crew.{name}", _watched, _LIBRARY) for name in ("kickoff", "akickoff")]
    return [Patch("crewai.events.event_bus", "CrewAIEventsBus.emit", _telling, _LIBRARY), *kickoffs]
