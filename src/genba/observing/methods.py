"""A library's own methods, each of whose uses is a call: declared with `Method`, observed in whatever shape their result comes.

For clients whose calls do not all pass one place that holds the wire's JSON. A method says where it is, and how to find in its
arguments what was sent; the shape of what it returns (a value, a coroutine, an iterator, a stream object, a generator) is found here.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from opentelemetry.context import attach, detach
from opentelemetry.trace import SpanKind

from .. import harmless, semconv
from ..conversation import JSON
from ..conversation.encoding import decode, readable
from ..recording import signals
from . import bodies
from .around import Function, around, around_async
from .beginning import begun
from .beside import Beside
from .call import Call
from .endpoint import Endpoint
from .managers import entered
from .patching import Patch
from .stepping import is_stepped, watch
from .streams import Kept, ObservedAsyncIterator, ObservedIterator
from .wire import unwrapped


@dataclass(frozen=True, slots=True)
class Arguments:
    """What a method was called with."""

    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]
    names: Mapping[str, int]
    """Positions of the parameters that may be given by position, `self` included."""

    def get(self, name: str, default: Any = None) -> Any:
        """The argument of this name, however it was given."""
        if name in self.kwargs:
            return self.kwargs[name]
        position = self.names.get(name)
        return self.args[position] if position is not None and position < len(self.args) else default

    @property
    def receiver(self) -> Any:
        """The object that the method belongs to."""
        return self.args[0] if self.args else None

    def given(self, *, without: Sequence[str] = ()) -> dict[str, Any]:
        """All arguments by name but the receiver, those `without`, and sentinels that stand for "not given"."""
        said = {name: self.args[at] for name, at in self.names.items() if 0 < at < len(self.args)}
        said.update(self.kwargs)
        return {name: value for name, value in said.items() if name not in without and type(value).__name__ not in SENTINELS}


SENTINELS = frozenset(("NotGiven", "Omit", "Unset", "OMIT", "ellipsis"))
"""Types whose values mean that an argument was not given."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """What one use of a method says when it begins. Made on the host's thread: references, no copies."""

    endpoint: Endpoint
    body: Any = None
    """The request as the wire's JSON, or as near to it as the arguments are, or what gives it. It is copied at once."""
    model: str | None = None
    provider: str | None = None
    """Where it differs from the endpoint's."""
    address: str | None = None
    port: int | None = None
    attributes: Mapping[str, Any] = field(default_factory=dict)
    """Further attributes that a sampler may want to see."""
    later: Callable[[], Mapping[str, Any]] | None = None
    """Further attributes that are known only when it has ended. Runs on the exporter's thread."""
    notes: Callable[[Any], Callable[[], JSON]] | None = None
    """What it returned -> what reads the wire's JSON of that on the exporter's thread, where that takes what this use was called with."""
    beside: Beside | None = None
    """Where functions further in tell what they see of it."""


Reads = Callable[[Any], JSON]


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """Where a stream object keeps the iterator that it reads from: that one is replaced, the object stays as it is."""

    holder: Any
    attribute: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Method:
    """A function of a library, each of whose uses is a call."""

    where: str
    """`module:Class.method` or `module:function`."""
    sent: Callable[[Arguments], Sent | None]
    """What a use of it says; None if it is none of ours. A surprise in it costs the call's trace, never the call."""
    answer: Reads = unwrapped
    """What it returned -> the wire's JSON, copied: the host may change it afterwards."""
    later: bool = False
    """Whether nobody changes what it returned, so that `answer` can read it on the exporter's thread."""
    event: Reads = unwrapped
    """A chunk of its stream -> the wire's JSON. Runs on the exporter's thread, but for chunks that are dictionaries."""
    holds: Callable[[Any], Held | None] | None = None
    """What it returned -> where the iterator is, if what it returned is a stream object rather than a bare iterator."""
    response: Callable[[Any], Any] | None = None
    """What it returned -> the HTTP response that it was, or will be, read from: then its bytes are kept instead of the objects."""
    watches: Callable[[Any, Call], bool] | None = None
    """Watches what it returned, if that is still to be read and the end of that is the end of the call; whether it is so."""
    known: Callable[[Any], Mapping[str, Any]] | None = None
    """What it returned or raised -> further span attributes, such as an id in the head of an answer that is still to be read."""
    is_entered: bool = False
    """Whether it returns a context manager: the call begins when the host enters that, and what it is given then is the result."""
    is_whole: bool = False
    """Whether what it returned is the answer, though it can be iterated, as a database's cursor can."""
    kind: SpanKind = SpanKind.CLIENT
    optional: bool = False
    """Whether it is normal that some versions do not have it."""
    otherwise: Sequence[Method] = ()
    """What to trace where it is absent."""


def patch(library: str, method: Method) -> Patch:
    """The patch that observes `method` of the distribution `library`."""
    module, _, attribute = method.where.partition(":")
    return Patch(
        module,
        attribute,
        functools.partial(observed, method),
        library,
        optional=method.optional,
        otherwise=[patch(library, other) for other in method.otherwise],
    )


