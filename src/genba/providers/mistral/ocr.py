"""Reading documents: `POST /v1/ocr`. A document goes in, its pages come out as text; it is paid by the page, not by the token."""

from __future__ import annotations

from ... import semconv
from ...conversation import JSON, Part, Request, Response, parts
from ...observing.endpoint import Endpoint
from .. import extras
from ..json_fields import as_object, objects, some_text
from ..openai import failures
from . import content


def read_request(body: JSON) -> Request:
    """What was to be read, and to what end."""
    body = as_object(body)
    prompt = some_text(body, "document_annotation_prompt")
    said: list[Part] = [
        *([parts.text(prompt)] if prompt else []),
        *content.read([body["document"]] if body.get("document") else []),
    ]
    return Request(model=some_text(body, "model"), messages=[parts.message("user", said)] if said else [])


def read_response(body: JSON) -> Response:
    """The text of each page; pictures that were cut out of it stay where they were."""
    body = as_object(body)
    said = [parts.text(text) for page in objects(body.get("pages")) if (text := some_text(page, "markdown"))]
    annotation = some_text(body, "document_annotation")
    said += [parts.other("annotation", {"content": annotation})] if annotation else []
    return Response(
        model=some_text(body, "model"),
        messages=[parts.message("assistant", said)] if said else [],
        attributes=extras.chosen(body, "usage_info"),
    )


OCR = Endpoint(
    operation=semconv.Operation.GENERATE_CONTENT,
    provider="mistral_ai",
    request=read_request,
    response=read_response,
    failed=failures.read,
)
