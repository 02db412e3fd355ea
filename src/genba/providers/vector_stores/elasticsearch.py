"""Elasticsearch: vector searches, seen in `BaseClient.perform_request`, through which every call of its clients passes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...observing.arguments import Arguments
from ...observing.methods import patches as patched
from ...observing.patching import Patch
from . import lucene
from .retrieval import Asked, Store

_ELASTICSEARCH = Store("elasticsearch")


def patches() -> Sequence[Patch]:
    """Where both clients send a request."""
    clients = ("_sync", "_async")
    return patched(
        "elasticsearch",
        [
            _ELASTICSEARCH.search(f"elasticsearch.{client}.client._base:BaseClient.perform_request", _search, lucene.found)
            for client in clients
        ],
    )


def _search(arguments: Arguments) -> Asked | None:
    path = arguments.get("path")
    if "search" not in path:
        return None
    node: Any = lucene.one_node(arguments.receiver._transport.node_pool.all())  # noqa: SLF001  # it has no public name
    address = None if node is None else node.config
    return lucene.asked(
        path,
        arguments.get("params"),
        arguments.get("body"),
        None if address is None else address.host,
        None if address is None else address.port,
    )
