"""The search of a vector store: `POST /vector_stores/{id}/search`, whose id is in the path only."""

from __future__ import annotations

from typing import Any

from ... import semconv
from ...conversation import JSON, Request, Response
from ...observing.endpoint import Endpoint
from ..json_fields import as_object, integer, number, objects, present, some_text, texts
from . import failures


def read_request(body: JSON) -> Request:
    """What is looked for: one query or several."""
    body = as_object(body)
    return Request(query="\n".join(texts(body.get("query"))) or None, retrieval_top_k=integer(body, "max_num_results"))


def read_response(body: JSON) -> Response:
    """What was found."""
    return Response(documents=[_document(found) for found in objects(as_object(body).get("data"))])


def _document(found: dict[str, Any]) -> dict[str, Any]:
    said = [text for piece in objects(found.get("content")) if (text := some_text(piece, "text"))]
    return present(
        {
            "id": some_text(found, "file_id"),
            "score": number(found, "score"),
            "name": some_text(found, "filename"),
            "attributes": found.get("attributes") or None,
            "content": "\n".join(said) or None,
        }
    )


SEARCH = Endpoint(
    operation=semconv.Operation.RETRIEVAL,
    provider="openai",
    request=read_request,
    response=read_response,
    failed=failures.read,
)
