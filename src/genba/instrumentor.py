"""What `opentelemetry-instrument` calls: genba as one of its instrumentors."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import genba


class GenbaInstrumentor:
    """Starts genba in a process that OpenTelemetry's own launcher set up."""

    def instrumentation_dependencies(self) -> Collection[str]:
        """None: clients are traced when they are there."""
        return ()

    def instrument(self, **kwargs: Any) -> None:
        """Begin tracing, into the given or the global providers."""
        known = ("tracer_provider", "meter_provider", "logger_provider")
        genba.init(**{name: kwargs[name] for name in known if kwargs.get(name) is not None})

    def uninstrument(self, **kwargs: Any) -> None:
        """Stop."""
        genba.uninstrument()
