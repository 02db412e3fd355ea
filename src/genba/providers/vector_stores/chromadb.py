"""Chroma: `Collection.query`, `get` and `search`, embedded, over HTTP or in the cloud.

One query may ask for several things at once; then each document says which of them found it. The texts are turned into vectors inside
the call, by a function that may well be a traced client: its span lies below.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from ...observing.arguments import Arguments
from ...observing.methods import patches as patched
from ...observing.patching import Patch
from ..json_fields import as_object, integer, member, texts
from .documents import Document, document
from .retrieval import Asked, Store, address_of, is_filled

_CHROMA = Store("chroma")


def patches() -> Sequence[Patch]:
    """The searches of both kinds of collection."""
    return patched(
        "chromadb",
        [
            _CHROMA.search(f"chromadb.api.models.{kind}:{kind}.{name}", asks, finds, optional=name == "search")
            for kind in ("Collection", "AsyncCollection")
            for name, asks, finds in (("query", _queries, _by_query), ("get", _gets, _one_by_one), ("search", _searches, _by_query))
        ],
    )


def _queries(arguments: Arguments) -> Asked:
    return _asked(
        arguments.receiver,
        queries=texts(arguments.get("query_texts")),
        top_k=integer({"n": arguments.get("n_results", 10)}, "n"),
        is_filtered=any(is_filled(arguments.get(name)) for name in ("where", "where_document", "ids")),
    )


def _gets(arguments: Arguments) -> Asked:
    return _asked(
        arguments.receiver,
        top_k=integer({"n": arguments.get("limit")}, "n"),
        is_filtered=any(is_filled(arguments.get(name)) for name in ("where", "where_document", "ids")),
    )


def _searches(arguments: Arguments) -> Asked:
    given = arguments.get("searches")
    asked = [as_object(one.to_dict()) for one in (given if isinstance(given, (list, tuple)) else [given])]
    limits = [found for one in asked if (found := integer(member(one, "limit"), "limit")) is not None]
    return _asked(
        arguments.receiver,
        queries=[text for one in asked for text in _texts_ranked_by(one.get("rank"))],
        top_k=limits[0] if limits else None,
        is_filtered=any(is_filled(one.get("filter")) for one in asked),
    )


def _texts_ranked_by(rank: Any) -> Iterator[str]:
    """The texts in a ranking expression, wherever in it they stand."""
    if isinstance(rank, Mapping):
        query = as_object(rank.get("$knn")).get("query")
        if isinstance(query, str):
            yield query
        rank = list(rank.values())
    if isinstance(rank, list):
        for inner in rank:
            if isinstance(inner, (Mapping, list)):
                yield from _texts_ranked_by(inner)


def _asked(collection: Any, *, top_k: int | None, is_filtered: bool, queries: Sequence[str] = ()) -> Asked:
    address, port = address_of(getattr(collection._client, "_api_url", None))  # noqa: SLF001  # it has no public name
    return Asked(
        collection=collection.name,
        queries=queries,
        top_k=top_k,
        is_filtered=is_filtered,
        namespace=collection.database,
        address=address,
        port=port,
    )


def _by_query(result: Mapping[str, Any]) -> Iterable[Document]:
    columns = [result.get(name) for name in ("distances", "scores", "documents", "metadatas")]
    several = len(result["ids"]) > 1
    for index, ids in enumerate(result["ids"]):
        yield from _rows(ids, *(column[index] if column else None for column in columns), query=index if several else None)


def _one_by_one(result: Mapping[str, Any]) -> Iterable[Document]:
    return _rows(result["ids"], None, None, result.get("documents"), result.get("metadatas"))


def _rows(ids: Sequence[str], *columns: Sequence[Any] | None, query: int | None = None) -> Iterable[Document]:
    filled = (column or itertools.repeat(None) for column in columns)  # what was not asked for is not there
    for identity, distance, score, content, metadata in zip(ids, *filled, strict=False):
        yield document(identity, score=score, distance=distance, content=content, stored=metadata, query=query)
