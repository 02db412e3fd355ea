"""Spans in memory, our own mistakes loud, no setting of the developer's shell, no leftovers from the test before."""

from __future__ import annotations

import gc
import logging
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import pytest

from support.recording_support import Recorder, pytest_addoption
from support.spans import Spans
from support.wire import NOTHING, Server

__all__ = ["pytest_addoption"]

UNSAID = (
    "Failed to detach",
    "was created in a different Context",
    "Calling end() on an ended span",
    "on ended span",
    "Invalid type",
)
"""What OpenTelemetry logs when it is misused. No test may cause it."""


KEPT = ("GENBA_RECORDINGS", "GENBA_BACKENDS")
"""Settings of the tests themselves."""


def pytest_configure(config: pytest.Config) -> None:
    # A shell's background jobs ignore Ctrl-C, and so would every program that a test starts and interrupts.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if config.getoption("--record-support"):
        config.pluginmanager.register(Recorder())
    config.addinivalue_line("markers", "hostile: feeds genba things that break it, so failures inside it are expected")
    config.addinivalue_line("filterwarnings", "error")
    # Streams that are dropped on purpose leave their sockets to the garbage collector.
    config.addinivalue_line("filterwarnings", "ignore::ResourceWarning")
    config.addinivalue_line("filterwarnings", "ignore:.*unclosed.*:pytest.PytestUnraisableExceptionWarning")
    # What libraries warn of in their own code: google-genai where aiohttp is installed, mistralai's JSONPath on newer Pythons.
    config.addinivalue_line("filterwarnings", "ignore:Inheritance class AiohttpClientSession:DeprecationWarning")
    config.addinivalue_line("filterwarnings", r"ignore:ast\.\w+ is deprecated and will be removed:DeprecationWarning")
    config.addinivalue_line("filterwarnings", "ignore:Attribute [ns] is deprecated and will be removed:DeprecationWarning")


def pytest_sessionstart(session: pytest.Session) -> None:
    for name in [name for name in os.environ if name.startswith(("GENBA_", "OTEL_", "OPENAI_", "ANTHROPIC_")) and name not in KEPT]:
        del os.environ[name]


def pytest_collection_finish(session: pytest.Session) -> None:
    # Whatever is loaded by now stays: collecting after a test need not look at it again (see `nothing_unsaid`).
    for client in ("openai", "anthropic"):
        if find_spec(client):
            import_module(f"{client}.types")
            import_module(f"{client}.resources")
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def loud(request: pytest.FixtureRequest) -> Iterator[None]:
    """A failure inside genba fails the test, unless the test is about such failures."""
    from genba import harmless

    with nullcontext() if request.node.get_closest_marker("hostile") else harmless.strict():
        yield


@pytest.fixture(autouse=True)
def nothing_unsaid() -> Iterator[None]:
    """No complaint of OpenTelemetry in the log."""
    complaints: list[str] = []

    class Listener(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if any(words in record.getMessage() for words in UNSAID):
                complaints.append(f"{record.name}: {record.getMessage()}")

    listener = Listener()
    logging.getLogger().addHandler(listener)
    yield
    gc.collect()
    gc.freeze()  # each test collects its own garbage only, else collecting would take most of the suite's time
    logging.getLogger().removeHandler(listener)
    assert not complaints


@pytest.fixture
def start_tracing() -> Iterator[Callable[..., Spans]]:
    """Start genba with a pipeline in memory; taken off again after the test."""
    import genba

    def start(spans: Spans | None = None, **options: Any) -> Spans:
        spans = spans or Spans()
        genba.init(tracer_provider=spans.provider, **{"store": "off", **options})
        return spans

    yield start
    genba.uninstrument()


@pytest.fixture
def spans(start_tracing: Callable[..., Spans]) -> Spans:
    """genba, on, with a pipeline in memory."""
    return start_tracing()


@pytest.fixture(scope="session")
def session_server() -> Iterator[Server]:
    server = Server()
    yield server
    server.close()


@pytest.fixture
def server(session_server: Server) -> Server:
    """A local server; says 501 until told what to serve."""
    session_server.serve(NOTHING)
    return session_server
