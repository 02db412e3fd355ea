"""Generators that the host is given, observed: what stands for them does all that they do, and tells of their end.

Nothing happens in a generator function before the first `next`, so its call begins there. Whatever else is an iterator and nothing more
is observed in the same way.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

from opentelemetry.context import attach, detach

from ..recording import signals
from .around import Begin, Function
from .call import Call
from .stand_ins import StandIn
from .streams import KeepingAsyncIterator, KeepingIterator, Read


def observed(function: Function, begin: Begin[Call], read: Read) -> Function:
    """Around a generator function of either kind."""
    kind = _UnbegunAsync if inspect.isasyncgenfunction(inspect.unwrap(function)) else _Unbegun

    @functools.wraps(function)
    def run(*args: Any, **kwargs: Any) -> Any:
        steps = function(*args, **kwargs)
        return steps if signals.current() is None else kind(steps, functools.partial(begin, args, kwargs), read)

    return run


def going_on(steps: Any, call: Call, read: Read) -> Any:
    """What stands for the generator `steps`, whose call has begun."""
    return (ObservedAsyncGenerator if hasattr(type(steps), "__anext__") else ObservedGenerator)(steps, call, read)


class ObservedGenerator(StandIn, KeepingIterator):
    """Stands for a generator: the call is current in each of its steps."""

    __slots__ = ()

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


class ObservedAsyncGenerator(StandIn, KeepingAsyncIterator):
    """Stands for an asynchronous generator."""

    __slots__ = ()

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


class _Unread(StandIn):
    """Stands for a generator whose call begins with the first item that the host asks for."""

    __slots__ = ("_begin", "_inner", "_read")

    def __init__(self, steps: Any, begin: Callable[[], Call | None], read: Read) -> None:
        self._inner = steps
        self._begin: Callable[[], Call | None] | None = begin
        self._read = read

    def _begun(self) -> Any:
        begin, self._begin = self._begin, None
        call = begin() if begin is not None else None
        if call is not None and call.invocation.is_recording:
            self._inner = going_on(self._inner, call, self._read)
        return self._inner


class _Unbegun(_Unread, Iterator[Any]):
    """A generator that was not read yet."""

    __slots__ = ()

    def __next__(self) -> Any:
        return next(self._begun() if self._begin is not None else self._inner)

    def send(self, value: Any) -> Any:
        """Go on with `value`, as a generator does."""
        return self._begun().send(value)


class _UnbegunAsync(_Unread, AsyncIterator[Any]):
    """An asynchronous generator that was not read yet."""

    __slots__ = ()

    def __anext__(self) -> Any:
        return (self._begun() if self._begin is not None else self._inner).__anext__()

    def asend(self, value: Any) -> Any:
        """Go on with `value`, as an asynchronous generator does."""
        return self._begun().asend(value)
