"""A decorator that is also a block: what `genba.observe` and its kin make, whatever it is put on."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Hashable, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, TypeVar

from opentelemetry.context import attach, detach, get_current
from opentelemetry.trace import SpanKind

from .. import harmless, semconv
from ..conversation.encoding import readable
from ..recording import owning, signals
from ..recording.invocation import Invocation
from ..recording.joining import Lent, complete, joined
from ..recording.rendering import clean
from ..semconv import Operation, Outcome
from .functions import left, observed, unrecorded

F = TypeVar("F", bound=Callable[..., Any])
"""Any function: what is decorated keeps its exact type, kind and signature."""


@dataclass(frozen=True, slots=True)
class Kind:
    """What a decorator makes of a function."""

    operation: str | None
    span_kind: SpanKind = SpanKind.INTERNAL
    name_attribute: str | None = None
    """The attribute that holds its name."""
    attributes: Mapping[str, Any] = field(default_factory=dict)
    describes_itself: bool = False
    """Whether the function's docstring is its description."""


class Observation:
    """A decorator that is also a `with` and an `async with` block.

    As a decorator it takes any function: plain, coroutine, generator, asynchronous generator, method, static or class method. As a
    block it gives the `Invocation`, to be told what is known: `request`, `chunk`, `response`, `usage`, `fail`.
    """

    teller: Hashable = "block"
    """Who tells of what is done in a block."""

    def __init__(self, kind: Kind, name: str | None, attributes: Mapping[str, Any]) -> None:
        self._kind = kind
        self._name = name
        self._attributes = {**kind.attributes, **{key: value for key, value in attributes.items() if value is not None}}

    def __call__(self, function: F) -> F:
        """Decorate `function`."""
        inner: Any = function.__func__ if isinstance(function, (staticmethod, classmethod)) else function
        begin = _Beginning(self._kind, self._name, self._attributes, inspect.unwrap(inner))
        decorated: F = observed(function, begin, _gave)
        return decorated

    def __enter__(self) -> Invocation:
        kind = self._kind
        name, attributes = _span_name(kind, self._name, self._attributes), _named(kind, self._name, self._attributes)
        invocation = _begun(kind, name, attributes, self.teller)
        if invocation is None:
            owner = _owner(kind)
            invocation = unrecorded() if owner is None else Lent(owner)
        token = attach(invocation.context)
        _entered.set((*_entered.get(), (self, invocation, token)))
        return invocation

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        entered = _entered.get()
        mine = next((block for block in reversed(entered) if block[0] is self), None)
        if mine is None:  # left in another context than it was entered in: what was current there stays so
            return
        _entered.set(tuple(block for block in entered if block is not mine))
        _, invocation, token = mine
        detach(token)
        if error is not None:
            left(invocation, error)
        else:
            with harmless.guard("ending an invocation"):
                invocation.end(Outcome.COMPLETED)

    async def __aenter__(self) -> Invocation:
        return self.__enter__()

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.__exit__(kind, error, trace)


_entered: ContextVar[tuple[tuple[Observation, Invocation, Any], ...]] = ContextVar("genba-blocks", default=())
"""The blocks that are open in this task or thread: one `Observation` may be entered by many at once."""


def _owner(kind: Kind) -> Invocation | None:
    """The outer invocation that reports this operation already."""
    context = owning.living(get_current())
    if signals.current() is None or kind.operation is None or owning.suppressed(context):
        return None
    owner: Invocation | None = owning.owner_of(context, kind.operation)
    return owner


