"""Embeddings: OpenAI's, but for the names of what is asked."""

from __future__ import annotations

from dataclasses import replace

from ...conversation import JSON, Request
from ..json_fields import as_object
from ..openai import embeddings


def read_request(body: JSON) -> Request:
    """What was asked. Each input is a turn of the user."""
    body = as_object(body)
    inputs = body.get("input", body.get("inputs"))  # as it is sent, or as it is given
    return embeddings.read_request({**body, "input": inputs, "dimensions": body.get("output_dimension")})


EMBEDDINGS = replace(embeddings.EMBEDDINGS, provider="mistral_ai", request=read_request)
