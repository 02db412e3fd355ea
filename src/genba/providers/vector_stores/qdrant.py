"""Qdrant: `query_points` and its kin, and the searches by older names, over HTTP, gRPC or in memory."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from ...observing.arguments import Arguments
from ...observing.methods import patches as patched
from ...observing.patching import Patch
from ..json_fields import integer
from .documents import Document, document
from .retrieval import Asked, Store, is_filled

_QDRANT = Store("qdrant")
_OLDER = (
    "search", "search_batch", "search_groups", "recommend", "recommend_batch", "recommend_groups", "discover", "discover_batch",
)  # fmt: skip
"""Gone from 1.16 on."""


def patches() -> Sequence[Patch]:
    """The searches of both clients."""
    methods = []
    for client in ("qdrant_client.qdrant_client:QdrantClient", "qdrant_client.async_qdrant_client:AsyncQdrantClient"):
        methods.append(_QDRANT.search(f"{client}.query_points", _one, _points))
        methods.append(_QDRANT.search(f"{client}.query_batch_points", _batch, _batches))
        methods.append(_QDRANT.search(f"{client}.query_points_groups", _one, _groups))
        methods.append(_QDRANT.search(f"{client}.retrieve", _one, _points))
        for name in _OLDER:
            finds = _batches if name.endswith("_batch") else _groups if name.endswith("_groups") else _points
            methods.append(_QDRANT.search(f"{client}.{name}", _batch if name.endswith("_batch") else _one, finds, optional=True))
    return patched("qdrant-client", methods)


def _one(arguments: Arguments) -> Asked:
    queries = [*_texts_of(arguments.get("query")), *_texts_of(arguments.get("prefetch"))]
    filters = (arguments.get("query_filter"), arguments.get("ids"))
    return _asked(arguments, queries, arguments.get("limit"), is_filtered=any(map(is_filled, filters)))


def _batch(arguments: Arguments) -> Asked:
    requests = arguments.get("requests") or ()
    queries = [text for one in requests for text in [*_texts_of(_part(one, "query")), *_texts_of(_part(one, "prefetch"))]]
    limit = _part(requests[0], "limit") if requests else None
    return _asked(arguments, queries, limit, is_filtered=any(is_filled(_part(one, "filter")) for one in requests))


def _asked(arguments: Arguments, queries: Sequence[str], limit: Any, *, is_filtered: bool) -> Asked:
    remote = getattr(arguments.receiver, "_client", None)
    host, port = getattr(remote, "_host", None), getattr(remote, "_port", None)
    return Asked(
        collection=arguments.get("collection_name"),
        queries=queries,
        top_k=integer({"limit": limit}, "limit"),
        is_filtered=is_filtered,
        address=host if isinstance(host, str) else None,
        port=port if isinstance(port, int) else None,
    )


def _part(value: Any, name: str) -> Any:
    """A field of a model of the client, or of the dictionary that is taken for one."""
    return value.get(name) if isinstance(value, dict) else getattr(value, name, None)


def _texts_of(query: Any, depth: int = 4) -> Iterator[str]:
    """The texts that a query is to be turned into a vector from: `Document(text=…)`, also inside a query or a prefetch."""
    if query is None or depth == 0 or isinstance(query, (str, int, float)):  # a text by itself is a point's id
        return
    if isinstance(query, list):
        for inner in query if not query or not isinstance(query[0], (int, float)) else ():
            yield from _texts_of(inner, depth - 1)
        return
    text = _part(query, "text")
    if isinstance(text, str):
        yield text
        return
    for name in ("nearest", "query", "prefetch"):
        yield from _texts_of(_part(query, name), depth - 1)


def _points(result: Any, query: int | None = None) -> Iterator[Document]:
    for point in getattr(result, "points", result):
        stored = getattr(point, "payload", None) or getattr(point, "metadata", None)
        content = getattr(point, "document", None)
        yield document(point.id, score=getattr(point, "score", None), content=content, stored=stored, query=query)


def _batches(results: Sequence[Any]) -> Iterable[Document]:
    several = len(results) > 1
    return itertools.chain.from_iterable(_points(one, index if several else None) for index, one in enumerate(results))


def _groups(result: Any) -> Iterable[Document]:
    return itertools.chain.from_iterable(_points(group.hits) for group in result.groups)
