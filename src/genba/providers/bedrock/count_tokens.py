"""CountTokens, which takes the request of Converse or InvokeModel and calls no model. The operation is called as the API calls it."""

from __future__ import annotations

from dataclasses import replace

from ...conversation import JSON, Request
from ..anthropic import count_tokens
from ..json_fields import as_object, integer, member, some_text
from . import converse, vendors


def read_request(body: JSON) -> Request:
    """What is to be counted."""
    body = as_object(body)
    given, model = member(body, "input"), some_text(body, "modelId")
    invoked = member(given, "invokeModel")
    if invoked:
        return vendors.endpoint_for(model or "", invoked.get("body")).request({**invoked, "modelId": model})
    return converse.read_request({**member(given, "converse"), "modelId": model})


COUNT_TOKENS = replace(
    count_tokens.COUNT_TOKENS,
    provider="aws.bedrock",
    request=read_request,
    response=lambda body: count_tokens.read_response({"input_tokens": integer(as_object(body), "inputTokens")}),
)
