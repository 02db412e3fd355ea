"""How genba is put together: start it, stop it, and tell what it is doing."""

from __future__ import annotations

import atexit
import os
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import metadata
from typing import Any

from opentelemetry import trace

from . import harmless
from .background import Background
from .exporting.pipeline import Flushed, Pipeline
from .libraries import LIBRARIES
from .observing import patching
from .recording import signals
from .recording.afterwards import Afterwards
from .recording.ledger import Ledger
from .recording.signals import Signals
from .settings import Settings, resolve

EXIT_TIMEOUT = 2.0
"""Seconds that the end of the process waits for what is queued."""


def _version() -> str:
    try:
        return metadata.version("genba")
    except metadata.PackageNotFoundError:
        return "0"


VERSION = _version()


@dataclass(slots=True)
class Running:
    """genba at work."""

    options: dict[str, Any]
    settings: Settings
    signals: Signals
    pipeline: Pipeline


_running: Running | None = None
_lock = threading.RLock()


def start(options: dict[str, Any]) -> None:
    """Begin tracing with these options.

    Raises:
        SettingsError: an option or variable cannot be used; then nothing has begun.
    """
    global _running  # noqa: PLW0603  # one for the process is the point
    with _lock:
        if _running is not None:
            if options != _running.options:
                changed = sorted(name for name in {*options, *_running.options} if options.get(name) != _running.options.get(name))
                harmless.logger.warning(
                    "genba.init() was called again with other options (%s). The first ones stay in force. "
                    "Call genba.shutdown() and genba.uninstrument() before, to begin anew.",
                    ", ".join(changed),
                )
            return
        settings = resolve(options, list(LIBRARIES))
        for warning in settings.warnings:
            harmless.logger.warning("genba: %s", warning)
        ledger, background = Ledger(), Background()
        pipeline = Pipeline(settings, ledger, background, VERSION)
        made = Signals(settings, pipeline.choose, background, ledger)
        made.after = Afterwards(made, VERSION, pipeline.meters, pipeline.loggers)
        if settings.set_global and trace._TRACER_PROVIDER is None:  # noqa: SLF001  # asking through the API would make a proxy look like one
            trace.set_tracer_provider(pipeline.private())
        _running = Running(options, settings, made, pipeline)
        if os.environ.get("OTEL_SDK_DISABLED", "").strip().lower() != "true":
            signals.use(made)
            _instrument(settings)
        atexit.register(_at_exit)


def _instrument(settings: Settings) -> None:
    for name, library in LIBRARIES.items():
        if not library.opt_in if settings.instrument is None else name in settings.instrument:
            with harmless.guard(f"instrumenting {name}"):
                patching.trace(library)


def flush(timeout: float) -> Flushed:
    """Hand over every span that has ended."""
    running = _running
    return running.pipeline.flush(timeout) if running is not None else Flushed(complete=True, waiting=0)


def shutdown(timeout: float) -> Flushed:
    """End what is in flight, hand everything over, and stop."""
    global _running  # noqa: PLW0603
    with _lock:
        running = _running
        if running is None:
            return Flushed(complete=True, waiting=0)
        signals.use(None)
        patching.remove_all()
        for invocation in list(running.signals.ledger.open.values()):
            with harmless.guard("ending a call that was still in flight"):
                invocation.abandon()
        flushed = running.pipeline.shutdown(timeout)
        running.signals.background.stop()
        _running = None
        atexit.unregister(_at_exit)
        return flushed


def uninstrument() -> None:
    """Take every patch off and stop recording; what has ended is still handed over."""
    shutdown(EXIT_TIMEOUT)


def _at_exit() -> None:
    with harmless.guard("ending genba"):
        shutdown(EXIT_TIMEOUT)


def _in_child() -> None:
    running = _running
    if running is not None:
        running.signals.background.forked()
        running.signals.ledger.forked()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_in_child)


@dataclass(frozen=True, slots=True)
class Doctor:
    """What genba is doing in this process. `str()` of it is for a person."""

    version: str
    python: str
    is_running: bool
    pipeline: Sequence[str]
    clients: Sequence[tuple[str, str | None, str]]
    """(seam, version of its library, what became of it)"""
    counts: dict[str, int]
    dropped: dict[str, int]
    failures: dict[str, tuple[int, str]]

    def __str__(self) -> str:
        lines = [
            f"genba {self.version} on Python {self.python}: {'running' if self.is_running else 'not running (call genba.init())'}"
        ]
        lines.extend(f"  {line}" for line in self.pipeline)
        lines.append("clients")
        lines.extend(f"  {seam}  {version or '-'}  {state}" for seam, version, state in self.clients)
        lines.append("calls")
        lines.append("  " + ", ".join(f"{name} {number}" for name, number in self.counts.items()))
        lines.extend(f"  dropped {number}: {reason}" for reason, number in self.dropped.items())
        if self.failures:
            lines.append("failures of genba's own (your program was not affected)")
            lines.extend(f"  {number} × while {doing}: {words}" for doing, (number, words) in self.failures.items())
        return "\n".join(lines)


def _known_clients() -> list[tuple[str, str | None, str]]:
    """What `init` would trace here, by what is installed."""
    found: list[tuple[str, str | None, str]] = []
    for name, library in LIBRARIES.items():
        try:
            found.append((name, metadata.version(library.distribution), f"installed; tested with {library.versions}"))
        except metadata.PackageNotFoundError:
            found.append((name, None, f"not installed; tested with {library.versions}"))
    return found


def doctor() -> Doctor:
    """Look at genba from outside."""
    running = _running
    counts: dict[str, int] = {}
    dropped: dict[str, int] = {}
    pipeline: list[str] = []
    if running is not None:
        ledger = running.signals.ledger
        running.signals.tracer()
        pipeline = [*running.pipeline.describe(), f"run {ledger.run_id}"]
        if signals.current() is None:
            pipeline.append("switched off by OTEL_SDK_DISABLED=true")
        counts = {
            "made": ledger.made,
            "in flight": len(ledger.open),
            "ended": ledger.ended,
            "sampled out": ledger.sampled_out,
            **{f"exported to {name}": number for name, number in ledger.exported.items()},
            "waiting": running.signals.background.waiting,
        }
        dropped = dict(ledger.dropped)
    seams = (
        _known_clients()
        if running is None
        else [
            *((one.library.name, one.version, one.state) for one in patching.watched()),
            *((f"{seam.patch.module}.{seam.patch.attribute}", seam.version, seam.state) for seam in patching.seams()),
        ]
    )
    return Doctor(
        version=VERSION,
        python=sys.version.split()[0],
        is_running=running is not None and signals.current() is not None,
        pipeline=pipeline,
        clients=seams,
        counts=counts,
        dropped=dropped,
        failures={doing: (failure.count, failure.first) for doing, failure in harmless.failures().items()},
    )
