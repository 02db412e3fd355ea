"""Pictures made by Amazon's and Stability's models: words and perhaps a picture go in, pictures come out."""

from __future__ import annotations

from ... import semconv
from ...conversation import JSON, Part, Request, Response, parts
from ...observing.endpoint import Endpoint
from ..json_fields import Object, as_object, integer, member, objects, some_text, texts


def read_request(body: JSON) -> Request:
    """What was asked, as one turn of the user."""
    body = as_object(body)
    task = next((value for name, value in body.items() if name.endswith("Params") and isinstance(value, dict)), body)
    config = member(body, "imageGenerationConfig") or body
    count = integer(config, "numberOfImages")
    said = _said(body, task)
    return Request(
        messages=[parts.message("user", said)] if said else [],
        output_type="image",
        seed=integer(config, "seed"),
        choice_count=count if count != 1 else None,
    )


def read_response(body: JSON) -> Response:
    """What came back, one message for each picture."""
    body = as_object(body)
    pictures = [*texts(body.get("images")), *(some_text(one, "base64") or "" for one in objects(body.get("artifacts")))]
    native = [reason for reason in texts(body.get("finish_reasons")) if reason]
    error = some_text(body, "error")
    return Response(
        messages=[parts.message("assistant", [parts.blob("image", picture)]) for picture in pictures if picture],
        finish_reasons=native,
        native_finish_reasons=native,
        error_type="_OTHER" if error else None,
        error_message=error,
    )


def _said(body: Object, task: Object) -> list[Part]:
    written = [
        some_text(task, "text", "prompt") or "",
        *(some_text(one, "text") or "" for one in objects(body.get("text_prompts"))),
    ]
    avoided = some_text(task, "negativeText", "negative_prompt")
    pictures = [
        *texts(task.get("image")),
        *texts(task.get("images")),
        *texts(task.get("conditionImage")),
        *texts(body.get("init_image")),
    ]
    return [
        *(parts.text(one) for one in written if one),
        *([parts.other("negative_prompt", {"content": avoided})] if avoided else []),
        *(parts.blob("image", one) for one in pictures),
    ]


PICTURES = Endpoint(
    operation=semconv.Operation.GENERATE_CONTENT, provider="aws.bedrock", request=read_request, response=read_response
)
