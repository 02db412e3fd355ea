"""The runs that a framework tells of by callbacks, under ids of its own: each becomes an invocation below the right parent.

What a callback makes current may not be undone where it was done: the end of a run is often told in another task, or thread. So a run
leaves by setting what was current before it, and only where it still is current itself; `owning.living` passes over what is left.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

from opentelemetry.context import Context, attach, get_current
from opentelemetry.trace import SpanKind

from .. import harmless, semconv
from ..recording import owning, signals
from ..recording.invocation import Invocation
from ..recording.reported import Reported
from ..semconv import Outcome

_MANY = 100_000
"""Runs of one framework at a time, before the oldest is given up: one whose end is never told must not be kept for ever."""


class Run:
    """A run in flight."""

    __slots__ = ("context", "invocation", "outer", "reported")

    def __init__(self, invocation: Invocation, outer: Context) -> None:
        self.invocation = invocation
        self.outer = outer
        """What was current around it."""
        self.context = invocation.context = Context({**invocation.context, owning.RUN: self})
        """What is current in it."""
        self.reported = Reported()
        """What the framework says of it, for as far as no client saw it closer to the wire."""


class Runs:
    """The runs of one framework, by its ids. Nothing here raises."""

    def __init__(self, framework: str) -> None:
        self._framework = framework
        self._runs: dict[Hashable, Run] = {}

    def begin(
        self,
        id: Hashable,
        operation: str | None,
        name: str,
        *,
        parent: Hashable | None = None,
        kind: SpanKind = SpanKind.INTERNAL,
        attributes: Mapping[str, Any] | None = None,
        current: bool = False,
    ) -> Run | None:
        """Begin the run `id` below the run `parent`, if that is known, else below what is current.

        With `current`, what the framework calls from here on sees it as current: its model calls join it, spans become its children.
        Say so only where the callback runs in the context of the work. None if it is not recorded: then its children hang higher.
        """
        with harmless.guard(f"beginning a run of {self._framework}"):
            sending = signals.current()
            if sending is None:
                return None
            here = owning.living(get_current())
            above = self._runs.get(parent) if parent is not None else None
            outer = here if above is None or _is_inside(here, above) else above.context
            if owning.suppressed(outer) or sending.drops(outer):
                return None
            if operation is not None and owning.owner_of(outer, operation) is not None:
                return None  # an outer layer reports this operation already
            given = {name: value for name, value in (attributes or {}).items() if value is not None}
            if operation is not None:
                given[semconv.OPERATION_NAME] = operation
            invocation = Invocation(sending, operation, name, kind, given, outer)
            run = Run(invocation, here)
            if len(self._runs) >= _MANY:
                self._give_up_the_oldest()
            self._runs[id] = run
            if current:
                attach(run.context)
            return run
        return None

    def get(self, id: Hashable) -> Run | None:
        """The run `id`, while it lasts."""
        return self._runs.get(id)

    def end(self, id: Hashable, error: BaseException | None = None, *, outcome: str | None = None) -> None:
        """End the run `id`: as failed with `error`, else as `outcome` says, else as completed."""
        run = self._runs.pop(id, None)
        if run is None:
            return
        with harmless.guard(f"ending a run of {self._framework}"):
            if get_current() is run.context:
                attach(run.outer)
            invocation = run.invocation
            if invocation.exchange is None and run.reported.says_something:
                invocation.exchange = run.reported
            if outcome is None:
                outcome = Outcome.COMPLETED if error is None else outcome_of(error)
            invocation.end(outcome, error if outcome == Outcome.FAILED else None)

    def abandon_all(self) -> None:
        """End every run, as abandoned: the framework will not tell of it any more."""
        for id in list(self._runs):
            self.end(id, outcome=Outcome.ABANDONED)

    def _give_up_the_oldest(self) -> None:
        self.end(next(iter(self._runs)), outcome=Outcome.ABANDONED)


def _is_inside(here: Context, run: Run) -> bool:
    """Whether `here` is current in `run`, or further in: then it knows more than the run does, such as a span of the host's."""
    inner: Any = here.get(owning.RUN) if here else None
    while inner is not None:
        if inner is run:
            return True
        inner = inner.outer.get(owning.RUN) if inner.outer else None
    return False


def outcome_of(error: BaseException) -> str:
    """How a run ended that was left by `error`: what stops a generator, a task or a process on purpose is no failure."""
    names = {kind.__name__ for kind in type(error).__mro__}
    if not isinstance(error, Exception) or names & INTERRUPTIONS:
        return Outcome.CANCELLED
    return Outcome.FAILED


INTERRUPTIONS = frozenset(("CancelledError", "GeneratorExit", "GraphBubbleUp", "ParentCommand"))
"""Names of exceptions by which frameworks stop a run on purpose."""