def patches(library: str, methods: Sequence[Method]) -> list[Patch]:
    """The patches that observe all of these."""
    return [patch(library, method) for method in methods]


def observed(method: Method, function: Any) -> Any:
    """`function`, observed: of the same kind, with the same signature. Takes static and class methods too."""
    if isinstance(function, (staticmethod, classmethod)):
        return type(function)(observed(method, function.__func__))
    inner = inspect.unwrap(function)
    begin = functools.partial(_begin, method, positions(inner))
    if method.is_entered:
        return entered(function, begin, functools.partial(_raised, method), functools.partial(_returned, method))
    if inspect.isgeneratorfunction(inner):
        return _generator_function(function, method, begin, BareIterator)
    if inspect.isasyncgenfunction(inner):
        return _generator_function(function, method, begin, BareAsyncIterator)
    left, done = functools.partial(_raised, method), functools.partial(_returned, method)
    if inspect.iscoroutinefunction(inner):
        return around_async(function, begin, left, done)
    return around(function, begin, left, done)


def positions(function: Any) -> Mapping[str, int]:
    """Where each parameter of `function` stands that may be given by position."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (ValueError, TypeError):
        return {}
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return {parameter.name: at for at, parameter in enumerate(parameters) if parameter.kind in kinds}


def _begin(method: Method, names: Mapping[str, int], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Call | None:
    if signals.current() is None:
        return None
    try:
        sent = method.sent(Arguments(args, kwargs, names))
        if sent is None:
            return None
        call = begun(sent.endpoint, _start_attributes, sent, kind=method.kind)
        if call is not None and call.invocation.is_recording:
            call.asked(sent.body() if callable(sent.body) else sent.body)
            call.later, call.notes, call.beside = sent.later, sent.notes, sent.beside
        return call
    except Exception as error:  # noqa: BLE001  # a bare `try`: this is the hot path
        harmless.failed(f"beginning a call of {method.where}", error)
        return None


def _start_attributes(sent: Sent) -> dict[str, Any]:
    """What samplers may want to see, and what is known only here."""
    attributes: dict[str, Any] = {semconv.OPERATION_NAME: sent.endpoint.operation, **sent.attributes}
    provider = sent.provider or sent.endpoint.provider
    if provider:  # else a layer further in will tell
        attributes[semconv.PROVIDER_NAME] = provider
    if isinstance(sent.model, str) and sent.model:
        attributes[semconv.REQUEST_MODEL] = readable(sent.model)
    if sent.address:
        attributes[semconv.SERVER_ADDRESS] = sent.address
        if sent.port is not None:
            attributes[semconv.SERVER_PORT] = sent.port
    return attributes


def _raised(method: Method, call: Call, error: BaseException) -> None:
    with harmless.guard("recording an error"):
        _know(method, call, error)
        call.failed(error)


def _know(method: Method, call: Call, result: Any) -> None:
    if method.known is not None:
        call.attributes = {**call.attributes, **method.known(result)}


def _returned(method: Method, call: Call, result: Any) -> Any:
    """Take note of `result`, and give it back: the same object, or for a bare iterator or coroutine one that is like it."""
    try:
        if inspect.iscoroutine(result):
            return _awaited(method, call, result)
        if not call.invocation.is_recording:
            return result
        _know(method, call, result)
        held = method.holds(result) if method.holds is not None else None
        response = method.response(result) if method.response is not None else None
        if held is not None:
            _observe_held(method, call, held, response)
        elif method.watches is not None and method.watches(result, call):
            pass  # it ends by itself
        elif method.is_whole:
            call.answered(method.answer(result))
        elif response is not None:
            bodies.keep(response, call)
        elif is_stepped(result):
            watch(result, call, method.event)
        elif hasattr(type(result), "__next__") and hasattr(type(result), "__anext__"):
            call.stopped(semconv.Outcome.COMPLETED)  # nothing can stand for it: how it goes on is not seen
        elif hasattr(type(result), "__next__"):
            return BareIterator(result, method, call)
        elif hasattr(type(result), "__anext__"):
            return BareAsyncIterator(result, method, call)
        elif call.notes is not None:
            call.answered_later(call.notes(result))
        elif method.later:
            call.answered_later(functools.partial(method.answer, result))
        elif call.body_received is not None:
            call.answered_later(functools.partial(decode, call.body_received))
        else:
            call.answered(method.answer(result))
    except Exception as error:  # noqa: BLE001  # a bare `try`: this is the hot path
        harmless.failed(f"reading what {method.where} returned", error)
        call.stopped(semconv.Outcome.COMPLETED)
    return result


async def _awaited(method: Method, call: Call, coroutine: Any) -> Any:
    """What a plain function returned that is a coroutine: the call is over when that is."""
    token = attach(call.context)
    try:
        result = await coroutine
    except BaseException as error:
        _raised(method, call, error)
        raise
    finally:
        detach(token)
    return _returned(method, call, result)


def _observe_held(method: Method, call: Call, held: Held, response: Any) -> None:
    inner = getattr(held.holder, held.attribute)
    is_async = hasattr(type(inner), "__anext__")
    if response is None:
        kind: Any = HeldAsyncIterator if is_async else HeldIterator
        setattr(held.holder, held.attribute, kind(inner, method, call))
        return
    body = bodies.keep_parsed(response, call)
    observed = (ObservedAsyncIterator if is_async else ObservedIterator)(inner, call)
    setattr(held.holder, held.attribute, observed)
    body.read_by(observed)


class HeldIterator(ObservedIterator):
    """The iterator inside a stream object, observed."""

    __slots__ = ("_add",)

    def __init__(self, inner: Any, method: Method, call: Call) -> None:
        super().__init__(inner, call)
        kept = Kept(method.event)
        self._add = kept.add
        call.streams(kept.events, kept.last)

    def __next__(self) -> Any:
        chunk = super().__next__()
        self._add(chunk)
        return chunk


class HeldAsyncIterator(ObservedAsyncIterator):
    """The asynchronous iterator inside a stream object, observed."""

    __slots__ = ("_add",)

    def __init__(self, inner: Any, method: Method, call: Call) -> None:
        super().__init__(inner, call)
        kept = Kept(method.event)
        self._add = kept.add
        call.streams(kept.events, kept.last)

    async def __anext__(self) -> Any:
        chunk = await super().__anext__()
        self._add(chunk)
        return chunk


class BareIterator(HeldIterator):
    """Stands for a generator that the host was given: says that it is one, and does all that one does."""

    __slots__ = ()

    @property  # type: ignore[misc]  # `isinstance` asks this, and is to believe it
    def __class__(self) -> Any:
        return self._inner.__class__

    def __next__(self) -> Any:
        token = attach(self._call.context)
        try:
            return super().__next__()
        finally:
            detach(token)

    def send(self, value: Any) -> Any:
        """Go on with `value`, as a generator does."""
        following, self._next = self._next, functools.partial(self._inner.send, value)
        try:
            return next(self)
        finally:
            self._next = following

    def throw(self, *error: Any) -> Any:
        """Raise an error in it, as a generator does."""
        self.stop()
        return self._inner.throw(*error)


class BareAsyncIterator(HeldAsyncIterator):
    """Stands for an asynchronous generator that the host was given."""

    __slots__ = ()

    @property  # type: ignore[misc]  # `isinstance` asks this, and is to believe it
    def __class__(self) -> Any:
        return self._inner.__class__

    async def __anext__(self) -> Any:
        token = attach(self._call.context)
        try:
            return await super().__anext__()
        finally:
            detach(token)

    async def asend(self, value: Any) -> Any:
        """Go on with `value`, as an asynchronous generator does."""
        following, self._next = self._next, functools.partial(self._inner.asend, value)
        try:
            return await self.__anext__()
        finally:
            self._next = following

    async def athrow(self, *error: Any) -> Any:
        """Raise an error in it, as an asynchronous generator does."""
        self.stop()
        return await self._inner.athrow(*error)


def _generator_function(function: Function, method: Method, begin: Any, kind: Any) -> Function:
    """Around a generator function: nothing happens in it before the first `next`, so the call begins there."""
    unbegun = _UnbegunAsync if kind is BareAsyncIterator else _Unbegun

    @functools.wraps(function)
    def run(*args: Any, **kwargs: Any) -> Any:
        steps = function(*args, **kwargs)
        if signals.current() is None:
            return steps
        return unbegun(steps, functools.partial(begin, args, kwargs), method, kind)

    return run


class _Unread:
    """Stands for a generator whose call begins with the first item that the host asks for."""

    __slots__ = ("_begin", "_kind", "_method", "_steps")

    def __init__(self, steps: Any, begin: Callable[[], Call | None], method: Method, kind: Any) -> None:
        self._steps = steps
        self._begin: Callable[[], Call | None] | None = begin
        self._method = method
        self._kind = kind

    @property  # type: ignore[misc]  # `isinstance` asks this, and is to believe it
    def __class__(self) -> Any:
        return self._steps.__class__

    def _begun(self) -> Any:
        begin, self._begin = self._begin, None
        if begin is not None:
            call = begin()
            if call is not None and call.invocation.is_recording:
                self._steps = self._kind(self._steps, self._method, call)
        return self._steps

    def __getattr__(self, name: str) -> Any:
        return getattr(self._steps, name)


class _Unbegun(_Unread, Iterator[Any]):
    """A generator that was not read yet."""

    __slots__ = ()

    def __next__(self) -> Any:
        return next(self._begun() if self._begin is not None else self._steps)

    def send(self, value: Any) -> Any:
        """Go on with `value`, as a generator does."""
        return self._begun().send(value)


class _UnbegunAsync(_Unread, AsyncIterator[Any]):
    """An asynchronous generator that was not read yet."""

    __slots__ = ()

    def __anext__(self) -> Any:
        return (self._begun() if self._begin is not None else self._steps).__anext__()

    def asend(self, value: Any) -> Any:
        """Go on with `value`, as an asynchronous generator does."""
        return self._begun().asend(value)
