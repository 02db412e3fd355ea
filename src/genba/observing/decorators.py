"""`@genba.observe` and its kin: a line on a function, or a `with` block, becomes a span of the right kind."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, TypeVar, overload

from opentelemetry.context import attach, detach, get_current
from opentelemetry.trace import SpanKind

from .. import harmless, semconv
from ..conversation.encoding import readable
from ..recording import owning, signals
from ..recording.invocation import Invocation, Lent
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
        invocation = _begun(kind, _span_name(kind, self._name, self._attributes), _named(kind, self._name, self._attributes))
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
        invocation = _begun(self._kind, self._name, self._attributes)
        if invocation is not None and invocation.is_recording:
            try:
                given = dict(zip(self._parameters, args[self._skipped :] if self._skipped else args, strict=False))
                if len(args) - self._skipped > len(self._parameters):
                    given["args"] = args[self._skipped + len(self._parameters) :]
                if kwargs:
                    given.update(kwargs)
                invocation.more = self._more
                invocation.took(given)
            except Exception as error:  # noqa: BLE001  # a bare `try`: this is the hot path
                harmless.failed("reading the arguments of a decorated function", error)
        return invocation


def _begun(kind: Kind, name: str, attributes: Mapping[str, Any]) -> Invocation | None:
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
                agent = context.get(owning.AGENT)
                name_of_agent = agent.start_attributes.get(semconv.AGENT_NAME) if isinstance(agent, Invocation) else None
                if name_of_agent is not None:
                    given.setdefault(semconv.AGENT_NAME, name_of_agent)
        if operation == Operation.INVOKE_WORKFLOW and sending.settings.semconv == "1.37" and semconv.AGENT_NAME in given:
            given[semconv.WORKFLOW_NAME] = given.pop(semconv.AGENT_NAME)
        if not sending.content:
            given.pop(semconv.TOOL_DESCRIPTION, None)
        return Invocation(sending, operation, name, kind.span_kind, given, context)
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


def _kind(operation: str, name_attribute: str, span_kind: SpanKind = SpanKind.INTERNAL, **more: Any) -> Kind:
    return Kind(operation, span_kind, name_attribute, {semconv.OPERATION_NAME: operation, **more.pop("attributes", {})}, **more)


_OBSERVE = Kind(None)
_TOOL = _kind(Operation.EXECUTE_TOOL, semconv.TOOL_NAME, attributes={semconv.TOOL_TYPE: "function"}, describes_itself=True)
_AGENT = _kind(Operation.INVOKE_AGENT, semconv.AGENT_NAME)
_WORKFLOW = _kind(Operation.INVOKE_WORKFLOW, semconv.AGENT_NAME)
_RETRIEVAL = _kind(Operation.RETRIEVAL, semconv.DATA_SOURCE_ID, SpanKind.CLIENT)
_EMBEDDINGS = _kind(Operation.EMBEDDINGS, semconv.REQUEST_MODEL, SpanKind.CLIENT)


def _made(kind: Kind, function_or_name: Any, attributes: Mapping[str, Any], more: Mapping[str, Any] | None) -> Any:
    given = clean({**attributes, **(more or {})})
    if function_or_name is None or isinstance(function_or_name, str):
        return Observation(kind, None if function_or_name is None else readable(function_or_name), given)
    return Observation(kind, None, given)(function_or_name)


@overload
def observe(function: F, /) -> F: ...
@overload
def observe(name: str | None = None, /, *, attributes: Mapping[str, Any] | None = None) -> Observation: ...
def observe(function: Any = None, /, *, attributes: Mapping[str, Any] | None = None) -> Any:
    """Trace a function, or a block: its arguments, its result or what it yields, its duration, its error.

    Args:
        name: The span's name; the function's own if not given.
        attributes: Further span attributes.

    Example:
        >>> @genba.observe
        ... def answer(question: str) -> str: ...
    """
    return _made(_OBSERVE, function, {}, attributes)


@overload
def tool(function: F, /) -> F: ...
@overload
def tool(
    name: str | None = None,
    /,
    *,
    type: str | None = None,
    description: str | None = None,
    call_id: str | None = None,
    attributes: Mapping[str, Any] | None = None,
) -> Observation: ...
def tool(
    function: Any = None,
    /,
    *,
    type: str | None = None,
    description: str | None = None,
    call_id: str | None = None,
    attributes: Mapping[str, Any] | None = None,
) -> Any:
    """Trace the execution of a tool (`execute_tool`): arguments in, result out.

    Args:
        name: The tool's name, as the model knows it; the function's own if not given.
        type: `function` (the default), `extension` or `datastore`.
        description: What it does; the first line of the docstring if not given.
        call_id: The id of the tool call that this answers.
        attributes: Further span attributes.
    """
    given = {semconv.TOOL_TYPE: type, semconv.TOOL_DESCRIPTION: description, semconv.TOOL_CALL_ID: call_id}
    return _made(_TOOL, function, {name: value for name, value in given.items() if value is not None}, attributes)


@overload
def agent(function: F, /) -> F: ...
@overload
def agent(
    name: str | None = None,
    /,
    *,
    id: str | None = None,
    description: str | None = None,
    version: str | None = None,
    provider: str | None = None,
    model: str | None = None,
    attributes: Mapping[str, Any] | None = None,
) -> Observation: ...
def agent(
    function: Any = None,
    /,
    *,
    id: str | None = None,
    description: str | None = None,
    version: str | None = None,
    provider: str | None = None,
    model: str | None = None,
    attributes: Mapping[str, Any] | None = None,
) -> Any:
    """Trace an agent at work (`invoke_agent`); the model calls and tools inside become its children.

    Args:
        name: The agent's name; the function's own if not given.
        id: A stable id of a hosted agent, never of an object in memory.
        description: What it is for.
        version: Which version of it.
        provider: Who runs it, if a provider does.
        model: The model that it uses, if it is one.
        attributes: Further span attributes.
    """
    given = {
        semconv.AGENT_ID: id,
        semconv.AGENT_DESCRIPTION: description,
        semconv.AGENT_VERSION: version,
        semconv.PROVIDER_NAME: provider,
        semconv.REQUEST_MODEL: model,
    }
    return _made(_AGENT, function, given, attributes)


@overload
def workflow(function: F, /) -> F: ...
@overload
def workflow(name: str | None = None, /, *, attributes: Mapping[str, Any] | None = None) -> Observation: ...
def workflow(function: Any = None, /, *, attributes: Mapping[str, Any] | None = None) -> Any:
    """Trace several steps under one name (`invoke_workflow`)."""
    return _made(_WORKFLOW, function, {}, attributes)


@overload
def retrieval(function: F, /) -> F: ...
@overload
def retrieval(
    name: str | None = None,
    /,
    *,
    data_source: str | None = None,
    provider: str | None = None,
    model: str | None = None,
    top_k: int | None = None,
    attributes: Mapping[str, Any] | None = None,
) -> Observation: ...
def retrieval(
    function: Any = None,
    /,
    *,
    data_source: str | None = None,
    provider: str | None = None,
    model: str | None = None,
    top_k: int | None = None,
    attributes: Mapping[str, Any] | None = None,
) -> Any:
    """Trace a search for documents (`retrieval`): the argument `query` in, the documents that are returned out.

    Args:
        name: The data source that is searched, as `data_source`.
        data_source: Id of what is searched (`gen_ai.data_source.id`).
        provider: Who serves it.
        model: The model that makes the query's vector, if one does.
        top_k: How many documents are asked for.
        attributes: Further span attributes.
    """
    given = {
        semconv.DATA_SOURCE_ID: data_source or (function if isinstance(function, str) else None),
        semconv.PROVIDER_NAME: provider,
        semconv.REQUEST_MODEL: model,
        semconv.RETRIEVAL_TOP_K: top_k,
    }
    return _made(_RETRIEVAL, function, given, attributes)


@overload
def embeddings(function: F, /) -> F: ...
@overload
def embeddings(
    name: str | None = None,
    /,
    *,
    provider: str | None = None,
    model: str | None = None,
    attributes: Mapping[str, Any] | None = None,
) -> Observation: ...
def embeddings(
    function: Any = None,
    /,
    *,
    provider: str | None = None,
    model: str | None = None,
    attributes: Mapping[str, Any] | None = None,
) -> Any:
    """Trace my own call to an embedding model (`embeddings`).

    Args:
        name: The model, as `model`.
        provider: Who serves it (`gen_ai.provider.name`).
        model: The model that is asked for.
        attributes: Further span attributes.
    """
    given = {semconv.PROVIDER_NAME: provider, semconv.REQUEST_MODEL: model or (function if isinstance(function, str) else None)}
    return _made(_EMBEDDINGS, function, given, attributes)


@overload
def inference(function: F, /) -> F: ...
@overload
def inference(
    name: str | None = None,
    /,
    *,
    provider: str | None = None,
    model: str | None = None,
    operation: str = "chat",
    attributes: Mapping[str, Any] | None = None,
) -> Observation: ...
def inference(
    function: Any = None,
    /,
    *,
    provider: str | None = None,
    model: str | None = None,
    operation: str = "chat",
    attributes: Mapping[str, Any] | None = None,
) -> Any:
    """Trace my own call to a model: arguments become the request, the returned value or the yielded chunks the response.

    Arguments named as in the conventions or as in OpenAI's client are understood: `messages` or `prompt`, `model`, `temperature`,
    `max_tokens`, `system` and so on. If the function uses a client that genba traces, that client's exchange is recorded on this span.

    Args:
        name: The model, as `model`.
        provider: Who serves it (`gen_ai.provider.name`).
        model: The model that is asked for.
        operation: `chat`, `generate_content` or `text_completion`.
        attributes: Further span attributes.
    """
    given = {semconv.PROVIDER_NAME: provider, semconv.REQUEST_MODEL: model or (function if isinstance(function, str) else None)}
    return _made(_kind(operation, semconv.REQUEST_MODEL, SpanKind.CLIENT), function, given, attributes)
