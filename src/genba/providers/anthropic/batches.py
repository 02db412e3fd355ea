"""Anthropic's message batches: `POST /v1/messages/batches`, which hands in many requests to be answered within a day.

The results are fetched later as lines of JSON; nothing of them is known here. The conventions have no name for it.
"""

from __future__ import annotations

from ... import semconv
from ...conversation import JSON, Request, Response
from ...observing.endpoint import Endpoint
from ..json_fields import as_object, items, member, present, text


def read_request(body: JSON) -> Request:
    """How many requests, and for which model where all ask for the same."""
    requests = items(as_object(body), "requests")
    models = {text(member(as_object(each), "params"), "model") for each in requests}
    return Request(
        model=models.pop() if len(models) == 1 else None,
        attributes={semconv.BATCH_REQUEST_COUNT: len(requests)},
    )


def read_response(body: JSON) -> Response:
    """The batch as it was accepted. Its id is that of no model's answer, so it does not become the response's."""
    body = as_object(body)
    status = {semconv.BATCH_ID: text(body, "id"), semconv.BATCH_PROCESSING_STATUS: text(body, "processing_status")}
    return Response(attributes=present(status))


CREATE_BATCH = Endpoint(operation="create_batch", provider="anthropic", request=read_request, response=read_response)
