"""Speech from text and text from speech: `POST /audio/…`. Sound sent along as a form's file is known by its name only."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ... import semconv
from ...conversation import JSON, Request, Response, parts
from ...observing.endpoint import Endpoint
from ..json_fields import as_object, integer, number, objects, rest, some_text
from ..token_fields import of_logprobs
from . import chunks, content, failures, pieces, usage

_PLAIN = frozenset({"text", "srt", "vtt"})


def read_speech_request(body: JSON) -> Request:
    """What shall be spoken, and how."""
    body = as_object(body)
    return Request(
        model=some_text(body, "model"),
        messages=_turn(content.read(body.get("input"))),
        system_instructions=content.read(body.get("instructions")),
        output_type="speech",
        stream=True if body.get("stream_format") == "sse" else None,
    )


def read_speech_response(body: JSON) -> Response:
    """The sound as a stream of events gave it, else what is known of the file that came back: how many `bytes` it has."""
    body = as_object(body)
    sound, size = some_text(body, "audio"), integer(body, "bytes")
    return Response(
        messages=[parts.message("assistant", [parts.blob("audio", sound)])] if sound else [],
        usage=usage.read(body.get("usage")),
        attributes={} if size is None else {semconv.CONTENT_BYTES: size},
    )


def fold_speech(events: Sequence[JSON]) -> dict[str, Any]:
    """The sound's pieces, joined, and the usage that the last event has."""
    events = objects(list(events))
    sound = [piece for event in events if (piece := some_text(event, "audio"))]
    counted = [event["usage"] for event in events if event.get("usage")]
    return {"audio": chunks.joined_sound(sound), **({"usage": counted[-1]} if counted else {})}


def read_transcription_request(body: JSON) -> Request:
    """What shall be written down: the sound, and words that help to understand it."""
    body = as_object(body)
    format = some_text(body, "response_format")
    file = body.get("file")
    said = [*content.read(body.get("prompt")), *([content.upload("audio", file)] if file is not None else [])]
    return Request(
        model=some_text(body, "model"),
        messages=_turn(said),
        output_type=None if format is None else "text" if format in _PLAIN else "json",
        stream=True if body.get("stream") is True else None,
        temperature=number(body, "temperature"),
    )


def read_transcription_response(body: JSON) -> Response:
    """What was heard. Plain formats are the text alone; the others tell more, such as who spoke when."""
    if isinstance(body, str):
        return Response(messages=_turn(content.read(body), "assistant"))
    body = as_object(body)
    heard = some_text(body, "text")
    more = rest(body, "text", "usage", "logprobs", "type", "task")
    return Response(
        messages=_turn([{**parts.text(heard), **more}], "assistant") if heard else [],
        usage=usage.read(body.get("usage")),
        tokens=of_logprobs(body.get("logprobs")),
    )


def fold_transcription(events: Sequence[JSON]) -> dict[str, Any]:
    """The last event has the whole text; where it is missing, the pieces that came before it."""
    heard: list[str] = []
    logprobs: list[JSON] = []
    segments: list[JSON] = []
    done: dict[str, Any] = {}
    for event in objects(list(events)):
        kind = event.get("type")
        if kind == "transcript.text.delta":
            heard.append(some_text(event, "delta") or "")
            logprobs.extend(objects(event.get("logprobs")))
        elif kind == "transcript.text.segment":
            segments.append(rest(event, "type"))
        elif kind == "transcript.text.done":
            done = rest(event, "type")
    return {"text": "".join(heard), **rest({"logprobs": logprobs, "segments": segments}), **done}


def _turn(said: Sequence[parts.Part], role: str = "user") -> list[parts.Message]:
    return [parts.message(role, said)] if said else []


SPEECH = Endpoint(
    operation=semconv.Operation.GENERATE_CONTENT,
    provider="openai",
    request=read_speech_request,
    response=read_speech_response,
    fold=fold_speech,
)
TRANSCRIPTION = Endpoint(
    operation=semconv.Operation.GENERATE_CONTENT,
    provider="openai",
    request=read_transcription_request,
    response=read_transcription_response,
    fold=fold_transcription,
    piece=pieces.of_transcription_event,
    failed=failures.read,
)
"""Also of translations, which differ in their language only."""
