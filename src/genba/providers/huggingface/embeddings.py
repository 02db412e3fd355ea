"""Feature extraction: vectors for texts, each a list of numbers, or for some models one for each token."""

from __future__ import annotations

from ... import semconv
from ...conversation import JSON, Request, Response, parts
from ...observing.endpoint import Endpoint
from ..json_fields import as_object, integer, member, some_text, texts
from ..openai import embeddings, failures


def read_request(body: JSON) -> Request:
    """What was asked. Each input is a turn of the user."""
    body = as_object(body)
    parameters = member(body, "parameters") or body
    inputs = texts(body.get("inputs")) or texts(body.get("input")) or texts(body.get("text"))
    return Request(
        model=some_text(body, "model"),
        messages=[parts.message("user", [parts.text(text)]) for text in inputs],
        encoding_formats=tuple(texts(parameters.get("encoding_format"))),
        dimension_count=integer(parameters, "dimensions"),
    )


def read_response(body: JSON) -> Response:
    """What came back, except the vectors themselves: nobody reads them, and they are long."""
    if isinstance(body, dict):
        return embeddings.read_response(body)
    while isinstance(body, list) and body and isinstance(body[0], list):
        body = body[0]
    return Response(dimension_count=len(body) or None if isinstance(body, list) else None)


EMBEDDINGS = Endpoint(
    operation=semconv.Operation.EMBEDDINGS,
    provider="hugging_face",
    request=read_request,
    response=read_response,
    failed=failures.read,
)
