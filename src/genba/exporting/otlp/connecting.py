"""The connection to a destination, made with its first request: nothing of the network is imported before."""

from __future__ import annotations

from .answers import Transport
from .target import Target


def connect(target: Target) -> Transport:
    """The way to that destination."""
    if target.protocol == "grpc":
        from .over_grpc import OverGrpc

        return OverGrpc(target)
    from .over_http import OverHttp

    return OverHttp(target)
