"""Images made, edited and varied: `POST /images/…`. A picture that was sent along as a form's file is known by its name only."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ... import semconv
from ...conversation import JSON, Message, Part, Request, Response, parts
from ...observing.endpoint import Endpoint
from ..json_fields import as_object, integer, objects, rest, some_text
from . import attributes, content, failures, items, usage


def read_request(body: JSON) -> Request:
    """What was asked: words and, for an edit, pictures and a mask, as one turn of the user."""
    body = as_object(body)
    count = integer(body, "n")
    said = [*content.read(body.get("prompt")), *_pictures(body, "image"), *_pictures(body, "image[]"), *_pictures(body, "images")]
    said += _pictures(body, "mask")
    return Request(
        model=some_text(body, "model"),
        messages=[parts.message("user", said)] if said else [],
        output_type="image",
        stream=True if body.get("stream") is True else None,
        choice_count=count if count != 1 else None,
    )


def read_response(body: JSON) -> Response:
    """What came back, one message for each picture."""
    body = as_object(body)
    mime_type = items.image_type(some_text(body, "output_format"))
    return Response(
        messages=[_message(image, mime_type) for image in objects(body.get("data"))],
        usage=usage.read(body.get("usage")),
        attributes=attributes.extras(body),
    )


def fold(events: Sequence[JSON]) -> dict[str, Any]:
    """The response body: the finished pictures. Where the stream was cut short, the last preview stands in, marked `partial`."""
    events = objects(list(events))
    finished = [event for event in events if str(event.get("type")).endswith(".completed")]
    body: dict[str, Any] = {"created": None}
    for event in finished or events[-1:]:
        body.update(rest(event, "type", "b64_json", "partial_image_index"))
    pictures = finished or events[-1:]
    body["data"] = [_picture(event, partial=not finished) for event in pictures if some_text(event, "b64_json")]
    return body


def _pictures(body: dict[str, Any], key: str) -> list[Part]:
    """Files of the form, or in JSON references to pictures elsewhere."""
    given = body.get(key)
    each = given if isinstance(given, list) else [] if given is None else [given]
    return [_sent(picture, key) for picture in each]


def _sent(picture: JSON, key: str) -> Part:
    reference = as_object(picture)
    if "image_url" in reference or "file_id" in reference:
        return content.read({"type": "input_image", **reference})[0]
    part = content.upload("image", picture)
    return {**part, "purpose": "mask"} if key == "mask" else part


def _picture(event: dict[str, Any], *, partial: bool) -> dict[str, Any]:
    return {"b64_json": event["b64_json"], **({"partial": True} if partial else {})}


def _message(image: dict[str, Any], mime_type: str | None) -> Message:
    data, url = some_text(image, "b64_json"), some_text(image, "url")
    more = rest(image, "b64_json", "url", "type", "index")
    made = [parts.blob("image", data, mime_type, **more)] if data else [parts.media("image", url, **more)] if url else []
    return parts.message("assistant", made)


IMAGES = Endpoint(
    operation=semconv.Operation.GENERATE_CONTENT,
    provider="openai",
    request=read_request,
    response=read_response,
    fold=fold,
    failed=failures.read,
)
