"""Each retry that the client makes becomes an event on the span of its call."""

from __future__ import annotations

import functools
import inspect
from typing import Any
from weakref import WeakKeyDictionary

from opentelemetry.context import get_value

from ... import harmless, semconv
from ...recording import owning
from ...recording.invocation import Invocation

_failed: WeakKeyDictionary[Invocation, tuple[Any, int, Any]] = WeakKeyDictionary()
"""Calls whose last attempt failed: the request it sent, how many attempts there were, the status of the last."""


def as_attempt(original: Any) -> Any:
    """Around what sends a request once."""
    if inspect.iscoroutinefunction(original):

        @functools.wraps(original)
        async def send_async(client: Any, http_request: Any, *args: Any, **kwargs: Any) -> Any:
            _begins(http_request)
            try:
                return await original(client, http_request, *args, **kwargs)
            except Exception as error:
                _fails(http_request, error)
                raise

        return send_async

    @functools.wraps(original)
    def send(client: Any, http_request: Any, *args: Any, **kwargs: Any) -> Any:
        _begins(http_request)
        try:
            return original(client, http_request, *args, **kwargs)
        except Exception as error:
            _fails(http_request, error)
            raise

    return send


def _begins(http_request: Any) -> None:
    with harmless.guard("noting a retry"):
        invocation = get_value(owning.OWNER)
        if not isinstance(invocation, Invocation) or not invocation.is_recording:
            return
        request, attempts, status = _failed.get(invocation, (None, 0, None))
        if request is http_request:
            noted = {semconv.RETRY_ATTEMPT: attempts}
            if type(status) is int:
                noted["http.response.status_code"] = status
            invocation.span.add_event(semconv.RETRY_EVENT, noted)


def _fails(http_request: Any, error: Exception) -> None:
    with harmless.guard("noting a failed attempt"):
        invocation = get_value(owning.OWNER)
        if isinstance(invocation, Invocation) and invocation.is_recording:
            request, attempts, _ = _failed.get(invocation, (None, 0, None))
            before = attempts if request is http_request else 0
            _failed[invocation] = (http_request, before + 1, getattr(error, "code", None))
