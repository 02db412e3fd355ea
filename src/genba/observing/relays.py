"""A generator around streams that are observed further in: when the host closes it, they were closed, and not dropped.

Python ends a generator inside a generator by dropping it, whatever became of the outer one: the inner stream cannot tell by itself.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

from .around import Function
from .stand_ins import StandIn
from .streams import READER, Reader


def relaying(function: Function) -> Function:
    """`function`, which gives a generator that reads observed streams: plain, asynchronous, or awaited for one."""
    inner = inspect.unwrap(function)
    if inspect.iscoroutinefunction(inner):

        @functools.wraps(function)
        async def run_async(*args: Any, **kwargs: Any) -> Any:
            return relayed(await function(*args, **kwargs))

        return run_async

    @functools.wraps(function)
    def run(*args: Any, **kwargs: Any) -> Any:
        return relayed(function(*args, **kwargs))

    return run


def relayed(steps: Any) -> Any:
    """What stands for the generator `steps`; whatever is no generator stays as it is."""
    if hasattr(type(steps), "__anext__"):
        return AsyncRelay(steps)
    return PlainRelay(steps) if hasattr(type(steps), "__next__") else steps


class _Relay(StandIn):
    """Stands for the generator."""

    __slots__ = ("__weakref__", "_inner", "reads")

    def __init__(self, steps: Any) -> None:
        self._inner = steps
        self.reads: Any = None
        """The stream inside that was begun last."""

    def stop(self) -> None:
        """The host will not read on."""
        if self.reads is not None:
            self.reads.stop()

    def dropped(self) -> None:
        """Nobody holds it any more. Runs in a finaliser."""
        if self.reads is not None:
            self.reads.dropped()

    def __del__(self) -> None:
        self.dropped()

    def _begins(self) -> Reader | None:
        """Say to what begins now that this one reads it; and to whoever reads this one. Gives what to say afterwards."""
        outer = READER.get()
        if outer is not None:
            outer.reads = self
        READER.set(self)
        return outer


class PlainRelay(_Relay, Iterator[Any]):
    """Stands for a generator."""

    __slots__ = ()

    def __iter__(self) -> PlainRelay:
        return self

    def __next__(self) -> Any:
        return self._step(self._inner.__next__)

    def send(self, value: Any) -> Any:
        """Go on with `value`, as a generator does."""
        return self._step(functools.partial(self._inner.send, value))

    def throw(self, *error: Any) -> Any:
        """Raise an error in it, as a generator does."""
        self.stop()
        return self._inner.throw(*error)

    def close(self) -> None:
        """Close it, and with it what it reads."""
        self.stop()
        self._inner.close()

    def _step(self, step: Callable[[], Any]) -> Any:
        outer = self._begins()
        try:
            return step()
        finally:
            READER.set(outer)


class AsyncRelay(_Relay, AsyncIterator[Any]):
    """Stands for an asynchronous generator."""

    __slots__ = ()

    def __aiter__(self) -> AsyncRelay:
        return self

    async def __anext__(self) -> Any:
        return await self._step(self._inner.__anext__)

    async def asend(self, value: Any) -> Any:
        """Go on with `value`, as an asynchronous generator does."""
        return await self._step(functools.partial(self._inner.asend, value))

    async def athrow(self, *error: Any) -> Any:
        """Raise an error in it, as an asynchronous generator does."""
        self.stop()
        return await self._inner.athrow(*error)

    async def aclose(self) -> None:
        """Close it, and with it what it reads."""
        self.stop()
        await self._inner.aclose()

    async def _step(self, step: Callable[[], Any]) -> Any:
        outer = self._begins()
        try:
            return await step()
        finally:
            READER.set(outer)
