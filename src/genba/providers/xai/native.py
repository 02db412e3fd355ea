"""The spans that xAI's client makes of its chats and pictures whenever the app has a tracer provider: they are for the same calls as ours.

It also makes them current while the host reads a stream, so that the host's own spans would hang below them. Ours stand in their place.
Those of its other parts, such as files and collections, are left.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from opentelemetry import trace

from ...observing.patching import Patch

_MODULES = ("sync.chat", "aio.chat", "sync.image", "aio.image")
_PRIVATE = "XAI_SDK_DISABLE_SENSITIVE_TELEMETRY_ATTRIBUTES"


def patches() -> Sequence[Patch]:
    """Where it keeps its tracers."""
    return [Patch(f"xai_sdk.{module}", "tracer", lambda _: _SILENT, "xai-sdk", optional=True) for module in _MODULES]


def withholds_content() -> bool:
    """Whether the app told the client to keep what is said out of telemetry."""
    return os.environ.get(_PRIVATE, "").lower() in ("1", "true")


class _Silent(trace.NoOpTracer):
    """Starts no span, and leaves what is current as it is."""

    @contextmanager
    def start_as_current_span(self, *args: Any, **kwargs: Any) -> Iterator[trace.Span]:  # type: ignore[override]  # its parent's is another manager
        yield trace.INVALID_SPAN


_SILENT: Any = _Silent()
