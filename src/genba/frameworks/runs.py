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
from ..recording.joining import Joined, joined
from ..recording.reported import Reported
from ..semconv import Operation, Outcome

_MANY = 100_000
"""Runs of one framework at a time, before the oldest is given up: one whose end is never told must not be kept for ever."""


class Run:
    """A run in flight."""

    __slots__ = ("above", "context", "current", "invocation", "memo", "outer", "reported")

    def __init__(self, invocation: Invocation, outer: Context, above: Run | None = None, *, quietly: bool = False) -> None:
        self.invocation = invocation
        self.above = above
        """The run that it was begun in, by the framework's ids."""
        self.outer = outer
        """What was current around it."""
        self.context = invocation.context = Context({**invocation.context, owning.RUN: self})
        """The context of what is done in it."""
        self.current = owning.unseen(self.context, outer) if quietly else self.context
        """What is made current for it."""
        self.reported = Reported()
        """What the framework says of it, for as far as no client saw it closer to the wire."""
        self.memo: Any = None
        """Whatever the framework's declaration wants to remember of it."""


class Hidden:
    """A run that is worth no span: what is done in it belongs to the run above."""

    __slots__ = ("above", "current", "outer")

    def __init__(self, above: Run, outer: Context, *, quietly: bool) -> None:
        self.above = above
        self.outer = outer
        self.current = owning.unseen(above.context, outer) if quietly else above.context


class Runs:
    """The runs of one framework, by its ids. Nothing here raises."""

    def __init__(self, framework: str) -> None:
        self._framework = framework
        self._runs: dict[Hashable, Run | Hidden] = {}

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
        quietly: bool = False,
        began_ns: int | None = None,
    ) -> Run | None:
        """Begin the run `id` below the run `parent`, if that is known, else below what is current.

        With `current`, what the framework calls from here on sees it as current: its model calls join it, spans become its children.
        Say so only where the callback runs in the context of the work. None if it is not recorded: then its children hang higher.
        With `quietly`, only our own layers see it: where its end may be told in another context, the host's next span must not hang
        on it.
        """
        with harmless.guard(f"beginning a run of {self._framework}"):
            sending = signals.current()
            if sending is None:
                return None
            here = owning.living(get_current())
            above = self.above(parent)
            outer = here if above is None or _is_inside(here, above) else above.context
            if owning.suppressed(outer) or sending.drops(outer):
                return None
            if operation is not None and owning.owner_of(outer, operation) is not None:
                return None  # an outer layer reports this operation already
            given = {name: value for name, value in (attributes or {}).items() if value is not None}
            if operation is not None:
                given[semconv.OPERATION_NAME] = operation
            invocation: Invocation | None = None
            if operation == Operation.EXECUTE_TOOL:
                invocation = joined(outer, given.get(semconv.TOOL_NAME), self._framework, given)
            if invocation is None:
                invocation = Invocation(sending, operation, name, kind, given, outer, began_ns)
                invocation.teller = self._framework
            run = Run(invocation, _around(), above, quietly=quietly)
            self._keep(id, run, current=current)
            return run
        return None

    def hide(self, id: Hashable, parent: Hashable, *, current: bool = False, quietly: bool = False) -> None:
        """Begin the run `id` without a span: what begins in it hangs below `parent`, if that is known."""
        with harmless.guard(f"beginning a run of {self._framework}"):
            above = self.above(parent)
            if above is not None:
                self._keep(id, Hidden(above, _around(), quietly=quietly), current=current)

    def get(self, id: Hashable) -> Run | None:
        """The run `id`, while it lasts."""
        run = self._runs.get(id)
        return None if isinstance(run, Hidden) else run

    def above(self, id: Hashable) -> Run | None:
        """The run below which those hang that name `id` as their parent: itself, or what a hidden one hides in."""
        run = self._runs.get(id)
        return run.above if isinstance(run, Hidden) else run

    def below(self, id: Hashable) -> list[Hashable]:
        """The ids of the runs begun in the run `id` that have not ended."""
        run = self._runs.get(id)
        return [inner for inner, one in list(self._runs.items()) if isinstance(one, Run) and one.above is run]

    def leave(self, id: Hashable) -> None:
        """The work of the run `id` stands still, or goes on elsewhere: it is current here no longer."""
        run = self._runs.get(id)
        if run is not None and get_current() is run.current:
            attach(run.outer)

    def _keep(self, id: Hashable, run: Run | Hidden, *, current: bool) -> None:
        if len(self._runs) >= _MANY:
            self._give_up_the_oldest()
        self._runs[id] = run
        if current:
            attach(run.current)

    def end(
        self,
        id: Hashable,
        error: BaseException | None = None,
        *,
        outcome: str | None = None,
        failed: str | None = None,
        at_ns: int | None = None,
    ) -> None:
        """End the run `id`: as failed with `error`, or in the words `failed`; else as `outcome` says, else as completed."""
        run = self._runs.pop(id, None)
        if run is None:
            return
        with harmless.guard(f"ending a run of {self._framework}"):
            if get_current() is run.current:
                attach(run.outer)
            if isinstance(run, Hidden):
                return
            invocation = run.invocation
            if isinstance(invocation, Joined):
                invocation.add(run.reported.attributes)
            elif invocation.exchange is None and invocation.refused is not None and (error is not None or failed is not None):
                invocation.exchange = invocation.refused[0]
            elif invocation.exchange is None and run.reported.says_something:
                invocation.exchange = run.reported
            elif invocation.operation == Operation.RETRIEVAL and run.reported.read_request is not None:
                invocation.request(run.reported.request())  # in words: the store may have been given only their vector
            if error is None and failed is not None and invocation.refused is not None:
                error = invocation.refused[1]
            if error is None and failed is not None:
                invocation.answered_badly("_OTHER", failed or None)
                return
            if outcome is None:
                outcome = Outcome.COMPLETED if error is None else outcome_of(error)
            invocation.end(outcome, error if outcome == Outcome.FAILED else None, at_ns)

    def abandon_all(self) -> None:
        """End every run, as abandoned: the framework will not tell of it any more."""
        for id in list(self._runs):
            self.end(id, outcome=Outcome.ABANDONED)

    def _give_up_the_oldest(self) -> None:
        self.end(next(iter(self._runs)), outcome=Outcome.ABANDONED)


def _around() -> Context:
    """What is current here, to be so again: without what runs left that have ended."""
    here = get_current()
    living = owning.living(here)
    run: Any = living.get(owning.RUN) if living else None
    return here if run is not None and here is run.current else living


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
