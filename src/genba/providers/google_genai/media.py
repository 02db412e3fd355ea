"""Pictures and videos made by models of their own: `{model}:predict` and `{model}:predictLongRunning`."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ... import semconv
from ...conversation import JSON, Message, Part, Request, Response, parts
from ...observing.endpoint import Endpoint
from ..json_fields import Object, integer, rest, some_text
from . import content
from .names import all_named, named

_MEDIA = ("image", "mask", "video", "lastFrame", "productImages", "personImage", "referenceImages", "scribble")


def read_request(body: JSON) -> Request:
    """What was asked: words and what was given to work on, as one turn of the user."""
    body = named(body)
    settings = named(body.get("parameters"))
    said: list[Part] = []
    for instance in all_named(body.get("instances")):
        if prompt := some_text(instance, "prompt"):
            said.append(parts.text(prompt))
        for name in _MEDIA:
            given = instance.get(name)
            said += [_medium(one, name) for one in all_named(given if isinstance(given, list) else [given])]
    count = integer(settings, "sampleCount")
    return Request(
        messages=[parts.message("user", said)] if said else [],
        output_type="image",
        seed=integer(settings, "seed"),
        choice_count=count if count != 1 else None,
    )


def read_response(body: JSON) -> Response:
    """What came back, one message for each picture. One that was filtered out says why in its stead."""
    predictions = all_named(named(body).get("predictions"))
    native = [some_text(each, "raiFilteredReason") or "" for each in predictions]
    return Response(
        messages=[_message(each) for each in predictions],
        finish_reasons=["content_filter" if reason else "stop" for reason in native],
        native_finish_reasons=native if any(native) else (),
    )


def read_operation(body: JSON) -> Response:
    """Videos take minutes: the answer is what to ask for later."""
    body = named(body)
    failed = named(body.get("error"))
    return Response(
        id=some_text(body, "name"),
        status="failed" if failed else "completed" if body.get("done") is True else "in_progress",
        error_type=str(failed.get("status") or failed.get("code") or "_OTHER") if failed else None,
        error_message=some_text(failed, "message"),
    )


def _medium(value: Object, purpose: str, **more: Any) -> Part:
    nested = next((named(value[name]) for name in ("image", "referenceImage") if isinstance(value.get(name), dict)), value)
    mime_type = some_text(nested, "mimeType")
    kind = content.modality(mime_type or ("video/" if purpose == "video" else "image/"))
    said = {} if purpose == "image" else {"purpose": purpose}
    if data := some_text(nested, "bytesBase64Encoded", "encodedVideo", "imageBytes"):
        return parts.blob(kind, data, mime_type, **said, **more)
    uri = some_text(nested, "gcsUri", "uri")
    return parts.uri(kind, uri, mime_type, **said, **more) if uri else parts.other(purpose, value)


def _message(prediction: Object) -> Message:
    reason = some_text(prediction, "raiFilteredReason")
    if reason:
        return parts.message("assistant", [parts.refusal(reason)], finish_reason="content_filter")
    more = rest(prediction, "bytesBase64Encoded", "mimeType", "gcsUri", "image")
    return parts.message("assistant", [_medium(prediction, "image", **more)], finish_reason="stop")


IMAGES = Endpoint(operation=semconv.Operation.GENERATE_CONTENT, provider="gcp.gemini", request=read_request, response=read_response)
VIDEOS = replace(IMAGES, request=lambda body: replace(read_request(body), output_type="video"), response=read_operation)
