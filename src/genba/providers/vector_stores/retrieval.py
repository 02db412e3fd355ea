"""What all vector stores share: a search becomes a retrieval with its query and the documents it found, and never a vector.

A store says where its searches are, how to read what was asked from their arguments, and how to read documents from what they return.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ... import semconv
from ...conversation import JSON, Request, Response
from ...observing import addresses
from ...observing.endpoint import Endpoint
from ...observing.methods import Arguments, Method, Sent
from ..json_fields import as_object, integer, objects, present, some_text, texts
from .documents import MOST, Document


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a search looks for, and where."""

    collection: str | None = None
    queries: Sequence[str] = ()
    """The texts that it was given, if it was given texts and not vectors."""
    top_k: int | None = None
    is_filtered: bool = False
    namespace: str | None = None
    """What part of the store the collection is in, or what part of the collection is searched: a database, a tenant, a namespace."""
    address: str | None = None
    port: int | None = None


Asks = Callable[[Arguments], Asked | None]
"""A search's arguments -> what it looks for; None if it is no search of ours. Runs on the host's thread."""
Finds = Callable[[Any], Iterable[Document]]
"""What a search returned -> the documents in it."""


@dataclass(frozen=True, slots=True)
class Store:
    """A vector store, by the name that `db.system.name` has for it."""

    name: str

    def search(self, where: str, asks: Asks, finds: Finds, *, optional: bool = False, otherwise: Sequence[Method] = ()) -> Method:
        """The declaration of one of its searches."""
        operation = where.rpartition(".")[2]
        endpoint = Endpoint(
            operation=semconv.Operation.RETRIEVAL,
            provider=self.name,
            request=read_request,
            response=read_response,
            attributes={semconv.DB_SYSTEM_NAME: self.name, semconv.DB_OPERATION_NAME: operation},
        )
        return Method(
            where=where,
            sent=functools.partial(_sent, endpoint, asks),
            answer=functools.partial(_answer, finds),
            is_whole=True,
            optional=optional,
            otherwise=otherwise,
        )


def address_of(url: Any) -> tuple[str | None, int | None]:
    """Host and port of a URL or of `host:port`."""
    return addresses.server(url) if isinstance(url, str) and url else (None, None)


def is_filled(value: Any) -> bool:
    """Whether a filter was given that filters."""
    return value is not None and value not in ({}, [], ())


def _sent(endpoint: Endpoint, asks: Asks, arguments: Arguments) -> Sent | None:
    asked = asks(arguments)
    if asked is None:
        return None
    collection = asked.collection or None
    attributes = {semconv.DATA_SOURCE_ID: collection, semconv.DB_COLLECTION_NAME: collection, semconv.DB_NAMESPACE: asked.namespace}
    body = {"query": list(asked.queries), "top_k": asked.top_k, "is_filtered": asked.is_filtered}
    return Sent(
        endpoint=endpoint,
        body=body,
        address=asked.address,
        port=asked.port,
        attributes={name: value for name, value in attributes.items() if value},
    )


def _answer(finds: Finds, result: Any) -> JSON:
    found = iter(finds(result))
    kept = list(itertools.islice(found, MOST))
    return {"documents": kept, "count": len(kept) + sum(1 for _ in found)}


def read_request(body: JSON) -> Request:
    """What was asked. Several texts that were looked for at once stand below one another."""
    body = as_object(body)
    return Request(
        query="\n".join(texts(body.get("query"))) or None,
        retrieval_top_k=integer(body, "top_k"),
        attributes={semconv.RETRIEVAL_FILTERED: True} if body.get("is_filtered") is True else {},
    )


def read_response(body: JSON) -> Response:
    """What was found."""
    body = as_object(body)
    return Response(
        documents=objects(body.get("documents")), attributes=present({semconv.DB_RETURNED_ROWS: integer(body, "count")})
    )


def text_in(value: Mapping[str, Any], *keys: str) -> Sequence[str]:
    """The text in the first of these fields that has one, as the query of a search."""
    found = some_text(dict(value), *keys)
    return (found,) if found else ()
