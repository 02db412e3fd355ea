"""How genba is put together: start it, stop it, and tell what it is doing."""

from __future__ import annotations

import atexit
import os
import threading
from dataclasses import dataclass
from importlib import metadata
from typing import Any

from opentelemetry import trace

from . import exits, harmless
from .background import Background
from .exporting.otlp.presets import ELSEWHERE, PRESETS
from .exporting.pipeline import Flushed, Pipeline
from .libraries import LIBRARIES
from .observing import patching, versions
from .offloading import Offload
from .recording import carrying, signals
from .recording.afterwards import Afterwards
from .recording.ledger import Ledger
from .recording.signals import Signals
from .redacting import redaction
from .settings import Settings, resolve
from .tokens import patience

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
        carriers = [name for name, library in LIBRARIES.items() if library.room == "work"]
        clients = [name for name, library in LIBRARIES.items() if library.room not in ("work", "tokenizer")]
        settings = resolve(options, clients, carriers=carriers, backends={**dict.fromkeys(PRESETS), **ELSEWHERE})
        for warning in settings.warnings:
            harmless.logger.warning("genba: %s", warning)
        redactor = redaction.redactor(settings.redact)
        harmless.clean_with(None if redactor is None else redactor.words)
        ledger, background = Ledger(), Background()
        pipeline = Pipeline(settings, ledger, background, VERSION, versions.imported, redactor)
        made = Signals(settings, pipeline.choose, background, ledger, offload=Offload(settings, pipeline.blobs), redactor=redactor)
        sent = carrying.from_environment(os.environ)
        if sent:
            made.outer, made.outer_scope = carrying.context_of(sent), carrying.scope_of(sent)
        made.after = Afterwards(made, VERSION, pipeline.meters, pipeline.loggers)
        if settings.set_global and trace._TRACER_PROVIDER is None:  # noqa: SLF001  # asking through the API would make a proxy look like one
            trace.set_tracer_provider(pipeline.private())
        _running = Running(options, settings, made, pipeline)
        if os.environ.get("OTEL_SDK_DISABLED", "").strip().lower() != "true":
            signals.use(made)
            _instrument(settings)
        atexit.register(_at_exit)
        exits.watch(forked, _at_exit, sigterm=settings.flush_on_sigterm)


def _instrument(settings: Settings) -> None:
    for name, library in LIBRARIES.items():
        if any(getattr(settings, setting) not in values for setting, values in library.needs.items()):
            continue
        if library.room == "work":
            wanted = not library.opt_in or name in settings.carry_context
        elif library.room == "tokenizer":
            wanted = True
        else:
            wanted = not library.opt_in if settings.instrument is None else name in settings.instrument
        if wanted:
            with harmless.guard(f"instrumenting {name}"):
                patching.trace(library)


def options() -> dict[str, Any] | None:
    """The options that genba was started with; None if it does not run."""
    return dict(_running.options) if _running is not None else None


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
        if not running.pipeline.flush(timeout / 2).complete:
            patience.end()  # a tokenizer that is still being read then costs its tokens, not the span
        flushed = running.pipeline.shutdown(timeout / 2)
        patience.begin()
        running.signals.background.stop()
        _running = None
        atexit.unregister(_at_exit)
        exits.leave()
        return flushed


def uninstrument() -> None:
    """Take every patch off and stop recording; what has ended is still handed over."""
    shutdown(EXIT_TIMEOUT)


def _at_exit() -> None:
    with harmless.guard("ending genba"):
        shutdown(EXIT_TIMEOUT)


def forked() -> None:
    """In a child: begin a run of its own. What the parent has in flight, and what it has not written yet, is the parent's."""
    running = _running
    if running is not None and running.signals.ledger.pid != os.getpid():
        running.signals.background.forked()
        running.signals.ledger.forked()
        running.pipeline.forked()
        exits.forked(_at_exit)
        if running.signals.offload is not None:
            running.signals.offload.forked()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=forked)


def state() -> Running | None:
    """What is at work, for `doctor`."""
    return _running
