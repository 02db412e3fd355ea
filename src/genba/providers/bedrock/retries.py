"""Each retry that botocore makes becomes an event on the span of its call."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Container
from typing import Any

from opentelemetry.context import get_value

from ... import harmless, semconv
from ...observing.arguments import Arguments, positions
from ...observing.around import Function
from ...observing.patching import Patch
from ...recording import owning
from ...recording.invocation import Invocation


def patches(services: Container[str]) -> list[Patch]:
    """The patches by which retries of calls to these services are noticed."""
    wrap = functools.partial(_asking, services)
    return [
        Patch("botocore.endpoint", "Endpoint._needs_retry", wrap, "botocore", optional=True),
        Patch("aiobotocore.endpoint", "AioEndpoint._needs_retry", wrap, "aiobotocore", optional=True),
    ]


def _asking(services: Container[str], function: Function) -> Function:
    """What tells whether there is to be another attempt; where there is, it has waited for it."""
    names = positions(function)

    @functools.wraps(function)
    def plain(self: Any, *args: Any, **kwargs: Any) -> Any:
        again = function(self, *args, **kwargs)
        if again:
            _note(services, Arguments((self, *args), kwargs, names))
        return again

    @functools.wraps(function)
    async def is_async(self: Any, *args: Any, **kwargs: Any) -> Any:
        again = await function(self, *args, **kwargs)
        if again:
            _note(services, Arguments((self, *args), kwargs, names))
        return again

    return is_async if inspect.iscoroutinefunction(function) else plain


def _note(services: Container[str], arguments: Arguments) -> None:
    with harmless.guard("noting a retry"):
        invocation = get_value(owning.OWNER)
        # To sign a call its credentials may have to be asked for, and that may be retried too.
        service = arguments.get("operation_model").service_model.service_name
        if service not in services or not isinstance(invocation, Invocation) or not invocation.is_recording:
            return
        noted = {semconv.RETRY_ATTEMPT: int(arguments.get("attempts"))}
        answer = arguments.get("response")
        if answer is not None:
            noted["http.response.status_code"] = int(answer[0].status_code)
        invocation.span.add_event(semconv.RETRY_EVENT, noted)
