"""LlamaIndex: a span handler and an event handler on its root dispatcher. Its spans are method calls; few of them are worth one of ours."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

from .handlers import Events, Spans, runs


def connect() -> Callable[[], None]:
    """Listen to every dispatcher: what they are told goes up to the root."""
    root: Any = importlib.import_module("llama_index.core.instrumentation").get_dispatcher()
    about = {"__module__": __name__}
    spans = type("GenbaSpans", (Spans, _base("span_handlers", "BaseSpanHandler")), about)()
    events = type("GenbaEvents", (Events, _base("event_handlers", "BaseEventHandler")), about)()
    root.add_span_handler(spans)
    root.add_event_handler(events)

    def disconnect() -> None:
        root.span_handlers[:] = [handler for handler in root.span_handlers if handler is not spans]
        root.event_handlers[:] = [handler for handler in root.event_handlers if handler is not events]
        runs.abandon_all()

    return disconnect


def _base(where: str, name: str) -> Any:
    return getattr(importlib.import_module(f"llama_index.core.instrumentation.{where}"), name)
