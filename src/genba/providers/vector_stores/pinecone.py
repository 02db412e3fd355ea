"""Pinecone: vectors that are looked for, records and documents that are searched by text, over HTTP and gRPC.

A data client knows its host, not its index; the host's first label has the index's name in it. `query_namespaces` is a query for each
namespace, and each of those is a retrieval.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ...observing.arguments import Arguments
from ...observing.methods import patches as patched
from ...observing.patching import Patch
from ..json_fields import integer
from .documents import Document, document
from .retrieval import Asked, Store, address_of, is_filled, text_in

_PINECONE = Store("pinecone")


def patches() -> Sequence[Patch]:
    """The searches of the three data clients, and of the documents in an index."""
    indexes = ("pinecone.index:Index", "pinecone.async_client.async_index:AsyncIndex", "pinecone.grpc:GrpcIndex")
    documents = ("pinecone.client.documents:Documents", "pinecone.async_client.documents:AsyncDocuments")
    return patched(
        "pinecone",
        [
            *(_PINECONE.search(f"{index}.query", _query, _matches) for index in indexes),
            *(_PINECONE.search(f"{index}.search", _records, _hits) for index in indexes),
            *(_PINECONE.search(f"{index}.fetch", _query, _fetched) for index in indexes),
            *(_PINECONE.search(f"{collection}.search", _documents, _matching_documents, optional=True) for collection in documents),
        ],
    )


def _query(arguments: Arguments) -> Asked:
    return _asked(arguments, top_k=arguments.get("top_k"), is_filtered=is_filled(arguments.get("filter")))


def _records(arguments: Arguments) -> Asked:
    said = arguments.get("query")
    query = {name: arguments.get(name) for name in _SAID} if said is None else {name: _part(said, name) for name in _SAID}
    inputs = query["inputs"]
    return _asked(
        arguments,
        queries=text_in(inputs, "text") if isinstance(inputs, Mapping) else (),
        top_k=query["top_k"],
        is_filtered=is_filled(query["filter"]) or is_filled(query["match_terms"]),
    )


_SAID = ("inputs", "top_k", "filter", "match_terms")


def _documents(arguments: Arguments) -> Asked:
    scoring = [_part(clause, "query") for clause in arguments.get("score_by") or ()]
    return _asked(
        arguments,
        queries=[text for text in scoring if isinstance(text, str)],
        top_k=arguments.get("top_k"),
        is_filtered=is_filled(arguments.get("filter")),
    )


def _asked(arguments: Arguments, *, top_k: Any, is_filtered: bool, queries: Sequence[str] = ()) -> Asked:
    address, port = address_of(getattr(arguments.receiver, "_host", None))
    return Asked(
        collection=_index_at(address),
        queries=queries,
        top_k=integer({"top_k": top_k}, "top_k"),
        is_filtered=is_filtered,
        namespace=arguments.get("namespace") or None,
        address=address,
        port=port,
    )


def _index_at(host: str | None) -> str | None:
    """`docs` of `docs-a1b2c3d.svc.aped-4627-b74a.pinecone.io`: what follows the last dash is the project."""
    label, dot, rest = (host or "").partition(".")
    return label.rpartition("-")[0] or None if dot and rest.startswith("svc.") else None


def _part(value: Any, name: str) -> Any:
    """A field of a model of the client, or of the dictionary that is taken for one."""
    return value.get(name) if isinstance(value, Mapping) else getattr(value, name, None)


def _matches(result: Any) -> Iterable[Document]:
    return (document(match.id, score=match.score, stored=match.metadata) for match in result.matches)


def _hits(result: Any) -> Iterable[Document]:
    return (document(hit.id, score=hit.score, stored=hit.fields) for hit in result.result.hits)


def _fetched(result: Any) -> Iterable[Document]:
    return (document(identity, stored=vector.metadata) for identity, vector in result.vectors.items())


def _matching_documents(result: Any) -> Iterable[Document]:
    for match in result.matches:
        fields = {name: value for name, value in match.to_dict().items() if name not in ("_id", "_score", "id", "score")}
        yield document(match.id, score=match.score, stored=fields)
