"""Moderation: `POST /moderations`, whether a text or a picture is harmful. The conventions have no operation for it."""

from __future__ import annotations

from ...conversation import JSON, Request, Response, parts
from ...observing.endpoint import Endpoint
from . import content, failures, wire


def read_request(body: JSON) -> Request:
    """What shall be judged. Each input is a turn of the user."""
    body = wire.fields(body)
    return Request(
        model=wire.text(body, "model"),
        messages=[parts.message("user", said) for said in content.read_prompt(body.get("input"))],
    )


def read_response(body: JSON) -> Response:
    """The verdicts, one message for each."""
    body = wire.fields(body)
    verdicts = [parts.other("moderation", verdict) for verdict in wire.objects(body.get("results"))]
    return Response(
        id=wire.text(body, "id"),
        model=wire.text(body, "model"),
        messages=[parts.message("assistant", [verdict]) for verdict in verdicts],
    )


MODERATION = Endpoint(operation="moderation", provider="openai", request=read_request, response=read_response, failed=failures.read)
