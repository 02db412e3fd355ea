"""Run a function of the host's inside something that has begun, and tell that how it went. The one place for plain and async functions.

Whatever happens in `begin`, `left` and `returned` stays with them: they raise nothing. The host's own result and exception pass as
they are, and what is current outside the call is not touched. The three differ by an `await`: a block that they shared would cost each call.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, Protocol, TypeVar

from opentelemetry.context import Context, attach, detach

Function = Callable[..., Any]


class Running(Protocol):
    """What a call has become: an invocation, or a client's call."""

    @property
    def context(self) -> Context:
        """What is current while the host's function runs."""

    @property
    def instead(self) -> tuple[tuple[Any, ...], dict[str, Any]] | None:
        """The arguments to pass on instead of the host's, when the host asked for something to be added."""


R = TypeVar("R", bound=Running)
Begin = Callable[[tuple[Any, ...], dict[str, Any]], R | None]
"""The arguments of a call -> what it becomes; None if it is none of ours."""
Left = Callable[[R, BaseException], None]
"""Takes note of the exception that left it."""
Returned = Callable[[R, Any], Any]
"""Takes note of what it returned, and gives that back."""


def around(function: Function, begin: Begin[R], left: Left[R], returned: Returned[R]) -> Function:
    """`function`, with `begin` before it and `left` or `returned` after it."""

    @functools.wraps(function)
    def run(*args: Any, **kwargs: Any) -> Any:
        running = begin(args, kwargs)
        if running is None:
            return function(*args, **kwargs)
        if running.instead is not None:
            args, kwargs = running.instead
        token = attach(running.context)
        try:
            result = function(*args, **kwargs)
        except BaseException as error:
            left(running, error)
            raise
        finally:
            detach(token)
        return returned(running, result)

    return run


def around_async(function: Function, begin: Begin[R], left: Left[R], returned: Returned[R]) -> Function:
    """The same for a coroutine function."""

    @functools.wraps(function)
    async def run(*args: Any, **kwargs: Any) -> Any:
        running = begin(args, kwargs)
        if running is None:
            return await function(*args, **kwargs)
        if running.instead is not None:
            args, kwargs = running.instead
        token = attach(running.context)
        try:
            result = await function(*args, **kwargs)
        except BaseException as error:
            left(running, error)
            raise
        finally:
            detach(token)
        return returned(running, result)

    return run


async def awaited(coroutine: Any, running: R, left: Left[R], returned: Returned[R]) -> Any:
    """What a plain function returned that is a coroutine: what has begun goes on while that runs."""
    token = attach(running.context)
    try:
        result = await coroutine
    except BaseException as error:
        left(running, error)
        raise
    finally:
        detach(token)
    return returned(running, result)
