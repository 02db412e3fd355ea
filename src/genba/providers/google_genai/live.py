"""Live sessions: Gemini over a WebSocket, where each turn of the model is a call of its own, functions in its midst included."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal

from ... import semconv
from ...conversation import JSON, Request
from ...conversation.tokens import Piece
from ...observing.addresses import server
from ...observing.dialogues import ANEW, MAX_BYTES, Talk, Turn
from ...observing.endpoint import Endpoint
from ...observing.patching import Patch
from ...observing.sockets import connecting
from .. import characters
from ..json_fields import Object, as_object, member, objects, present, some_text
from . import content, generating
from .names import all_named, named
from .requests import model_name

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
        turn = named(event.get("serverContent"))
        for part in all_named(named(turn.get("modelTurn")).get("parts")):
            _add(parts, part)
        parts += [{"functionCall": call} for call in objects(named(event.get("toolCall")).get("functionCalls"))]
        heard += some_text(named(turn.get("inputTranscription")), "text") or ""
        said += some_text(named(turn.get("outputTranscription")), "text") or ""
        candidate.update(present({name: turn.get(name) for name in _OF_A_CANDIDATE}))
        if turn.get("interrupted") is True:
            candidate["finishReason"] = "INTERRUPTED"
        elif _is_complete(turn):
            candidate.setdefault("finishReason", some_text(turn, "turnCompleteReason") or "TURN_COMPLETE")
        if event.get("usageMetadata"):
            body["usageMetadata"] = event["usageMetadata"]
    if said:
        parts.append({"text": said, "transcription": True})
    return {**body, "inputTranscription": heard} if heard else body


def piece(event: JSON) -> Piece:
    """What of an answer is in one message: what is said aloud counts as it was written down."""
    event = named(event)
    turn = named(event.get("serverContent"))
    calls = [{"functionCall": call} for call in objects(named(event.get("toolCall")).get("functionCalls"))]
    said = content.characters_in(named(turn.get("modelTurn")).get("parts")) + content.characters_in(calls)
    return Piece(said + characters.of(named(turn.get("outputTranscription")).get("text")))


def _add(known: list[Object], part: Object) -> None:
    """Sound comes in small pieces: those that follow one another become one."""
    blob, before = named(part.get("inlineData")), as_object((known[-1] if known else {}).get("inlineData"))
    kind = some_text(blob, "mimeType") or ""
    if kind.startswith("audio/") and before.get("mimeType") == kind:
        sound = content.joined_sound(before.get("data"), blob.get("data"))
        if sound is not None:
            known[-1] = {"inlineData": {**before, "data": sound}}
            return
    if blob:
        known.append({**part, "inlineData": blob})
    else:
        generating.add_part(known, part)


def _is_last(message: JSON) -> bool:
    return _is_complete(named(named(message).get("serverContent")))


def _is_complete(content: Object) -> bool:
    """As the client sees it: newer servers say what the interaction's state is, and go on after a turn."""
    status = content.get("interactionStatus")
    if status is not None and status != "INTERACTION_STATUS_UNSPECIFIED":
        return bool(status == "IDLE")
    return content.get("turnComplete") is True


LIVE = Endpoint(
    operation=semconv.Operation.CHAT,
    provider="gcp.gemini",
    request=read_request,
    response=generating.read_response,
    fold=fold,
    is_last=_is_last,
    piece=piece,
)


class LiveTalk(Talk):
    """A live session: one turn at a time, in whose midst functions may be called. All that was sent since the last one asks for it."""

    endpoint = LIVE

    def __init__(self, address: str) -> None:
        self._address = address
        self._settings: Object = {}
        self._sent: list[Object] = []
        self._room = MAX_BYTES

    def said(self, message: Object, size: int) -> None:
        said = named(message)
        if "setup" in said:
            self._settings.update(named(said["setup"]))
        elif "contextUpdate" in said:
            self._settings.update(named(said["contextUpdate"]))
        else:
            self._room -= size
            if self._room > 0:
                self._sent.append(message)

    def asks(self, message: Object, turns: Sequence[Turn]) -> bool:
        """Sound by itself does not: the server finds out when the user has finished."""
        said = named(message)
        live = named(said.get("realtimeInput"))
        return not turns and (
            "toolResponse" in said
            or named(said.get("clientContent")).get("turnComplete") is True
            or any(name in live for name in ("text", "activityEnd", "audioStreamEnd"))
        )

    def turn_of(self, message: Object, turns: Sequence[Turn]) -> Turn | Literal["anew"] | None:
        if turns:
            return turns[0]
        said = named(message)
        return ANEW if "serverContent" in said or "toolCall" in said else None

    def ends(self, message: Object) -> bool:
        return _is_last(message)

    def attributes(self, asking: Object | None, opening: Object | None) -> Mapping[str, Any]:
        host, port = server(self._address)
        model = self._settings.get("model")
        return present(
            {
                semconv.PROVIDER_NAME: "gcp.vertex_ai" if "aiplatform" in self._address else "gcp.gemini",
                semconv.REQUEST_MODEL: model_name(model) if isinstance(model, str) else None,
                semconv.SERVER_ADDRESS: host,
                semconv.SERVER_PORT: port if host else None,
            }
        )

    def request(self, turn: Turn) -> JSON:
        return {"settings": dict(self._settings), "sent": [*self._sent]}

    def over(self, turn: Turn) -> None:
        self._sent, self._room = [], MAX_BYTES


def _talk(args: tuple[Any, ...], kwargs: dict[str, Any]) -> LiveTalk:
    return LiveTalk(str(args[0] if args else kwargs.get("uri")))


def patches(library: str) -> Sequence[Patch]:
    """What is to be wrapped: the client opens its sockets by this name."""
    return [Patch("google.genai.live", "ws_connect", functools.partial(connecting, _talk), library)]
