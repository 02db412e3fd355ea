"""Functions that return a context manager, observed: the call begins when the host enters it, not before, and ends with it at the latest."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from opentelemetry.context import attach, detach

from .. import harmless
from ..recording import signals
from ..semconv import Outcome
from .around import Begin, Function, Left, Returned
from .call import Call
from .stand_ins import StandIn


def entered(function: Function, begin: Begin[Call], left: Left[Call], returned: Returned[Call]) -> Function:
    """`function`, whose result stands for the manager that it made."""

    @functools.wraps(function)
    def run(*args: Any, **kwargs: Any) -> Any:
        manager = function(*args, **kwargs)
        if signals.current() is None:
            return manager
        return Entered(manager, functools.partial(begin, args, kwargs), left, returned)

    return run


class Entered(StandIn):
    """Stands for a context manager of either kind."""

    __slots__ = ("_begin", "_call", "_inner", "_left", "_returned")

    def __init__(self, manager: Any, begin: Callable[[], Call | None], left: Left[Call], returned: Returned[Call]) -> None:
        self._inner = manager
        self._begin = begin
        self._left = left
        self._returned = returned
        self._call: Call | None = None

    def __enter__(self) -> Any:
        call = self._call = self._begin()
        if call is None:
            return self._inner.__enter__()
        token = attach(call.context)
        try:
            result = self._inner.__enter__()
        except BaseException as error:
            self._left(call, error)
            raise
        finally:
            detach(token)
        return self._returned(call, result)

    def __exit__(self, *error: object) -> Any:
        try:
            return self._inner.__exit__(*error)
        finally:
            self._leave()

    async def __aenter__(self) -> Any:
        call = self._call = self._begin()
        if call is None:
            return await self._inner.__aenter__()
        token = attach(call.context)
        try:
            result = await self._inner.__aenter__()
        except BaseException as error:
            self._left(call, error)
            raise
        finally:
            detach(token)
        return self._returned(call, result)

    async def __aexit__(self, *error: object) -> Any:
        try:
            return await self._inner.__aexit__(*error)
        finally:
            self._leave()

    def _leave(self) -> None:
        """What the host has not read by now it will not read."""
        if self._call is not None:
            with harmless.guard("leaving a context manager"):
                self._call.stopped(Outcome.CANCELLED)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._inner(*args, **kwargs)
