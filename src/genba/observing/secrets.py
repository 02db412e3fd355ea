"""Keep credentials out of the raw exchange: what a request carries so that the provider may call a server on the host's behalf."""

from __future__ import annotations

from typing import Any

from ..conversation import JSON
from ..conversation.encoding import decode, encode

_WITHHELD = "<withheld by genba>"
_WHERE = ("tools", "mcp_servers")
_NAMES = frozenset(("authorization", "authorization_token", "headers"))


def withheld(body: bytes | None) -> bytes | None:
    """The request without the tokens and headers of the servers that it names."""
    if body is None or not any(f'"{name}"'.encode() in body for name in _NAMES):
        return body
    request = decode(body)
    if isinstance(request, dict) and any(isinstance(request.get(name), list) for name in _WHERE):
        return encode({name: _cleaned(value) if name in _WHERE else value for name, value in request.items()})
    return body


def _cleaned(servers: JSON) -> JSON:
    if not isinstance(servers, list):
        return servers
    return [_without(server) if isinstance(server, dict) else server for server in servers]


def _without(server: dict[str, Any]) -> dict[str, Any]:
    # A function's own JSON schema may well have a property of such a name.
    return server if "function" in server else {name: _WITHHELD if name in _NAMES else value for name, value in server.items()}
