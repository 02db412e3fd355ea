"""What calls no model to answer: `{model}:countTokens`, `{model}:computeTokens`, and handing in a batch.

The conventions have no name for these, so the operations are called as the API calls them.
"""

from __future__ import annotations

from dataclasses import replace

from ... import semconv
from ...conversation import JSON, Request, Response, Usage
from ...conversation.usage import count
from ...observing.endpoint import Endpoint
from ..json_fields import present, some_text
from . import generating, tokens
from .names import all_named, named


def read_request(body: JSON) -> Request:
    """The request to be counted: Gemini nests it, Vertex does not."""
    body = named(body)
    return generating.read_request(body.get("generateContentRequest") or body)


def read_count(body: JSON) -> Response:
    """How many tokens the request would be."""
    body = named(body)
    counted = count(body.get("totalTokens"))
    cached = count(body.get("cachedContentTokenCount"))
    return Response(usage=None if counted is None else Usage(input_tokens=counted, cache_read_input_tokens=cached, raw=body))


def read_tokens(body: JSON) -> Response:
    """The tokens that the request is made of, for each of its contents."""
    found = tokens.of_prompts(named(body).get("tokensInfo"))
    counted = sum(map(len, found))
    return Response(usage=Usage(input_tokens=counted) if counted else None, tokens=found)


def read_batch(body: JSON) -> Request:
    """How many requests were handed in; of a file, none is known."""
    batch = named(named(body).get("batch"))
    config = named(batch.get("inputConfig"))
    requests = all_named(named(config.get("requests")).get("requests"))
    return Request(attributes={semconv.BATCH_REQUEST_COUNT: len(requests)} if requests else {})


def read_accepted(body: JSON) -> Response:
    """The batch as it was accepted."""
    body = named(body)
    state = some_text(named(body.get("metadata")), "state") or some_text(body, "state")
    return Response(attributes=present({semconv.BATCH_ID: some_text(body, "name"), semconv.BATCH_PROCESSING_STATUS: state}))


COUNT_TOKENS = Endpoint(operation="count_tokens", provider="gcp.gemini", request=read_request, response=read_count)
COMPUTE_TOKENS = replace(COUNT_TOKENS, operation="compute_tokens", response=read_tokens)
CREATE_BATCH = Endpoint(operation="create_batch", provider="gcp.gemini", request=read_batch, response=read_accepted)
