"""The function further down in a library through which the exchange itself passes: what it saw replaces what the method was given.

For libraries whose methods are traced (see `methods`) though their arguments and results are only near to the wire. It makes no call
of its own: it adds to the one that is at work.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from opentelemetry.context import get_current

from .. import harmless, semconv
from ..conversation import JSON
from ..recording import owning
from .arguments import Arguments, positions
from .around import Function
from .call import Call
from .endpoint import Endpoint
from .patching import Patch


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """A function that is given a request as it goes out, returns the answer as it came in, is called before a retry, or all of it."""

    where: str
    """`module:Class.method`."""
    sent: Callable[[Arguments], JSON] | None = None
    """Its arguments -> the request: the wire's JSON, or the bytes of it; None if that is not known."""
    received: Callable[[Arguments, Any], bytes | None] | None = None
    """Its arguments and what it returned -> the answer's body; None if it is still to be read."""
    retried: Callable[[Arguments], Any] | None = None
    """Where it is called before each retry: its arguments -> the HTTP response that was not good enough, or None if there was none."""
    known: Callable[[Any], Mapping[str, Any]] | None = None
    """What it returned -> further span attributes, such as an id in the head of an answer that is still to be read."""
    gave: Callable[[Arguments], Callable[[], JSON] | None] | None = None
    """Where it is given the answer: its arguments -> what reads that later, should the client fail after all; None if it is not whole."""
    makes: Callable[[Any], JSON] | None = None
    """Where it makes the request: what it returned -> the wire's JSON."""
    decides: bool = False
    """Whether it is asked after each attempt, and returns None or False where there is no retry."""
    of: Sequence[Endpoint] = ()
    """Where other clients call it too: only calls to these endpoints are told."""


def patches(library: str, exchanges: Sequence[Exchange]) -> list[Patch]:
    """The patches that listen there."""
    return [Patch.at(exchange.where, functools.partial(listening, exchange), library, optional=True) for exchange in exchanges]


def listening(exchange: Exchange, function: Function) -> Function:
    """`function`, plain or a coroutine function, with somebody listening. Takes static and class methods too."""
    if isinstance(function, (staticmethod, classmethod)):
        return type(function)(listening(exchange, function.__func__))
    names = positions(inspect.unwrap(function))

    @functools.wraps(function)
    def plain(*args: Any, **kwargs: Any) -> Any:
        call = at_work(exchange.of)
        arguments = Arguments(args, kwargs, names)
        _hear(exchange, call, arguments)
        result = function(*args, **kwargs)
        _hear_answer(exchange, call, arguments, result)
        return result

    @functools.wraps(function)
    async def is_async(*args: Any, **kwargs: Any) -> Any:
        call = at_work(exchange.of)
        arguments = Arguments(args, kwargs, names)
        _hear(exchange, call, arguments)
        result = await function(*args, **kwargs)
        _hear_answer(exchange, call, arguments, result)
        return result

    return is_async if inspect.iscoroutinefunction(inspect.unwrap(function)) else plain


def at_work(of: Sequence[Endpoint] = ()) -> Call | None:
    """The call that is being made right now, if it is one to these endpoints."""
    context = get_current()
    invocation: Any = context.get(owning.OWNER)
    if invocation is None:
        return None
    # A call that is part of an outer layer's operation is in the context itself; it may be one from further out, of another operation.
    inner: Any = context.get(owning.CALL)
    call = inner if inner is not None and inner.invocation is invocation else invocation.calling
    if call is None or call.ended or not call.invocation.is_recording:
        return None
    return call if not of or call.endpoint in of else None


def _hear(exchange: Exchange, call: Call | None, arguments: Arguments) -> None:
    if call is None:
        return
    with harmless.guard("listening to a request"):
        if exchange.retried is not None and not exchange.decides:
            _note_retry(call, exchange.retried(arguments))
        read = exchange.gave(arguments) if exchange.gave is not None else None
        if read is not None:
            call.so_far(read)
        body = exchange.sent(arguments) if exchange.sent is not None else None
        if isinstance(body, bytes):
            call.asked_in(body)
        elif body is not None:
            call.asked(body)


def _note_retry(call: Call, response: Any) -> None:
    call.retries += 1
    noted = {semconv.RETRY_ATTEMPT: call.retries}
    status = getattr(response, "status_code", None)
    if isinstance(status, int):
        noted["http.response.status_code"] = status
    call.invocation.span.add_event(semconv.RETRY_EVENT, noted)


def _hear_answer(exchange: Exchange, call: Call | None, arguments: Arguments, result: Any) -> None:
    if call is None:
        return
    with harmless.guard("listening to an answer"):
        if exchange.retried is not None and exchange.decides and result is not None and result is not False:
            _note_retry(call, exchange.retried(arguments))
        if exchange.makes is not None:
            call.asked(exchange.makes(result))
        if exchange.known is not None:
            call.attributes = {**call.attributes, **exchange.known(result)}
        if exchange.received is not None:
            call.body_received = exchange.received(arguments, result)
