"""Embeddings: `POST /embeddings`.

The client itself asks for base64 when the host named no encoding format, so a request may say what the host did not.
"""

from __future__ import annotations

from typing import Any

from ... import semconv
from ...conversation import JSON, Request, Response, parts
from ...observing.endpoint import Endpoint
from ..json_fields import as_object, integer, objects, some_text, texts
from ..token_fields import of_prompts
from . import content, failures, usage

_BYTES_OF_A_NUMBER = 4
"""A vector in base64 is made of 32-bit floats."""


def read_request(body: JSON) -> Request:
    """What was asked. Each input is a turn of the user."""
    body = as_object(body)
    return Request(
        model=some_text(body, "model"),
        messages=[parts.message("user", said) for said in content.read_prompt(body.get("input"))],
        tokens=of_prompts(body.get("input")),
        encoding_formats=tuple(texts(body.get("encoding_format"))),
        dimension_count=integer(body, "dimensions"),
    )


def read_response(body: JSON) -> Response:
    """What came back, except the vectors themselves: nobody reads them, and they are long."""
    body = as_object(body)
    vectors = objects(body.get("data"))
    return Response(
        id=some_text(body, "id"),
        model=some_text(body, "model"),
        usage=usage.read(body.get("usage")),
        dimension_count=_length(vectors[0]) if vectors else None,
    )


def _length(vector: dict[str, Any]) -> int | None:
    numbers = vector.get("embedding")
    if isinstance(numbers, str):
        return len(numbers) * 3 // 4 // _BYTES_OF_A_NUMBER or None  # padding is less than a number
    return len(numbers) or None if isinstance(numbers, list) else None


EMBEDDINGS = Endpoint(
    operation=semconv.Operation.EMBEDDINGS,
    provider="openai",
    request=read_request,
    response=read_response,
    failed=failures.read,
)
