"""A real model behind llama.cpp's server, and a relay to it that keeps what passed."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from localmodel.relay import Wire

LAUNCHER = Path(__file__).parents[2] / "examples" / "local_model.py"
HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            item.add_marker("localmodel")


def model_server(*options: str) -> Iterator[str]:
    server = subprocess.Popen([sys.executable, str(LAUNCHER), *options], stdout=subprocess.PIPE, text=True)
    assert server.stdout
    try:
        yield server.stdout.readline().strip()
    finally:
        server.terminate()
        server.wait()
        server.stdout.close()


@pytest.fixture(scope="session")
def chat_model() -> Iterator[str]:
    yield from model_server()


@pytest.fixture(scope="session")
def embedding_model() -> Iterator[str]:
    yield from model_server("--embeddings")


@pytest.fixture
def wire(chat_model: str) -> Iterator[Wire]:
    """The way to the chat model."""
    relay = Wire(chat_model)
    yield relay
    relay.close()


@pytest.fixture
def embedding_wire(embedding_model: str) -> Iterator[Wire]:
    """The way to the embedding model."""
    relay = Wire(embedding_model)
    yield relay
    relay.close()
