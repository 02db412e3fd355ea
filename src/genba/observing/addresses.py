"""Which server an address names: for `server.address` and `server.port`."""

from __future__ import annotations

import functools
from urllib.parse import urlsplit

_PORTS = {"http": 80, "https": 443, "ws": 80, "wss": 443}
"""What an address that names no port means."""


@functools.lru_cache(maxsize=1024)
def server(url: str) -> tuple[str | None, int | None]:
    """Host and port of a URL, or of `host:port`; None for what it does not say."""
    try:
        pieces = urlsplit(url if "://" in url else f"//{url}")
        return pieces.hostname, pieces.port or _PORTS.get(pieces.scheme)
    except ValueError:  # no address at all
        return None, None
