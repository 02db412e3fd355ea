"""Run a decorated function under an invocation, whatever kind of function it is.

The wrapper is a function of the same kind, so `inspect` still tells the truth. A generator's span is current only while the generator
itself runs, never across a `yield`: what the host opens between two items keeps the host's own parent.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import AsyncGenerator, Callable, Generator
from typing import Any

from opentelemetry.context import attach, detach
from opentelemetry.trace import SpanKind

from .. import harmless
from ..recording.invocation import Invocation
from ..recording.signals import SILENT
from ..semconv import Outcome
from .around import around, around_async
from .call import outcome_of

Begin = Callable[[tuple[Any, ...], dict[str, Any]], Invocation | None]
"""The arguments of a call -> its invocation, begun; None if it is not to be recorded. Never raises."""
Gave = Callable[[Invocation, Any], None]
"""Takes note of what the function returned. Never raises."""


def observed(function: Any, begin: Begin, gave: Gave) -> Any:
    """`function`, observed: of the same kind, with the same signature. Takes static and class methods too."""
    if isinstance(function, (staticmethod, classmethod)):
        return type(function)(observed(function.__func__, begin, gave))
    inner = inspect.unwrap(function)
    if inspect.isasyncgenfunction(inner):
        return _async_generator(function, begin)
    if inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(inner):
        return around_async(function, begin, left, functools.partial(_ended_with, gave))
    if inspect.isgeneratorfunction(inner):
        return _generator(function, begin)
    return around(function, begin, left, functools.partial(_ended_with, gave))


def going_on(steps: Any, invocation: Invocation) -> Any:
    """A generator of either kind that has begun already, its `invocation` too: one that does the same under that."""
    kind = _async_generator if inspect.isasyncgen(steps) else _generator
    return kind(lambda: steps, lambda _, __: invocation)()


def _generator(function: Callable[..., Any], begin: Begin) -> Callable[..., Any]:
    @functools.wraps(function)
    def run(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
        invocation = begin(args, kwargs)
        if invocation is None:
            return (yield from function(*args, **kwargs))
        steps = function(*args, **kwargs)
        step: Callable[[], Any] = functools.partial(next, steps)
        try:
            while True:
                token = attach(invocation.context)
                try:
                    item = step()
                except StopIteration as end:
                    invocation.end(Outcome.COMPLETED)
                    return end.value
                finally:
                    detach(token)
                invocation.chunk(item)
                try:
                    sent = yield item
                except GeneratorExit:
                    _close(steps, invocation)
                    raise
                except BaseException as thrown:  # noqa: BLE001  # it belongs to the generator, which may handle it
                    step = functools.partial(steps.throw, thrown)
                else:
                    step = functools.partial(next, steps) if sent is None else functools.partial(steps.send, sent)
        except BaseException as error:
            left(invocation, error)
            raise

    return run


def _close(steps: Any, invocation: Invocation) -> None:
    token = attach(invocation.context)
    try:
        steps.close()
    finally:
        detach(token)


def _async_generator(function: Callable[..., Any], begin: Begin) -> Callable[..., Any]:
    @functools.wraps(function)
    async def run(*args: Any, **kwargs: Any) -> AsyncGenerator[Any, Any]:
        invocation = begin(args, kwargs) or unrecorded()
        steps = function(*args, **kwargs)
        step: Callable[[], Any] = steps.__anext__
        try:
            while True:
                token = attach(invocation.context)
                try:
                    item = await step()
                except StopAsyncIteration:
                    invocation.end(Outcome.COMPLETED)
                    return
                finally:
                    detach(token)
                invocation.chunk(item)
                try:
                    sent = yield item
                except GeneratorExit:
                    await _aclose(steps, invocation)
                    raise
                except BaseException as thrown:  # noqa: BLE001  # it belongs to the generator, which may handle it
                    step = functools.partial(steps.athrow, thrown)
                else:
                    step = steps.__anext__ if sent is None else functools.partial(steps.asend, sent)
        except BaseException as error:
            left(invocation, error)
            raise

    return run


async def _aclose(steps: Any, invocation: Invocation) -> None:
    token = attach(invocation.context)
    try:
        await steps.aclose()
    finally:
        detach(token)


def _ended_with(gave: Gave, invocation: Invocation, result: Any) -> Any:
    gave(invocation, result)
    invocation.end(Outcome.COMPLETED)
    return result


def unrecorded() -> Invocation:
    """An invocation that takes everything it is told and makes nothing of it."""
    return Invocation(SILENT, None, "unrecorded", SpanKind.INTERNAL, {})


def left(invocation: Invocation, error: BaseException) -> None:
    """End an invocation that an exception left."""
    with harmless.guard("ending an invocation"):
        invocation.end(outcome_of(error), error)
