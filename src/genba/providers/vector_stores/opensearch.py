"""OpenSearch: vector searches, seen in `Transport.perform_request`, through which every call of its clients passes."""

from __future__ import annotations

from collections.abc import Sequence

from ...observing.arguments import Arguments
from ...observing.methods import patches as patched
from ...observing.patching import Patch
from ..json_fields import as_object
from . import lucene
from .retrieval import Asked, Store

_OPENSEARCH = Store("opensearch")


def patches() -> Sequence[Patch]:
    """Where both clients send a request."""
    transports = ("opensearchpy.transport:Transport", "opensearchpy._async.transport:AsyncTransport")
    return patched(
        "opensearch-py", [_OPENSEARCH.search(f"{transport}.perform_request", _search, lucene.found) for transport in transports]
    )


def _search(arguments: Arguments) -> Asked | None:
    path = arguments.get("url")
    if "search" not in path:
        return None
    node = as_object(lucene.one_node(arguments.receiver.hosts))
    return lucene.asked(path, arguments.get("params"), arguments.get("body"), node.get("host"), node.get("port"))
