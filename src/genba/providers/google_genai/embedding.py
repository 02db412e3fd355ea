"""Embeddings, in the three forms that the two services have: `batchEmbedContents`, `embedContent` and `predict`."""

from __future__ import annotations

from ... import semconv
from ...conversation import JSON, Message, Request, Response, Usage, parts
from ...conversation.usage import count, total
from ...observing.endpoint import Endpoint
from ..json_fields import Object, integer, items, some_text
from . import content, usage
from .names import all_named, named


def read_request(body: JSON) -> Request:
    """What was asked. Each input is a turn of the user."""
    body = named(body)
    each = all_named(body.get("requests")) or all_named(body.get("instances")) or [body]
    settings = [*each, named(body.get("embedContentConfig")), named(body.get("parameters"))]
    lengths = [integer(one, "outputDimensionality") for one in settings]
    return Request(
        messages=[_turn(one) for one in each if one.get("content")],
        dimension_count=next((length for length in lengths if length is not None), None),
    )


def _turn(one: Object) -> Message:
    title, said = some_text(one, "title"), content.read_turn(one["content"])
    return parts.message("user", [{**part, "title": title} for part in said["parts"]] if title else said["parts"])


def read_response(body: JSON) -> Response:
    """What came back, except the vectors themselves: nobody reads them, and they are long."""
    body = named(body)
    found = all_named(body.get("embeddings")) or [named(body.get("embedding"))]
    found = [named(each.get("embeddings")) for each in all_named(body.get("predictions"))] or found
    lengths = [len(items(each, "values")) for each in found]
    return Response(
        usage=usage.read(body.get("usageMetadata")) or _counted(found), dimension_count=next(filter(None, lengths), None)
    )


def _counted(found: list[Object]) -> Usage | None:
    """`predict` counts for each vector."""
    statistics = [named(each.get("statistics")) for each in found if each.get("statistics")]
    counts = [each.get("tokenCount") for each in statistics]
    whole = [int(each) if isinstance(each, float) and each.is_integer() else each for each in counts]
    tokens = total(*(count(each) for each in whole))
    return None if tokens is None else Usage(input_tokens=tokens, raw={"statistics": statistics})


EMBED = Endpoint(operation=semconv.Operation.EMBEDDINGS, provider="gcp.gemini", request=read_request, response=read_response)
