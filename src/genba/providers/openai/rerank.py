"""Documents put in order by how well they answer a query: `POST /rerank`, which OpenAI does not have and servers like it do."""

from __future__ import annotations

from typing import Any

from ...conversation import JSON, Part, Request, Response, parts
from ...observing.endpoint import Endpoint
from ..json_fields import as_object, integer, items, number, objects, present, some_text
from . import content, failures, usage


def read_request(body: JSON) -> Request:
    """The query and the documents, as one turn of the user."""
    body = as_object(body)
    said = [*content.read(body.get("query")), *(_document(document) for document in items(body, "documents"))]
    return Request(
        model=some_text(body, "model"),
        messages=[parts.message("user", said)] if said else [],
        retrieval_top_k=integer(body, "top_n"),
    )


def read_response(body: JSON) -> Response:
    """The order: each document's place in the request, its score, and the document itself where the host asked for it."""
    body = as_object(body)
    return Response(
        id=some_text(body, "id"),
        model=some_text(body, "model"),
        documents=[_ranked(result) for result in objects(body.get("results"))],
        usage=usage.read(body.get("usage")),
    )


def _document(document: JSON) -> Part:
    return parts.text(document) if isinstance(document, str) else parts.other("document", {"content": document})


def _ranked(result: dict[str, Any]) -> dict[str, Any]:
    place = integer(result, "index")
    found = {"id": None if place is None else str(place), "score": number(result, "relevance_score")}
    return present({**found, "content": result.get("document")})


RERANK = Endpoint(operation="rerank", provider="openai", request=read_request, response=read_response, failed=failures.read)
"""The conventions have no name for it."""
