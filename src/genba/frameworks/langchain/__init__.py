"""LangChain and LangGraph: one handler that every callback manager finds by itself; nothing of them is patched."""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

from ... import harmless
from .callbacks import Callbacks, runs

_handler: Any = None


def connect() -> Callable[[], None]:
    """Let every callback manager have our handler, in every thread and task: they see the default of the context variable."""
    hooks: list[Any] = importlib.import_module("langchain_core.tracers.context")._configure_hooks  # noqa: SLF001  # to take it off
    ours = handler()
    entry = (ContextVar("genba-langchain", default=ours), True, None, None)
    hooks.append(entry)
    _warn_of_duplicates()

    def disconnect() -> None:
        if entry in hooks:
            hooks.remove(entry)
        runs.abandon_all()

    return disconnect


def handler() -> Any:
    """The one handler of this process: what copies or pickles it gets it again."""
    global _handler  # noqa: PLW0603  # one for the process is the point
    if _handler is None:
        base = importlib.import_module("langchain_core.callbacks.base").BaseCallbackHandler
        _handler = type("GenbaHandler", (Callbacks, base), {"__reduce__": lambda _: (handler, ())})()
    return _handler


def _warn_of_duplicates() -> None:
    if not any(_says(name, "true") for name in ("TRACING", "TRACING_V2")):
        return
    if _says("OTEL_ENABLED", "true") or _says("TRACING_MODE", "otel", "hybrid"):
        harmless.logger.warning(
            "LangSmith is told to send spans of its own through OpenTelemetry: every LangChain run is then there twice. "
            "Unset LANGSMITH_OTEL_ENABLED or LANGSMITH_TRACING_MODE, or leave langchain out of genba.init(instrument=…)."
        )


def _says(name: str, *words: str) -> bool:
    return any(os.environ.get(f"{prefix}_{name}", "").lower() in words for prefix in ("LANGSMITH", "LANGCHAIN"))
