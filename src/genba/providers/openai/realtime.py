"""The Realtime API: what a response of a spoken conversation was asked with, and what came of it.

It speaks over a WebSocket (see `sockets`) in items like those of the Responses API, whose readers serve here; what differs is that a
piece of content may be sound with its transcript, that the session holds the parameters, and that the answer comes without its sound.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

from ... import semconv
from ...conversation import JSON, Request, Response
from ...observing.endpoint import Endpoint
from ..json_fields import Object, as_object, integer, items, member, objects, rest, some_text
from . import chunks, events, failures, responses

_SOUND = frozenset({"input_audio", "output_audio", "audio"})
_SOUND_EVENTS = frozenset({"response.output_audio.delta", "response.audio.delta"})


def read_request(body: JSON) -> Request:
    """The conversation so far, under the parameters of the session and those of the response, which go before them."""
    body = as_object(body)
    asked = member(body, "response")
    said = {**rest(member(body, "session"), "metadata", "prompt_cache_key"), **rest(asked)}
    conversation = items(asked, "input") if "input" in asked else items(body, "conversation")
    # Here this names whether the answer joins the conversation, not which one it is.
    said.pop("conversation", None)
    return responses.read_request(
        {
            **said,
            "input": [_written(item) for item in objects(list(conversation))],
            "modalities": said.get("output_modalities") or said.get("modalities"),
            "max_output_tokens": integer(said, "max_output_tokens", "max_response_output_tokens"),
        }
    )


def read_response(body: JSON) -> Response:
    """What came back."""
    body = as_object(body)
    details, format = member(body, "status_details"), _format(body)
    status = some_text(body, "status")
    read = responses.read_response(
        {
            **body,
            "output": [_written(item, format) for item in objects(body.get("output"))],
            "error": member(body, "error") or member(details, "error"),
            "incomplete_details": details if status == "incomplete" else None,
            "conversation": body.get("conversation_id"),
        }
    )
    if status != "cancelled":
        return read
    return replace(read, finish_reasons=["error"], native_finish_reasons=[some_text(details, "reason") or status])


def fold(said: Sequence[JSON]) -> Object:
    """The response that the events add up to, with its sound."""
    body = events.fold(said)
    sounds: defaultdict[str | None, defaultdict[int, list[str]]] = defaultdict(lambda: defaultdict(list))
    for event in objects(list(said)):
        if some_text(event, "type") in _SOUND_EVENTS and isinstance(event.get("delta"), str):
            sounds[some_text(event, "item_id")][integer(event, "content_index") or 0].append(event["delta"])
    spoken = [_sounding(item, sounds.pop(some_text(item, "id"), {})) for item in objects(body.get("output"))]
    # Cut off before its first word.
    unsaid = [_sounding({"type": "message", "role": "assistant", "id": id}, pieces) for id, pieces in sounds.items()]
    return {**body, "output": [*spoken, *unsaid]}


def is_last(event: JSON) -> bool:
    """Whether this event ends a response that came to its end: one that was interrupted did not."""
    said = as_object(event)
    return said.get("type") == "response.done" and member(said, "response").get("status") != "cancelled"


def failed(body: JSON) -> tuple[str, str | None] | None:
    """What a response, or an event, says of a failure."""
    body = as_object(body)
    response = member(body, "response") or body
    if response.get("status") == "failed":
        error = member(member(response, "status_details"), "error")
        return failures.kind(error), some_text(error, "message")
    return failures.read(body) if body.get("type") == "error" else None


def _sounding(item: Object, pieces: dict[int, list[str]]) -> Object:
    content = list(objects(item.get("content")))
    for index in sorted(pieces):
        at = index if 0 <= index < len(content) else len(content)
        content[at : at + 1] = [
            {"type": "output_audio", **dict(*content[at : at + 1]), "audio": chunks.joined_sound(pieces[index])}
        ]
    return {**item, "content": content} if pieces else item


def _format(body: Object) -> str | None:
    """The format of the sound, such as `pcm`."""
    format = member(member(member(body, "audio"), "output"), "format")
    return (some_text(format, "type") or "").removeprefix("audio/") or some_text(body, "output_audio_format")


def _written(item: Object, format: str | None = None) -> Object:
    """The item as the Responses API would write it."""
    if not isinstance(item.get("content"), list):
        return item
    return {**item, "content": [one for piece in objects(item["content"]) for one in _piece(piece, some_text(item, "id"), format)]}


def _piece(piece: Object, id: str | None, format: str | None) -> list[Object]:
    """Sound is what was said, and the sound itself, or where the server keeps it."""
    if some_text(piece, "type") not in _SOUND:
        return [piece]
    transcript, sound = some_text(piece, "transcript"), some_text(piece, "audio")
    said: list[Object] = [{"type": "input_text", "text": transcript}] if transcript else []
    if sound:
        return [*said, {"type": "input_audio", "input_audio": {"data": sound, "format": format or "pcm"}}]
    return [*said, {"type": "audio_url", "file_id": id}] if id and piece.get("type") == "input_audio" else said


REALTIME = Endpoint(
    operation=semconv.Operation.CHAT,
    provider="openai",
    request=read_request,
    response=read_response,
    fold=fold,
    failed=failed,
    is_last=is_last,
)
