"""A client of each service, before a server of ours."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from support.clients import google_genai as wire
from support.wire import Server


@pytest.fixture
def client(server: Server) -> Iterator[Any]:
    """Gemini's."""
    made = wire.client(server.url)
    yield made
    made.close()


@pytest.fixture
def vertex(server: Server) -> Iterator[Any]:
    """Vertex's."""
    from google.oauth2.credentials import Credentials

    account = Credentials(token="token-for-tests")  # type: ignore[no-untyped-call]
    made = wire.client(server.url, api_key=None, vertexai=True, project="a-project", location="here", credentials=account)
    yield made
    made.close()
