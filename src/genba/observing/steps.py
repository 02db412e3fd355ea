"""A library's own functions that are steps of the work: agents, tools, routers; model calls too, where a framework makes them.

For frameworks that tell of nothing by callbacks. A step is no client's call: what is called inside is its child, and where it is a model
call itself, a client further in adds what it saw, and what the framework says counts only where no client did.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from opentelemetry.context import Context, get_current
from opentelemetry.trace import SpanKind

from .. import harmless, semconv
from ..recording import owning, signals
from ..recording.invocation import Invocation
from ..recording.joining import complete, joined
from ..recording.reported import Reported
from ..semconv import Operation, Outcome
from . import functions
from .arguments import Arguments, positions
from .around import Function, around, around_async, awaited
from .patching import Patch


@dataclass(frozen=True, slots=True, kw_only=True)
class Begun:
    """What one use of a step says when it begins."""

    operation: str | None
    """None where the conventions have none for it."""
    subject: str | None
    """Whom or what it is about: the agent, the tool, the model; for a step without an operation, its whole name."""
    kind: SpanKind = SpanKind.INTERNAL
    attributes: Mapping[str, Any] = field(default_factory=dict)
    arguments: Mapping[str, Any] | None = None
    """Those of a tool, or of a step without an operation. They are copied at once."""
    tells: Callable[[Reported], None] | None = None
    """Says what is known of a model call or an agent's task already."""
    memo: Any = None
    """What the declaration wants to find in `Stepping.memo` at the end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A function of a library, each of whose uses is an operation."""

    where: str
    """`module:Class.method` or `module:function`."""
    begins: Callable[[Arguments], Begun | None]
    """What a use of it says; None if it is none of ours."""
    gave: Callable[[Stepping, Any], None] | None = None
    """Takes note of what it returned; for a generator, of the last item. By default a tool's result is kept."""
    piece: Callable[[Any], Any] | None = None
    """What an item of its generator adds to the text that it gives, if anything."""
    goes_on: Callable[[Stepping, Any], bool] | None = None
    """Whether what it returned has a generator in it, whose end is the step's; it puts `functions.going_on` of that in its place."""
    optional: bool = False


class Stepping(Invocation):
    """A step at work."""

    step: Step
    memo: Any
    _item: Any = None
    pieces: list[str]
    """What the items of its generator added to its text."""

    def chunk(self, chunk: Any) -> None:
        """An item that its generator yields: only the last one counts, and what each adds to the text."""
        self._item = chunk
        if self.step.piece is not None:
            with harmless.guard(f"reading an item of {self.step.where}"):
                piece = self.step.piece(chunk)
                if isinstance(piece, str) and self.is_recording:
                    self.pieces.append(piece)

    def end(self, outcome: str, error: BaseException | None = None, at_ns: int | None = None) -> None:
        """End it with what a client saw of it, or else with what the framework says."""
        last, self._item = self._item, None  # what it says may itself end the step
        if last is not None:
            took(self, last)
        if error is not None and self.exchange is None and self.refused is not None:
            self.exchange = self.refused[0]
        elif self.exchange is None and self.reported.says_something:
            self.exchange = self.reported
        super().end(outcome, error, at_ns)

    @functools.cached_property
    def reported(self) -> Reported:
        """What the framework says of it."""
        return Reported()


def patches(library: str, steps: Sequence[Step]) -> list[Patch]:
    """The patches that observe all of these."""
    return [Patch.at(step.where, functools.partial(observed, step), library, optional=step.optional) for step in steps]


def observed(step: Step, function: Function) -> Function:
    """`function`, observed: of the same kind, with the same signature."""
    inner = inspect.unwrap(function)
    begin = functools.partial(_begin, step, positions(inner))
    if inspect.isgeneratorfunction(inner) or inspect.isasyncgenfunction(inner):
        generating: Function = functions.observed(function, begin, _nothing)
        return generating
    if inspect.iscoroutinefunction(inner):
        return around_async(function, begin, functions.left, _returned)
    return around(function, begin, functions.left, _returned)


def took(stepping: Stepping, result: Any) -> None:
    """Take note of what a step gave."""
    with harmless.guard(f"reading what {stepping.step.where} gave"):
        if not stepping.is_recording:
            return
        if stepping.step.gave is not None:
            stepping.step.gave(stepping, result)
        elif stepping.operation == Operation.EXECUTE_TOOL:
            stepping.gave(result)


def _begin(step: Step, names: Mapping[str, int], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Stepping | None:
    sending = signals.current()
    if sending is None:
        return None
    try:
        context = owning.living(get_current())
        if (context and owning.suppressed(context)) or sending.drops(context):
            return None
        begun = step.begins(Arguments(args, kwargs, names))
        if begun is None or (begun.operation is not None and owning.owner_of(context, begun.operation) is not None):
            return None  # or an outer layer reports this operation already
        return _begun(step, begun, sending, context)
    except Exception as error:  # noqa: BLE001  # a bare `try`: this is the hot path
        harmless.failed(f"beginning {step.where}", error)
        return None


def _begun(step: Step, begun: Begun, sending: signals.Signals, context: Context) -> Stepping | None:
    attributes = {name: value for name, value in begun.attributes.items() if value is not None}
    operation, name = begun.operation, begun.subject or "step"
    if operation is not None:
        attributes[semconv.OPERATION_NAME] = operation
        name = f"{operation} {begun.subject}" if begun.subject else operation
        if begun.subject:
            attributes[semconv.SUBJECTS.get(operation, semconv.REQUEST_MODEL)] = begun.subject
    if operation == Operation.EXECUTE_TOOL:
        complete(attributes, sending, context)
        outer = joined(context, begun.subject, step.where, attributes)
        if outer is not None:  # who owns it sees what is given back
            if outer.is_recording and begun.arguments is not None:
                outer.took(begun.arguments)
            return None
    stepping = Stepping(sending, operation, name, begun.kind, attributes, context)
    stepping.teller = step.where
    stepping.step, stepping.memo, stepping.pieces = step, begun.memo, []
    if stepping.is_recording:
        if begun.arguments is not None:
            stepping.took(begun.arguments)
        if begun.tells is not None:
            begun.tells(stepping.reported)
    return stepping


def _returned(stepping: Stepping, result: Any) -> Any:
    """What a plain or coroutine function gave: done with that, or where that is still to be run or read, once it was."""
    if inspect.isgenerator(result) or inspect.isasyncgen(result):
        return functions.going_on(result, stepping)
    if inspect.iscoroutine(result):
        return awaited(result, stepping, functions.left, _returned)
    if stepping.step.goes_on is not None:
        with harmless.guard(f"reading what {stepping.step.where} returned"):
            if stepping.step.goes_on(stepping, result):
                return result
    took(stepping, result)
    with harmless.guard("ending a step"):
        stepping.end(Outcome.COMPLETED)
    return result


def _nothing(_: Invocation, __: Any) -> None:
    """A generator function's items are taken one by one."""
