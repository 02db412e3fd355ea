"""A generator around streams that are observed further in: when the host closes it, they were closed, and not dropped.

Python ends a generator inside a generator by dropping it, whatever became of the outer one: the inner stream cannot tell by itself.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

from .around import Function
from .streams import READER, Reader


def reading(function: Function) -> Function:
    """`function`, which gives a generator that reads observed streams: plain, asynchronous, or awaited for one."""
    inner = inspect.unwrap(function)
    if inspect.iscoroutinefunction(inner):

        @functools.wraps(function)
        async def run_async(*args: Any, **kwargs: Any) -> Any:
            return read(await function(*args, **kwargs))

        return run_async

    @functools.wraps(function)
    def run(*args: Any, **kwargs: Any) -> Any:
        return read(function(*args, **kwargs))

    return run


def read(steps: Any) -> Any:
    """What stands for the generator `steps`; whatever is no generator stays as it is."""
    if hasattr(type(steps), "__anext__"):
        return AsyncReader(steps)
    return PlainReader(steps) if hasattr(type(steps), "__next__") else steps


class _Reader:
    """Stands for the generator: says that it is one, and does all that one does."""

    __slots__ = ("__weakref__", "_steps", "reads")

    def __init__(self, steps: Any) -> None:
        self._steps = steps
        self.reads: Any = None
        """The stream inside that was begun last."""

    @property  # type: ignore[misc]  # `isinstance` asks this, and is to believe it
    def __class__(self) -> Any:
        return self._steps.__class__

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

    def __getattr__(self, name: str) -> Any:
        return getattr(self._steps, name)


class PlainReader(_Reader, Iterator[Any]):
    """Stands for a generator."""

    __slots__ = ()

    def __iter__(self) -> PlainReader:
        return self

    def __next__(self) -> Any:
        return self._step(self._steps.__next__)

    def send(self, value: Any) -> Any:
        """Go on with `value`, as a generator does."""
        return self._step(functools.partial(self._steps.send, value))

    def throw(self, *error: Any) -> Any:
        """Raise an error in it, as a generator does."""
        self.stop()
        return self._steps.throw(*error)

    def close(self) -> None:
        """Close it, and with it what it reads."""
        self.stop()
        self._steps.close()

    def _step(self, step: Callable[[], Any]) -> Any:
        outer = self._begins()
        try:
            return step()
        finally:
            READER.set(outer)


class AsyncReader(_Reader, AsyncIterator[Any]):
    """Stands for an asynchronous generator."""

    __slots__ = ()

    def __aiter__(self) -> AsyncReader:
        return self

    async def __anext__(self) -> Any:
        return await self._step(self._steps.__anext__)

    async def asend(self, value: Any) -> Any:
        """Go on with `value`, as an asynchronous generator does."""
        return await self._step(functools.partial(self._steps.asend, value))

    async def athrow(self, *error: Any) -> Any:
        """Raise an error in it, as an asynchronous generator does."""
        self.stop()
        return await self._steps.athrow(*error)

    async def aclose(self) -> None:
        """Close it, and with it what it reads."""
        self.stop()
        await self._steps.aclose()

    async def _step(self, step: Callable[[], Any]) -> Any:
        outer = self._begins()
        try:
            return await step()
        finally:
            READER.set(outer)
