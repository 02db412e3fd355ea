"""The server that an address names."""

from __future__ import annotations

import pytest

from genba.observing.addresses import server


@pytest.mark.parametrize(
    ("url", "named"),
    [
        ("https://api.cohere.com/v2", ("api.cohere.com", 443)),
        ("http://127.0.0.1:11434/", ("127.0.0.1", 11434)),
        ("wss://user:secret@host.test/live?key=1", ("host.test", 443)),
        ("http://[::1]:8000/v1", ("::1", 8000)),
        ("host.test:6334", ("host.test", 6334)),
        ("host.test", ("host.test", None)),
        ("unix:///run/model.sock", (None, None)),
        ("http://host.test:no-number/", (None, None)),
        ("http://[::1", (None, None)),
    ],
)
def test_an_address_names_a_host_and_a_port(url: str, named: tuple[str | None, int | None]) -> None:
    assert server(url) == named
