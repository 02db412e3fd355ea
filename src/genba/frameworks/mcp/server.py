"""The server: what it does for a client's call is a span below the client's, whatever was current when its loop began.

Version 2 opens a span for each message. If that is recorded, it is told what was asked and answered; else ours stands in its place.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from typing import Any

from opentelemetry import propagate, trace
from opentelemetry.context import Context, attach, detach, get_current
from opentelemetry.trace import SpanKind

from ... import harmless, semconv
from ...conversation.encoding import encode
from ...observing.functions import left
from ...observing.patching import Patch
from ...observing.wire import unwrapped
from ...recording import owning, signals
from ...recording.invocation import Invocation
from ...semconv import Outcome
from . import tool_calls

_serving: ContextVar[Invocation | None] = ContextVar("genba-mcp-serving", default=None)
"""The call that the handler at work answers, in version 1."""


def _middleware(function: Callable[..., Any]) -> Any:
    """Around version 2's own telemetry: inside of its span, if it makes one."""

    @functools.wraps(function)
    async def run(self: Any, ctx: Any, call_next: Any) -> Any:
        if signals.current() is None or getattr(ctx, "method", None) != tool_calls.METHOD:
            return await function(self, ctx, call_next)
        return await function(self, ctx, functools.partial(_next, call_next))

    return run


async def _next(call_next: Callable[[Any], Any], ctx: Any) -> Any:
    own = trace.get_current_span()
    if own.is_recording() and semconv.MCP_METHOD_NAME in (getattr(own, "attributes", None) or {}):
        _tell(own, semconv.TOOL_CALL_ARGUMENTS, (ctx.params or {}).get("arguments"))
        result = await call_next(ctx)
        _tell(own, semconv.TOOL_CALL_RESULT, result)
        return result
    params = ctx.params or {}
    invocation = _begin(params.get("name"), params.get("arguments"), ctx.meta)
    if invocation is None:
        return await call_next(ctx)
    token = attach(invocation.context)
    try:
        result = await call_next(ctx)
    except BaseException as error:
        left(invocation, error)
        raise
    finally:
        detach(token)
    tool_calls.gave(invocation, result)
    invocation.end(Outcome.COMPLETED)
    return result


def _tell(span: trace.Span, name: str, value: Any) -> None:
    with harmless.guard("telling mcp's own span what was said"):
        sending = signals.current()
        if value is not None and sending is not None and sending.content_on_spans:
            span.set_attribute(name, encode(unwrapped(value)).decode())


def _begin(name: Any, arguments: Any, meta: Any) -> Invocation | None:
    with harmless.guard("beginning a call that a client asked for"):
        if isinstance(name, str):
            return tool_calls.begin(name, arguments, SpanKind.SERVER, _sent_along(meta) or owning.living(get_current()))
    return None


def _sent_along(meta: Any) -> Context | None:
    """The client's context; None if it sent none along: then whatever is current here is nearer the truth."""
    said = meta if isinstance(meta, Mapping) else getattr(meta, "model_extra", None)
    context = propagate.extract({str(key): value for key, value in (said or {}).items() if isinstance(value, str)}, Context())
    return context if trace.get_current_span(context).get_span_context().is_valid else None


def _handling(function: Callable[..., Any]) -> Any:
    """Around version 1's handling of any request."""

    @functools.wraps(function)
    async def handle_request(self: Any, message: Any, req: Any, *args: Any, **kwargs: Any) -> Any:
        params = getattr(req, "params", None)
        if signals.current() is None or getattr(req, "method", None) != tool_calls.METHOD:
            return await function(self, message, req, *args, **kwargs)
        invocation = _begin(getattr(params, "name", None), getattr(params, "arguments", None), getattr(params, "meta", None))
        if invocation is None:
            return await function(self, message, req, *args, **kwargs)
        token, serving = attach(invocation.context), _serving.set(invocation)
        try:
            result = await function(self, message, req, *args, **kwargs)
        except BaseException as error:
            left(invocation, error)
            raise
        finally:
            detach(token)
            _serving.reset(serving)
        invocation.end(Outcome.COMPLETED)
        return result

    return handle_request


def _responding(function: Callable[..., Any]) -> Any:
    """Around version 1's answer, which its handling of the request does not return."""

    @functools.wraps(function)
    async def respond(self: Any, response: Any) -> Any:
        invocation = _serving.get()
        if invocation is not None:
            _answered(invocation, getattr(response, "root", response))
        return await function(self, response)

    return respond


def _answered(invocation: Invocation, response: Any) -> None:
    with harmless.guard("reading an answer to a client"):
        code = getattr(response, "code", None)
        if code is None:
            tool_calls.gave(invocation, response)
        else:
            invocation.answered_badly(str(code), str(getattr(response, "message", "")) or None)


PATCHES = (
    Patch("mcp.server._otel", "OpenTelemetryMiddleware.__call__", _middleware, tool_calls.LIBRARY),
    Patch("mcp.server.lowlevel.server", "Server._handle_request", _handling, tool_calls.LIBRARY, optional=True),
    Patch("mcp.shared.session", "RequestResponder.respond", _responding, tool_calls.LIBRARY, optional=True),
)
