"""Ray: a remote function goes on in the trace of whoever called it.

Ray pickles a function once, at its first call, and sends the arguments with each; so the carrier travels as one argument more, which
the function is given a place for just before it is pickled.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Sequence
from typing import Any

from .. import harmless, running
from ..observing.patching import Patch
from ..recording.carrying import carrier, resume
from .carried import sendable

_ARGUMENT = "_genba_carrier"
_MODULE = "ray.remote_function"


def patches() -> Sequence[Patch]:
    """What is wrapped, if the host asks for it with `carry_context`."""
    return [
        Patch(_MODULE, "_inject_tracing_into_function", _making_a_place, "ray"),
        Patch(_MODULE, "RemoteFunction._remote", _sending_along, "ray"),
    ]


def _making_a_place(original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def inject(function: Any) -> Any:
        prepared = original(function)
        with harmless.guard("making a place for the context of a remote function"):
            return _resuming(prepared)
        return prepared

    return inject


def _resuming(function: Any) -> Any:
    @functools.wraps(function)
    def run(*args: Any, **kwargs: Any) -> Any:
        sent = kwargs.pop(_ARGUMENT, None)
        if sent is None:
            return function(*args, **kwargs)
        if sent["options"] is not None and running.options() is None:
            with harmless.guard("starting genba in a process that has work of another one"):
                running.start(sent["options"])
        try:
            with resume(sent["carrier"]):
                return function(*args, **kwargs)
        finally:
            running.flush(running.EXIT_TIMEOUT)  # Ray ends its workers without notice

    signature = inspect.signature(function)
    place = inspect.Parameter(_ARGUMENT, inspect.Parameter.KEYWORD_ONLY, default=None)
    last = [one for one in signature.parameters.values() if one.kind is inspect.Parameter.VAR_KEYWORD]
    others = [one for one in signature.parameters.values() if one.kind is not inspect.Parameter.VAR_KEYWORD]
    run.__signature__ = signature.replace(parameters=[*others, place, *last])  # type: ignore[attr-defined]  # what `inspect` looks at
    return run


def _sending_along(original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def remote(function: Any, args: Any = None, kwargs: Any = None, *rest: Any, **options: Any) -> Any:
        with harmless.guard("taking the context along to a remote function"):
            if _has_a_place(function):
                sent = {"carrier": carrier(), "options": sendable(running.options())}
                kwargs = {**(kwargs or {}), _ARGUMENT: sent}
        return original(function, args, kwargs, *rest, **options)

    return remote


def _has_a_place(function: Any) -> bool:
    """Whether it was not prepared yet, and so will have one, or has one."""
    prepared = getattr(function, "_function_signature", None)
    return prepared is None or _ARGUMENT in inspect.signature(function._function).parameters  # noqa: SLF001
