"""The client: a tool's call is a span, or part of the one that a framework has of it, and its trace travels along in `_meta`."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from opentelemetry import propagate, trace
from opentelemetry.context import get_current
from opentelemetry.trace import SpanKind

from ... import harmless, semconv
from ...observing.functions import observed
from ...observing.patching import Patch
from ...recording import owning, signals
from ...recording.invocation import Invocation
from ...recording.joining import joined
from . import tool_calls


def _traced(function: Callable[..., Any]) -> Any:
    return observed(function, _begin, tool_calls.gave)


def _begin(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Invocation | None:
    with harmless.guard("beginning the call of a tool"):
        name, arguments = _argument(args, kwargs, 1, "name"), _argument(args, kwargs, 2, "arguments")
        if signals.current() is None or not isinstance(name, str):
            return None
        context = owning.living(get_current())
        outer = joined(context, name, tool_calls.LIBRARY, {semconv.MCP_METHOD_NAME: tool_calls.METHOD}, _is_called)
        if outer is not None:
            if outer.is_recording:
                outer.took(arguments or {})
            return outer
        return tool_calls.begin(name, arguments, SpanKind.INTERNAL, context)
    return None


def _is_called(said: object, name: str) -> bool:
    """Whether a framework that says `said` means this tool: it may have put the server's name before the tool's."""
    words = str(said or "")
    return words.endswith(name) and not words.removesuffix(name)[-1:].isalnum()


def _argument(args: tuple[Any, ...], kwargs: dict[str, Any], at: int, name: str) -> Any:
    return args[at] if len(args) > at else kwargs.get(name)


def _carried(function: Callable[..., Any]) -> Any:
    """Around the sending of a request in version 1, which carries no trace by itself."""

    @functools.wraps(function)
    async def send_request(self: Any, request: Any, *args: Any, **kwargs: Any) -> Any:
        if signals.current() is not None:
            with harmless.guard("putting the trace into a request's `_meta`"):
                request = _with_trace(request)
        return await function(self, request, *args, **kwargs)

    return send_request


def _with_trace(request: Any) -> Any:
    carrier: dict[str, str] = {}
    if trace.get_current_span().get_span_context().is_valid:
        propagate.inject(carrier)
    root: Any = getattr(request, "root", None)
    params = getattr(root, "params", None)
    if not carrier or params is None or not hasattr(params, "meta"):
        return request
    kind = type(params.meta) if params.meta is not None else getattr(type(params), "Meta", None)
    if kind is None:
        return request
    said = {} if params.meta is None else params.meta.model_dump(exclude_unset=True)
    meta = kind(**{**carrier, **said})
    # The request may be the host's own, to be sent again.
    return request.model_copy(update={"root": root.model_copy(update={"params": params.model_copy(update={"meta": meta})})})


PATCHES = (
    Patch("mcp.client.session", "ClientSession.call_tool", _traced, tool_calls.LIBRARY),
    Patch("mcp.shared.session", "BaseSession.send_request", _carried, tool_calls.LIBRARY, optional=True),
)
