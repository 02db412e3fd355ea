"""Stream objects that are iterators themselves: the steps of their class are wrapped, and the objects that a call returned are watched.

Such an object has methods of its own and is often iterable in both ways, so nothing can stand for it, and it has no one place inside
where all its items pass. What watches it is kept on the object, and knows when the object is dropped.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable
from types import TracebackType
from typing import Any

from opentelemetry.context import attach, detach

from .. import harmless
from ..semconv import Outcome
from .around import Function
from .call import Call
from .patching import Patch
from .streams import Kept, Read, left_behind

_WATCH = "_genba_watch"
_MARK = "_genba_steps"


def patches(library: str, classes: Iterable[str]) -> list[Patch]:
    """The patches by which objects of these `classes` (`module:Class`) can be watched."""
    wraps = {"__next__": _next, "__anext__": _anext, "close": _close, "aclose": _aclose}
    return [Patch.at(f"{where}.{step}", wrap, library, optional=True) for where in classes for step, wrap in wraps.items()]


def is_one(result: Any) -> bool:
    """Whether this is an object of such a class, or of one made from it."""
    kind = type(result)
    return hasattr(getattr(kind, "__next__", None), _MARK) or hasattr(getattr(kind, "__anext__", None), _MARK)


def watch(stream: Any, call: Call, read: Read) -> None:
    """Watch this object: its end is the end of `call`, its items are the chunks."""
    setattr(stream, _WATCH, Watch(call, read))


class Watch:
    """Sees how a stream object goes: each step of it is a block. It does not hold the object: it is dropped with it."""

    __slots__ = ("__weakref__", "_kept", "_token", "call", "is_stepping")

    def __init__(self, call: Call, read: Read) -> None:
        self.call = call
        self.is_stepping = False
        """Whether it is at work: a subclass may take its step by its base class's."""
        self._kept = Kept(call, read)
        self._token: Any = None

    def __enter__(self) -> None:
        self.is_stepping = True
        self._token = attach(self.call.context)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if error is not None:
            self.ended(error)
        detach(self._token)
        self.is_stepping = False

    def took(self, chunk: Any) -> None:
        """The host has taken this chunk."""
        self._kept.add(chunk)

    def ended(self, error: BaseException) -> None:
        """A step ended with this: the end of the stream, or an error."""
        with harmless.guard("ending a stream"):
            self.call.took(len(self._kept.chunks))
            if isinstance(error, (StopIteration, StopAsyncIteration)):
                self.call.drained()
            else:
                self.call.failed(error)

    def closed(self) -> None:
        """The host will not read on."""
        with harmless.guard("ending a stream"):
            self.call.took(len(self._kept.chunks))
            self.call.stopped(Outcome.CANCELLED)

    def __del__(self) -> None:
        if not self.call.ended:
            self.call.took(len(self._kept.chunks))
            left_behind(self.call)


def _watching(stream: Any) -> Watch | None:
    watch: Watch | None = getattr(stream, "__dict__", {}).get(_WATCH)
    return None if watch is None or watch.is_stepping or watch.call.ended else watch


def _next(function: Function) -> Function:
    @functools.wraps(function)
    def step(self: Any) -> Any:
        watch = _watching(self)
        if watch is None:
            return function(self)
        with watch:
            chunk = function(self)
        watch.took(chunk)
        return chunk

    setattr(step, _MARK, True)
    return step


def _anext(function: Function) -> Function:
    @functools.wraps(function)
    async def step(self: Any) -> Any:
        watch = _watching(self)
        if watch is None:
            return await function(self)
        with watch:
            chunk = await function(self)
        watch.took(chunk)
        return chunk

    setattr(step, _MARK, True)
    return step


# What is inside is closed first: a client further in may know better how far it came.
def _close(function: Function) -> Function:
    @functools.wraps(function)
    def close(self: Any, *args: Any, **kwargs: Any) -> Any:
        watch = _watching(self)
        try:
            return function(self, *args, **kwargs)
        finally:
            if watch is not None:
                watch.closed()

    return close


def _aclose(function: Function) -> Function:
    @functools.wraps(function)
    async def aclose(self: Any, *args: Any, **kwargs: Any) -> Any:
        watch = _watching(self)
        try:
            return await function(self, *args, **kwargs)
        finally:
            if watch is not None:
                watch.closed()

    return aclose
