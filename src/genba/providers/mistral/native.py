"""The spans that Mistral's client makes of its own requests, when it was told to: they are for the same calls as ours.

Where they would go to the app's own tracer provider, ours stand in their place, or every token would be counted twice. Those that it
sends to Mistral, or to a provider that it was given, go another way and are left.
"""

from __future__ import annotations

import functools
from typing import Any

from ...observing.around import Function
from ...observing.patching import Patch
from ...recording import signals


def patch(package: str) -> Patch:
    """Where the client asks for the app's provider."""
    return Patch(f"{package}._hooks.tracing", "get_or_create_otel_tracer", _only_elsewhere, "mistralai", optional=True)


def _only_elsewhere(original: Function) -> Function:
    @functools.wraps(original)
    def tracer(*args: Any, **kwargs: Any) -> Any:
        enabled, found = original(*args, **kwargs)
        given = args[0] if args else kwargs.get("provider")
        return (enabled and (given is not None or signals.current() is None), found)

    return tracer
