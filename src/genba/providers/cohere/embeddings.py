"""Embeddings of both versions: `POST /v1/embed` and `POST /v2/embed`."""

from __future__ import annotations

from typing import Any

from ... import semconv
from ...conversation import JSON, Message, Part, Request, Response, parts
from ...observing.endpoint import Endpoint
from ..json_fields import as_object, integer, objects, some_text, texts
from ..openai import content
from . import answers

_NUMBERS_IN_ONE = {"binary": 8, "ubinary": 8}
"""Kinds of vectors that pack several numbers into one."""


def read_request(body: JSON) -> Request:
    """What was asked. Each input is a turn of the user."""
    body = as_object(body)
    inputs: list[list[Part]] = [
        *([parts.text(text)] for text in texts(body.get("texts"))),
        *([parts.media("image", url)] for url in texts(body.get("images"))),
        *(content.read(one.get("content")) for one in objects(body.get("inputs"))),
    ]
    return Request(
        model=some_text(body, "model"),
        messages=[_turn(said) for said in inputs],
        encoding_formats=tuple(texts(body.get("embedding_types"))),
        dimension_count=integer(body, "output_dimension"),
    )


def _turn(said: list[Part]) -> Message:
    return parts.message("user", said)


def read_response(body: JSON) -> Response:
    """What came back, except the vectors themselves: nobody reads them, and they are long."""
    body = as_object(body)
    return Response(
        id=some_text(body, "id"), usage=answers.read_usage(body.get("meta")), dimension_count=_length(body.get("embeddings"))
    )


def _length(embeddings: JSON) -> int | None:
    """Version 1 has a list of vectors, version 2 such a list for each kind that was asked for."""
    by_kind: dict[str, Any] = embeddings if isinstance(embeddings, dict) else {"float": embeddings}
    for kind, vectors in by_kind.items():
        first = vectors[0] if isinstance(vectors, list) and vectors else None
        if isinstance(first, list) and first:
            return len(first) * _NUMBERS_IN_ONE.get(kind, 1)
    return None


EMBEDDINGS = Endpoint(operation=semconv.Operation.EMBEDDINGS, provider="cohere", request=read_request, response=read_response)
