"""Moderation: `POST /moderations`, whether a text or a picture is harmful. The conventions have no operation for it."""

from __future__ import annotations

from ...conversation import JSON, Request, Response, parts
from ...observing.endpoint import Endpoint
from ..json_fields import as_object, objects, some_text
from . import content, failures


def read_request(body: JSON) -> Request:
    """What shall be judged. Each input is a turn of the user."""
    body = as_object(body)
    return Request(
        model=some_text(body, "model"),
        messages=[parts.message("user", said) for said in content.read_prompt(body.get("input"))],
    )


def read_response(body: JSON) -> Response:
    """The verdicts, one message for each."""
    body = as_object(body)
    verdicts = [parts.other("moderation", verdict) for verdict in objects(body.get("results"))]
    return Response(
        id=some_text(body, "id"),
        model=some_text(body, "model"),
        messages=[parts.message("assistant", [verdict]) for verdict in verdicts],
    )


MODERATION = Endpoint(operation="moderation", provider="openai", request=read_request, response=read_response, failed=failures.read)
