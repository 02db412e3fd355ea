"""Hand everything over at the end of a block: for programs that may be frozen or killed between two requests."""

from __future__ import annotations

import asyncio
import functools
import inspect
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeVar

from . import harmless, running
from .exporting.pipeline import Flushed

if TYPE_CHECKING:
    from typing_extensions import Self

Function = TypeVar("Function", bound=Callable[..., Any])


class flushing:  # noqa: N801  # reads as a statement: with genba.flushing()
    """`with genba.flushing():` around a request hands its spans over before the request is answered. Also `async with`, and a decorator.

    It waits at most about `timeout` seconds, and never raises; `result` says what became of everything.
    """

    def __init__(self, timeout: float = 2.0) -> None:
        self.timeout = timeout
        self.result: Flushed | None = None
        """What the flush found; None until it was done."""

    def __call__(self, function: Function) -> Function:
        """The function, with its spans handed over before it returns. Its calls are told apart: `result` stays None."""
        timeout = self.timeout
        if inspect.iscoroutinefunction(function):

            @functools.wraps(function)
            async def wrapped_async(*args: Any, **kwargs: Any) -> Any:
                async with flushing(timeout):
                    return await function(*args, **kwargs)

            return wrapped_async  # type: ignore[return-value]  # of the same signature

        @functools.wraps(function)
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            with flushing(timeout):
                return function(*args, **kwargs)

        return wrapped  # type: ignore[return-value]  # of the same signature

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        with harmless.guard("flushing at the end of a request"):
            self.result = running.flush(self.timeout)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        with harmless.guard("flushing at the end of a request"):
            # The loop has other requests to serve meanwhile.
            self.result = await asyncio.get_running_loop().run_in_executor(None, running.flush, self.timeout)
