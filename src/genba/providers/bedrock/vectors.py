"""Embeddings of Amazon's models and of those that write them alike; Cohere's have their own body."""

from __future__ import annotations

from ... import semconv
from ...conversation import JSON, Part, Request, Response, Usage, parts
from ...conversation.usage import count
from ...observing.endpoint import Endpoint
from ..json_fields import Object, as_object, integer, member, objects, some_text, text, texts
from . import blocks

_NOVA = ("singleEmbeddingParams", "segmentedEmbeddingParams")


def read_request(body: JSON) -> Request:
    """What was asked: one turn of the user."""
    body = as_object(body)
    nova = member(body, *_NOVA)
    said = [*_titan(body), *_nova(nova)]
    return Request(
        messages=[parts.message("user", said)] if said else [],
        encoding_formats=tuple(texts(body.get("embeddingTypes"))),
        dimension_count=integer(body, "dimensions")
        or integer(member(body, "embeddingConfig"), "outputEmbeddingLength")
        or integer(nova, "embeddingDimension"),
    )


def read_response(body: JSON) -> Response:
    """What came back, except the vectors themselves: nobody reads them, and they are long."""
    body = as_object(body)
    counted = count(body.get("inputTextTokenCount"))
    first = next(iter(objects(body.get("embeddings")) or objects(body.get("data"))), body)
    vector = first.get("embedding") or next(iter(member(body, "embeddingsByType").values()), None)
    return Response(
        usage=None if counted is None else Usage(input_tokens=counted),
        dimension_count=len(vector) or None if isinstance(vector, list) else None,
    )


def _titan(body: Object) -> list[Part]:
    written, image = text(body, "inputText"), some_text(body, "inputImage")
    return [*([] if written is None else [parts.text(written)]), *([parts.blob("image", image)] if image else [])]


def _nova(said: Object) -> list[Part]:
    written = text(member(said, "text"), "value")
    media = [blocks.read([{kind: said[kind]}])[0] for kind in ("image", "audio", "video") if isinstance(said.get(kind), dict)]
    return [*([] if written is None else [parts.text(written)]), *media]


VECTORS = Endpoint(operation=semconv.Operation.EMBEDDINGS, provider="aws.bedrock", request=read_request, response=read_response)
