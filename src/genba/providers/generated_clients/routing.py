"""Find the endpoint that a request is for, and the server and provider that a client talks to."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

from ...observing.endpoint import Endpoint

Server = tuple[Any, str, int | None, str | None]
"""The base URL it was read from, host, port, provider name."""

_MANY = 1000


class Routes:
    """Endpoints by method and path."""

    def __init__(self, routes: Mapping[str, Endpoint]) -> None:
        self._exact = {route: endpoint for route, endpoint in routes.items() if "{" not in route}
        self._templates = [
            (re.compile(re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(route)) + "$"), endpoint)
            for route, endpoint in routes.items()
            if "{" in route
        ]

    def find(self, method: str, url: str) -> Endpoint | None:
        """The endpoint of a request, or None if it is none of ours."""
        verb = method.upper()
        endpoint = self._exact.get(f"{verb} {url}")
        if endpoint is not None:
            return endpoint
        path = urlsplit(url).path
        route = f"{verb} {path}"
        endpoint = self._exact.get(route)
        if endpoint is not None:
            return endpoint
        for template, templated in self._templates:
            if template.match(route):
                return templated
        return self._absolute(verb, path) if "://" in url else None

    def _absolute(self, verb: str, path: str) -> Endpoint | None:
        """An address that the host wrote out in full: whatever comes before the path that we know is the server's own."""
        names = [name for name in self._exact if name.startswith(f"{verb} ") and path.endswith(name.split(" ", 1)[1])]
        return self._exact[max(names, key=len)] if names else None


class Servers:
    """Where clients send their requests, remembered by client."""

    def __init__(self, provider_name: Callable[[str, str], str] | None) -> None:
        self._provider_name = provider_name
        self._known: dict[int, Server] = {}

    def of(self, client: Any) -> Server:
        """The server of this client."""
        url = client._base_url  # noqa: SLF001  # `base_url` returns the same object through a property
        known = self._known.get(id(url))
        if known is not None and known[0] is url:
            return known
        host = str(url.host)
        port = url.port or {"https": 443, "http": 80}.get(url.scheme)
        name = self._provider_name
        if len(self._known) > _MANY:  # clients made by the thousand: forget the old ones
            self._known.clear()
        server = (url, host, port, name(type(client).__name__, host) if name is not None else None)
        self._known[id(url)] = server
        return server
