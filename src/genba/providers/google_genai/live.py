"""Live sessions: Gemini over a WebSocket, where each turn of the model is a call of its own, functions in its midst included."""

from __future__ import annotations

import base64
import contextlib
import functools
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from ... import semconv
from ...conversation import JSON, Request
from ...observing.dialogues import Speech, connecting
from ...observing.endpoint import Endpoint
from ...observing.patching import Patch
from ..json_fields import Object, as_object, member, objects, present, some_text
from . import generating
from .names import all_named, named
from .requests import model_name, server

_BLOBS = ("audio", "video", "media", "mediaChunks")
_OF_A_CANDIDATE = ("groundingMetadata", "urlContextMetadata")


def read_request(body: JSON) -> Request:
    """What was settled for the session, and what was sent in this turn."""
    body = as_object(body)
    settings = member(body, "settings")
    contents: list[Object] = []
    for message in all_named(body.get("sent")):
        contents += objects(named(message.get("clientContent")).get("turns"))
        given = objects(named(message.get("toolResponse")).get("functionResponses"))
        if given:
            contents.append({"role": "user", "parts": [{"functionResponse": each} for each in given]})
        for part in _spoken(named(message.get("realtimeInput"))):
            if not contents or not contents[-1].get("live"):
                contents.append({"role": "user", "parts": [], "live": True})
            _add(contents[-1]["parts"], part)
    return replace(generating.read_request({**settings, "contents": contents}), stream=True)


def _spoken(input: Object) -> list[Object]:
    """What was sent in real time: text, sound and pictures, piece by piece."""
    found: list[Object] = [{"text": text}] if (text := some_text(input, "text")) else []
    for name in _BLOBS:
        given = input.get(name)
        found += [{"inlineData": blob} for blob in all_named(given if isinstance(given, list) else [given])]
    return found


def fold(events: Sequence[JSON]) -> Object:
    """One turn of the model as the answer that it would have been to a request of its own."""
    candidate: Object = {"content": {"role": "model", "parts": []}}
    body: Object = {"candidates": [candidate]}
    parts, heard, said = candidate["content"]["parts"], "", ""
    for event in all_named(list(events)):
        content = named(event.get("serverContent"))
        for part in all_named(named(content.get("modelTurn")).get("parts")):
            _add(parts, part)
        parts += [{"functionCall": call} for call in objects(named(event.get("toolCall")).get("functionCalls"))]
        heard += some_text(named(content.get("inputTranscription")), "text") or ""
        said += some_text(named(content.get("outputTranscription")), "text") or ""
        candidate.update(present({name: content.get(name) for name in _OF_A_CANDIDATE}))
        if content.get("interrupted") is True:
            candidate["finishReason"] = "INTERRUPTED"
        elif _is_complete(content):
            candidate.setdefault("finishReason", some_text(content, "turnCompleteReason") or "TURN_COMPLETE")
        if event.get("usageMetadata"):
            body["usageMetadata"] = event["usageMetadata"]
    if said:
        parts.append({"text": said, "transcription": True})
    return {**body, "inputTranscription": heard} if heard else body


def _add(known: list[Object], part: Object) -> None:
    """Sound comes in small pieces: those that follow one another become one."""
    blob, before = named(part.get("inlineData")), as_object((known[-1] if known else {}).get("inlineData"))
    kind = some_text(blob, "mimeType") or ""
    if kind.startswith("audio/") and before.get("mimeType") == kind:
        with contextlib.suppress(TypeError, ValueError):
            joined = base64.b64decode(before["data"]) + base64.b64decode(blob["data"])
            known[-1] = {"inlineData": {**before, "data": base64.b64encode(joined).decode()}}
            return
    if blob:
        known.append({**part, "inlineData": blob})
    else:
        generating.add_part(known, part)


LIVE = Endpoint(
    operation=semconv.Operation.CHAT, provider="gcp.gemini", request=read_request, response=generating.read_response, fold=fold
)


def _settings(message: JSON) -> Mapping[str, JSON] | None:
    said = named(message)
    return named(said["setup"]) if "setup" in said else named(said["contextUpdate"]) if "contextUpdate" in said else None


def _asks(message: JSON) -> bool:
    """Sound by itself does not: the server finds out when the user has finished."""
    said = named(message)
    live = named(said.get("realtimeInput"))
    return (
        "toolResponse" in said
        or named(said.get("clientContent")).get("turnComplete") is True
        or any(name in live for name in ("text", "activityEnd", "audioStreamEnd"))
    )


def _begins(message: JSON) -> bool:
    said = named(message)
    return "serverContent" in said or "toolCall" in said


def _ends(message: JSON) -> bool:
    return _is_complete(named(named(message).get("serverContent")))


def _is_complete(content: Object) -> bool:
    """As the client sees it: newer servers say what the interaction's state is, and go on after a turn."""
    status = content.get("interactionStatus")
    if status is not None and status != "INTERACTION_STATUS_UNSPECIFIED":
        return bool(status == "IDLE")
    return content.get("turnComplete") is True


def _attributes(address: str, settings: Mapping[str, JSON]) -> Mapping[str, Any]:
    host, port = server(address)
    model = settings.get("model")
    return present(
        {
            semconv.PROVIDER_NAME: "gcp.vertex_ai" if "aiplatform" in address else "gcp.gemini",
            semconv.REQUEST_MODEL: model_name(model) if isinstance(model, str) else None,
            semconv.SERVER_ADDRESS: host,
            semconv.SERVER_PORT: port if host else None,
        }
    )


SPEECH = Speech(endpoint=LIVE, settings=_settings, asks=_asks, begins=_begins, ends=_ends, attributes=_attributes)


def patches(library: str) -> Sequence[Patch]:
    """What is to be wrapped: the client opens its sockets by this name."""
    return [Patch("google.genai.live", "ws_connect", functools.partial(connecting, SPEECH), library)]
