"""A function that takes what is current here along to wherever it is called, in this process or another."""

from __future__ import annotations

import functools
import pickle
import sys
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from opentelemetry.context import Context, get_current

from .. import harmless, running
from ..recording import carrying
from ..recording.owning import living
from ..recording.scope import Scope
from ..recording.scope import current as current_scope

F = TypeVar("F", bound=Callable[..., Any])


def carry(function: F, /) -> F:
    """`function`, which wherever it is called goes on with what is current here and now: the span, and the conversation's values.

    For work that another thread or process does: `Thread(target=genba.carry(work))`, `executor.submit(genba.carry(work), …)`,
    `pool.map(genba.carry(work), …)`, `Process(target=genba.carry(work))`. What it returns and raises is unchanged. Where `function` can
    be pickled, so can this; in a process where genba does not run yet it is started, with the options that it has here as far as they
    can be pickled.
    """
    if isinstance(function, Carried):
        return function
    carried: Any = Carried(function, living(get_current()), current_scope.get(), carrying.carrier())
    return carried  # type: ignore[no-any-return]  # it is called alike


class Carried:
    """A function with the context that it goes on in."""

    def __init__(self, function: Any, context: Context | None, scope: Scope | None, sent: Mapping[str, str]) -> None:
        functools.update_wrapper(self, function)
        self._function = function
        self._context = context
        """None in another process than where it was made: then what was sent says it."""
        self._scope = scope
        self._sent = sent

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if self._context is not None:
            with carrying.current(self._context, self._scope):
                return self._function(*args, **kwargs)
        try:
            with carrying.resume(self._sent):
                return self._function(*args, **kwargs)
        finally:
            if _may_be_killed():
                running.flush(running.EXIT_TIMEOUT)

    def __reduce__(self) -> Any:
        return _restored, (self._function, self._sent, sendable(running.options()))


def _restored(function: Any, sent: Mapping[str, str], options: dict[str, Any] | None) -> Carried:
    """In the other process."""
    if options is not None and running.options() is None:
        with harmless.guard("starting genba in a process that has work of another one"):
            running.start(options)
    return Carried(function, None, None, sent)


def sendable(options: dict[str, Any] | None) -> dict[str, Any] | None:
    """The options that another process can be given: providers and exporters are objects of this one."""
    if options is None:
        return None
    return {name: value for name, value in options.items() if _can_be_pickled(value)}


def _can_be_pickled(value: object) -> bool:
    try:
        pickle.dumps(value)
    except Exception:  # noqa: BLE001  # whatever goes wrong, it cannot
        return False
    return True


def _may_be_killed() -> bool:
    """Whether this process may be ended without notice, as the workers of a pool are."""
    processes = sys.modules.get("multiprocessing.process")
    return processes is not None and bool(processes.current_process().daemon)
