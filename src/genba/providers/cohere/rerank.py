"""Documents put in order by how well they answer a query: `POST /v1/rerank` and `POST /v2/rerank`, billed by the search."""

from __future__ import annotations

from dataclasses import replace

from ...conversation import JSON, Response
from ...observing.endpoint import Endpoint
from ..extras import extra
from ..json_fields import as_object, member
from ..openai import rerank
from . import answers


def read_response(body: JSON) -> Response:
    """The order, and what it cost."""
    body = as_object(body)
    billed = member(member(body, "meta"), "billed_units")
    return replace(
        rerank.read_response(body),
        usage=answers.read_usage(body.get("meta")) if "input_tokens" in billed else None,
        attributes=extra({"billed_units": billed} if billed else {}),
    )


RERANK: Endpoint = replace(rerank.RERANK, provider="cohere", response=read_response, failed=None)
