"""A library's own methods, each of whose uses is a call: declared with `Method`, observed in whatever shape their result comes.

For clients whose calls do not all pass one place that holds the wire's JSON. A method says where it is, and how to find in its
arguments what was sent; the shape of what it returns (a value, a coroutine, an iterator, a stream object, a generator) is found here.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from opentelemetry.trace import SpanKind

from .. import harmless, semconv
from ..conversation import JSON
from ..conversation.encoding import decode, readable
from ..recording import signals
from . import addresses, bodies, generators, stream_objects
from .arguments import Arguments, positions
from .around import around, around_async, awaited
from .beginning import begun
from .beside import Beside
from .call import Call
from .context_managers import entered
from .endpoint import Endpoint
from .patching import Patch
from .streams import KeepingAsyncIterator, KeepingIterator, ObservedAsyncIterator, ObservedIterator, Read
from .wire import unwrapped

__all__ = ["Arguments", "Held", "Method", "Sent", "observed", "patch", "patches"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """What one use of a method says when it begins. Made on the host's thread: references, no copies."""

    endpoint: Endpoint
    body: Any = None
    """The request as the wire's JSON, or as near to it as the arguments are, or what gives it. It is copied at once."""
    model: str | None = None
    provider: str | None = None
    """Where it differs from the endpoint's."""
    url: str | None = None
    """Where it goes: a URL, or `host:port`. Or else these two."""
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
    withholds_content: bool = False
    """Whether the library was told to keep what is said out of telemetry."""


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
    answer: Callable[[Any], JSON] = unwrapped
    """What it returned -> the wire's JSON, copied: the host may change it afterwards."""
    later: bool = False
    """Whether nobody changes what it returned, so that `answer` can read it on the exporter's thread."""
    event: Read = unwrapped
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
    otherwise = patches(library, method.otherwise)
    return Patch.at(method.where, functools.partial(observed, method), library, optional=method.optional, otherwise=otherwise)


def patches(library: str, methods: Sequence[Method]) -> list[Patch]:
    """The patches that observe all of these."""
    return [patch(library, method) for method in methods]


def observed(method: Method, function: Any) -> Any:
    """`function`, observed: of the same kind, with the same signature. Takes static and class methods too."""
    if isinstance(function, (staticmethod, classmethod)):
        return type(function)(observed(method, function.__func__))
    inner = inspect.unwrap(function)
    begin = functools.partial(_begin, method, positions(inner))
    left, done = functools.partial(_raised, method), functools.partial(_returned, method)
    if method.is_entered:
        return entered(function, begin, left, done)
    if inspect.isgeneratorfunction(inner) or inspect.isasyncgenfunction(inner):
        return generators.observed(function, begin, method.event)
    if inspect.iscoroutinefunction(inner):
        return around_async(function, begin, left, done)
    return around(function, begin, left, done)


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
            if sent.withholds_content:
                call.invocation.withholds_content = True
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
    address, port = addresses.server(sent.url) if sent.url else (sent.address, sent.port)
    if address:
        attributes[semconv.SERVER_ADDRESS] = address
        if port is not None:
            attributes[semconv.SERVER_PORT] = port
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
            return awaited(result, call, functools.partial(_raised, method), functools.partial(_returned, method))
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
        elif stream_objects.is_one(result):
            stream_objects.watch(result, call, method.event)
        elif hasattr(type(result), "__next__") and hasattr(type(result), "__anext__"):
            call.stopped(semconv.Outcome.COMPLETED)  # nothing can stand for it: how it goes on is not seen
        elif hasattr(type(result), "__next__") or hasattr(type(result), "__anext__"):
            return generators.going_on(result, call, method.event)
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


def _observe_held(method: Method, call: Call, held: Held, response: Any) -> None:
    inner = getattr(held.holder, held.attribute)
    is_async = hasattr(type(inner), "__anext__")
    if response is None:
        keeping = (KeepingAsyncIterator if is_async else KeepingIterator)(inner, call, method.event)
        setattr(held.holder, held.attribute, keeping)
        return
    body = bodies.keep_parsed(response, call)
    observed = (ObservedAsyncIterator if is_async else ObservedIterator)(inner, call)
    setattr(held.holder, held.attribute, observed)
    body.read_by(observed)
