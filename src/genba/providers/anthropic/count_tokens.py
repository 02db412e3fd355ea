"""Anthropic's token counting: `POST /v1/messages/count_tokens`, which takes a message's request and calls no model.

The conventions have no name for it, so the operation is called as the API calls it.
"""

from __future__ import annotations

from ...conversation import JSON, Response, Usage
from ...conversation.usage import count
from ...observing.endpoint import Endpoint
from ..json_fields import as_object
from .messages import read_request


def read_response(body: JSON) -> Response:
    """How many tokens the request would be."""
    body = as_object(body)
    counted = count(body.get("input_tokens"))
    return Response(usage=None if counted is None else Usage(input_tokens=counted, raw=body))


COUNT_TOKENS = Endpoint(operation="count_tokens", provider="anthropic", request=read_request, response=read_response)
