"""Batches: `POST /batches`, which hands in a file of requests to be answered within a day.

The answers come as another file; nothing of them is known here. The conventions have no name for it.
"""

from __future__ import annotations

from ... import semconv
from ...conversation import JSON, Request, Response
from ...observing.endpoint import Endpoint
from ..json_fields import as_object, integer, member, present, some_text


def read_request(body: JSON) -> Request:
    """Which file, for which API."""
    body = as_object(body)
    said = {
        semconv.BATCH_INPUT_FILE_ID: some_text(body, "input_file_id"),
        semconv.BATCH_ENDPOINT: some_text(body, "endpoint"),
    }
    return Request(model=some_text(body, "model_id"), attributes=present(said))


def read_response(body: JSON) -> Response:
    """The batch as it was accepted. Its id is that of no model's answer, so it does not become the response's."""
    body = as_object(body)
    batch = member(body, "job") or body  # Together's
    told = {
        semconv.BATCH_ID: some_text(batch, "id"),
        semconv.BATCH_PROCESSING_STATUS: some_text(batch, "status"),
        semconv.BATCH_REQUEST_COUNT: integer(member(batch, "request_counts"), "total") or None,
    }
    return Response(attributes=present(told))


CREATE_BATCH = Endpoint(operation="create_batch", provider="openai", request=read_request, response=read_response)
