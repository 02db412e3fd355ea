"""Pictures that xAI's models make, by themselves or from others: one message for each."""

from __future__ import annotations

from ... import semconv
from ...conversation import JSON, Message, Request, Response, parts
from ...observing.endpoint import Endpoint
from ..json_fields import Object, as_object, integer, member, objects, some_text
from .chat import read_picture, read_usage


def read_request(body: JSON) -> Request:
    """What was asked: words and pictures, as one turn of the user."""
    body = as_object(body)
    asked, prompt = integer(body, "n"), some_text(body, "prompt")
    said = [parts.text(prompt)] if prompt else []
    said += [read_picture(picture) for picture in (member(body, "image"), *objects(body.get("images"))) if picture]
    return Request(
        model=some_text(body, "model"),
        messages=[parts.message("user", said)] if said else [],
        output_type="image",
        choice_count=asked if asked != 1 else None,
    )


def read_response(body: JSON) -> Response:
    """What came back."""
    body = as_object(body)
    made = [_message(image) for image in objects(body.get("images"))]
    return Response(model=some_text(body, "model"), messages=[said for said in made if said["parts"]], usage=read_usage(body))


def _message(image: Object) -> Message:
    where = some_text(image, "base64", "url")
    return parts.message("assistant", [parts.media("image", where)] if where else [])


PICTURES = Endpoint(
    operation=semconv.Operation.GENERATE_CONTENT,
    provider="x_ai",
    request=read_request,
    response=read_response,
)
