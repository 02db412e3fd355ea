"""Let no call have two spans: Anthropic's client (1.17 and later) makes one of its own for each of its methods.

Its switches are read when a client is made, and it takes its tracer from whichever provider it was given, so neither settings nor
a provider of ours reaches every client. What every call passes through is `start_api_call_span`. In a call that we record, that
gets a tracer which hands out the span that is already there, in a form that records nothing, and the client does with it what it
does with any span that is not recorded: it makes it current and sends its trace context along. Otherwise it gets the client's own
tracer: spans for tool runners, for tool runs and for methods that we do not record are untouched.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any

from opentelemetry import context as context_api
from opentelemetry import trace
from opentelemetry.context import Context

from ...recording.owning import OWNER
from .routes import ROUTES

_MODULE = "anthropic._base_client"
_FUNCTION = "start_api_call_span"

Wrapper = Callable[[Callable[..., Any]], Callable[..., Any]]


def patches() -> Sequence[tuple[str, str, Wrapper]]:
    """What to replace: module, attribute, and what makes the replacement out of the original.

    None for a client without own spans, which is known once the client is imported.
    """
    client = sys.modules.get(_MODULE)
    if client is not None and not hasattr(client, _FUNCTION):
        return ()
    return ((_MODULE, _FUNCTION, _with_our_tracer),)


def _with_our_tracer(original: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(original)
    def start_api_call_span(*args: Any, **kwargs: Any) -> Any:
        if context_api.get_value(OWNER) is not None and _is_ours(*args):
            args = (_TRACER, *args[1:])
        return original(*args, **kwargs)

    return start_api_call_span


def _is_ours(tracer: object = None, _base_url: object = None, options: object = None, *_: object) -> bool:
    """Whether the arguments are what we know them to be, and those of a call that we record."""
    method, url = getattr(options, "method", None), getattr(options, "url", None)
    if not (isinstance(tracer, trace.Tracer) and isinstance(method, str) and isinstance(url, str)):
        return False
    return f"{method.upper()} {url.partition('?')[0]}" in ROUTES


class _CurrentSpanTracer(trace.NoOpTracer):
    """Starts no span: gives the current one, unable to record or to be ended by who asked for it."""

    # Newer parents do the same; that of OpenTelemetry 1.39 forgets the trace context.
    def start_span(self, name: str, context: Context | None = None, *args: Any, **kwargs: Any) -> trace.Span:
        return trace.NonRecordingSpan(trace.get_current_span(context).get_span_context())


_TRACER = _CurrentSpanTracer()
