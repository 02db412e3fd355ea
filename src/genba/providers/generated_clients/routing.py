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
_ATTRIBUTE = r"\{(\w+(?:\.\w+)+)\}"
"""A piece of a path that is an attribute of its own, such as `{gen_ai.data_source.id}`, rather than just any `{id}`."""


class Routes:
    """Endpoints by method and path."""

    def __init__(self, routes: Mapping[str, Endpoint]) -> None:
        self._exact = {route: endpoint for route, endpoint in routes.items() if "{" not in route}
        templates = {route: endpoint for route, endpoint in routes.items() if "{" in route}
        self._templates = [(_pattern(route), endpoint) for route, endpoint in templates.items()]
        self._named = {
            id(endpoint): (_pattern(route), names)
            for route, endpoint in templates.items()
            if (names := re.findall(_ATTRIBUTE, route))
        }

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

    def said_by_path(self, endpoint: Endpoint, method: str, url: str) -> dict[str, str]:
        """What the path of a request to `endpoint` says: attributes by the names that stand in the route's braces."""
        pattern, names = self._named.get(id(endpoint), (None, ()))
        found = pattern.match(f"{method.upper()} {urlsplit(url).path}") if pattern is not None else None
        return dict(zip(names, found.groups(), strict=True)) if found else {}

    def _absolute(self, verb: str, path: str) -> Endpoint | None:
        """An address that the host wrote out in full: whatever comes before the path that we know is the server's own."""
        names = [name for name in self._exact if name.startswith(f"{verb} ") and path.endswith(name.split(" ", 1)[1])]
        return self._exact[max(names, key=len)] if names else None


def _pattern(route: str) -> re.Pattern[str]:
    pieces = re.split(r"(\{[\w.]+\})", route)
    in_words = (
        "([^/]+)" if re.fullmatch(_ATTRIBUTE, piece) else "[^/]+" if piece[:1] == "{" else re.escape(piece) for piece in pieces
    )
    return re.compile("".join(in_words) + "$")


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