class _Beginning:
    """Begins the invocation of a decorated function's call."""

    def __init__(self, kind: Kind, name: str | None, attributes: Mapping[str, Any], function: Any) -> None:
        self._kind = kind
        own_name = str(getattr(function, "__qualname__", type(function).__name__))
        if name is None:
            # Tools and agents go by the bare name, as the model knows them; a function by where it is.
            name = own_name if kind.operation is None else own_name.rpartition(".")[2]
        self._attributes = dict(attributes)
        self._more: Mapping[str, Any] = {}
        if kind.describes_itself and kind.operation == Operation.EXECUTE_TOOL:
            described = (inspect.getdoc(function) or "").partition("\n")[0]
            if described:
                self._attributes.setdefault(semconv.TOOL_DESCRIPTION, described)
        if kind.operation is None:
            module = getattr(function, "__module__", None)
            self._more = {semconv.CODE_FUNCTION_NAME: f"{module}.{own_name}" if module else own_name}
        self._name = _span_name(kind, name, self._attributes)
        self._attributes = _named(kind, name, self._attributes)
        self._parameters, self._skipped = _parameters(function)

    def __call__(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Invocation | None:
        invocation = _begun(self._kind, self._name, self._attributes, self)
        if invocation is not None and invocation.is_recording:
            try:
                given = dict(zip(self._parameters, args[self._skipped :] if self._skipped else args, strict=False))
                if len(args) - self._skipped > len(self._parameters):
                    given["args"] = args[self._skipped + len(self._parameters) :]
                if kwargs:
                    given.update(kwargs)
                if self._more:
                    invocation.more = self._more
                invocation.took(given)
            except Exception as error:  # noqa: BLE001  # a bare `try`: this is the hot path
                harmless.failed("reading the arguments of a decorated function", error)
        return invocation


def _begun(kind: Kind, name: str, attributes: Mapping[str, Any], teller: Hashable) -> Invocation | None:
    sending = signals.current()
    if sending is None:
        return None
    try:
        context = owning.living(get_current())
        if sending.drops(context):
            return None
        operation = kind.operation
        given = dict(attributes)
        if context:
            if owning.suppressed(context):
                return None
            if operation is not None and owning.owner_of(context, operation) is not None:
                return None  # an outer layer reports this operation already
        if operation == Operation.EXECUTE_TOOL:
            complete(given, sending, context)
            outer = joined(context, given.get(semconv.TOOL_NAME), teller, given)
            if outer is not None:
                return outer
        invocation = Invocation(sending, operation, name, kind.span_kind, given, context)
        invocation.teller = teller
        return invocation
    except Exception as error:  # noqa: BLE001  # a bare `try`: this is the hot path
        harmless.failed("beginning an invocation", error)
        return None


def _gave(invocation: Invocation, result: Any) -> None:
    try:
        if invocation.is_recording:
            invocation.gave(result)
    except Exception as error:  # noqa: BLE001  # a bare `try`: this is the hot path
        harmless.failed("reading the result of a decorated function", error)


def _span_name(kind: Kind, name: str | None, attributes: Mapping[str, Any]) -> str:
    operation = attributes.get(semconv.OPERATION_NAME)
    if operation is None:
        return name or "observe"
    subject = name if kind.name_attribute not in (None, semconv.REQUEST_MODEL, semconv.DATA_SOURCE_ID) else None
    subject = subject or attributes.get(kind.name_attribute or "")
    return f"{operation} {subject}" if subject else str(operation)


def _named(kind: Kind, name: str | None, attributes: Mapping[str, Any]) -> dict[str, Any]:
    given = dict(attributes)
    if name and kind.name_attribute not in (None, semconv.REQUEST_MODEL, semconv.DATA_SOURCE_ID):
        given.setdefault(kind.name_attribute or "", name)
    return given


def _parameters(function: Any) -> tuple[Sequence[str], int]:
    """The names of the positional parameters, and how many to leave out in front: `self` or `cls`."""
    try:
        found = [
            parameter.name
            for parameter in inspect.signature(function).parameters.values()
            if parameter.kind in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD)
        ]
    except (ValueError, TypeError):
        return (), 0
    is_method = bool(found) and found[0] in ("self", "cls") and "." in getattr(function, "__qualname__", "")
    return (found[1:], 1) if is_method else (found, 0)


def kind_of(operation: str, name_attribute: str, span_kind: SpanKind = SpanKind.INTERNAL, **more: Any) -> Kind:
    return Kind(operation, span_kind, name_attribute, {semconv.OPERATION_NAME: operation, **more.pop("attributes", {})}, **more)


def made(kind: Kind, function_or_name: Any, attributes: Mapping[str, Any], more: Mapping[str, Any] | None) -> Any:
    given = clean({**attributes, **(more or {})})
    if function_or_name is None or isinstance(function_or_name, str):
        return Observation(kind, None if function_or_name is None else readable(function_or_name), given)
    return Observation(kind, None, given)(function_or_name)
