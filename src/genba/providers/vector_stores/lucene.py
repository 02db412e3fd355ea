"""Elasticsearch and OpenSearch: a `_search` or `_msearch` whose body looks for vectors, seen where the client sends it.

Both servers serve logs, shops and sites too: a search by words alone, or by filters, is none that a model is given documents by, and
there are many. It pays one look at its path.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from ..json_fields import as_object, integer, items, objects
from .documents import Document, document
from .retrieval import Asked, is_filled

_VECTOR_QUERIES = frozenset(("knn", "neural", "neural_sparse", "semantic", "sparse_vector", "text_expansion"))
"""Clauses that look for what is near in meaning: Elasticsearch's, OpenSearch's."""
_TEXTS = ("query_text", "model_text", "inference_text", "query")
"""Where such a clause, and one by words beside it, has its text."""
_BY_WORDS = frozenset(("match", "match_phrase", "multi_match", "query_string", "simple_query_string"))
_FILTERS = ("filter", "post_filter", "must_not")
_DEEPEST = 12


def asked(path: str, params: Mapping[str, Any] | None, body: Any, address: str | None, port: int | None) -> Asked | None:
    """What a request looks for; None if it is no search by vectors."""
    path = path.partition("?")[0]
    if path.endswith("/_search"):
        searches = [as_object(body)]
    elif path.endswith("/_msearch") and isinstance(body, (list, tuple)):
        searches = objects(list(body)[1::2])  # each after a line that says where
    else:
        return None
    if not any(_is_by_vectors(search) for search in searches):
        return None
    index = path.rpartition("/")[0].strip("/")
    first = searches[0]
    size = integer(first, "size") if "size" in first else integer(dict(params or {}), "size")
    return Asked(
        collection=index or None,
        queries=list(dict.fromkeys(text for search in searches for text in _texts_of(search))),
        top_k=size if size is not None else next(_nearest(first), None),
        is_filtered=any(_is_filtered(search) for search in searches),
        address=address,
        port=port,
    )


def _clauses(value: Any, depth: int = 0) -> Iterator[tuple[str, Any]]:
    """Every field of a search, those of what it holds included."""
    if depth > _DEEPEST:
        return
    if isinstance(value, Mapping):
        for name, inner in value.items():
            yield name, inner
            if name not in _LARGE:
                yield from _clauses(inner, depth + 1)
    elif isinstance(value, list) and value and isinstance(value[0], Mapping):
        for one in value:
            yield from _clauses(one, depth + 1)


_LARGE = frozenset(("aggs", "aggregations", "_source", "fields", "highlight", "sort", "params"))
"""What has no queries in it."""


def _is_by_vectors(search: Any) -> bool:
    return any(_is_vector_query(name, clause) for name, clause in _clauses(search))


def _is_vector_query(name: str, clause: Any) -> bool:
    if name in _VECTOR_QUERIES:  # none of them is a mere value, as it is for a field that has such a name
        return isinstance(clause, Mapping) or (isinstance(clause, list) and bool(objects(clause)))
    if name == "script":
        source = as_object(clause).get("source")
        return isinstance(source, str) and (
            "knn_score" in source or "_vector" in source or "Similarity" in source or "l2norm" in source
        )
    return False


def _texts_of(search: Any) -> Iterator[str]:
    """The texts that are looked for: those to be made a vector of, and those that are looked for by words beside it."""
    for name, clause in _clauses(search):
        if isinstance(clause, str) and name in _TEXTS:
            yield clause
        elif name in _BY_WORDS and isinstance(clause, Mapping):
            yield from (said for field, said in clause.items() if isinstance(said, str) and field not in _OPTIONS)


_OPTIONS = frozenset(
    ("query", "type", "operator", "default_operator", "minimum_should_match", "analyzer", "default_field", "fuzziness")
)


def _is_filtered(search: Any) -> bool:
    return any(name in _FILTERS and is_filled(clause) for name, clause in _clauses(search))


def _nearest(search: Any) -> Iterator[int]:
    """How many neighbours are looked for."""
    for name, clause in _clauses(search):
        if name == "k" and type(clause) is int:
            yield clause


def found(answer: Any) -> Iterable[Document]:
    """The hits in an answer to one search or to several."""
    body = getattr(answer, "body", answer)
    several = [as_object(one) for one in items(as_object(body), "responses")]
    if not several:
        return _hits(as_object(body), None)
    return itertools.chain.from_iterable(_hits(one, index if len(several) > 1 else None) for index, one in enumerate(several))


def _hits(body: dict[str, Any], query: int | None) -> Iterator[Document]:
    for hit in objects(as_object(body.get("hits")).get("hits")):
        yield document(hit.get("_id"), score=hit.get("_score"), stored=_stored(hit), query=query)


def _stored(hit: Mapping[str, Any]) -> Any:
    return hit.get("_source") or hit.get("fields")


def one_node(hosts: Sequence[Any]) -> Any:
    """The only node that a client knows; of several it may be any."""
    return hosts[0] if len(hosts) == 1 else None
