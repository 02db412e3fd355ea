"""What OpenAI's two WebSockets say: which message belongs to which response, and what each of these is asked with.

`ResponsesTalk` is the Responses API, where each request says it all. `SpokenTalk` is the Realtime API, where the server keeps the
conversation, and begins some responses by itself: when it hears that the user has finished speaking, or to go on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from ... import semconv
from ...conversation import JSON
from ...observing.dialogues import ANEW, Talk, Turn
from ..json_fields import Object, member, objects, rest, some_text
from . import realtime, responses
from .hosts import provider_name

_ENDS = frozenset({"response.done", "response.completed", "response.failed", "response.incomplete", "response.cancelled", "error"})
_ENVELOPE = ("type", "event_id", "stream_id")
_INHERITED = (
    "model", "instructions", "tools", "temperature", "top_p", "max_output_tokens", "previous_response_id", "reasoning", "text",
)  # fmt: skip
_SESSIONS = frozenset({"session.created", "session.updated"})
_ITEMS = frozenset(
    {"conversation.item.created", "conversation.item.added", "conversation.item.done", "conversation.item.retrieved"}
)
_HEARD = "conversation.item.input_audio_transcription.completed"


class ResponsesTalk(Talk):
    """The Responses API over a WebSocket. Several responses may be in the making, each in a lane of its own."""

    endpoint = responses.RESPONSES

    def __init__(self, model: str | None, host: str, port: int) -> None:
        self._model = model
        self._host = host
        self._port = port

    def asks(self, message: Object, turns: Sequence[Turn]) -> bool:
        return message.get("type") == "response.create"

    def turn_of(self, message: Object, turns: Sequence[Turn]) -> Turn | Literal["anew"] | None:
        kind = str(message.get("type"))
        lane = [turn for turn in turns if (turn.asking or {}).get("stream_id") == message.get("stream_id")]
        if kind == "error":
            refused = member(message, "error") or message
            lane.sort(key=lambda turn: turn.opening is None)  # those that run before those that wait
            return next((turn for turn in lane if self._refuses(refused, turn.asking)), None)
        if kind == "response.created":
            return next((turn for turn in lane if turn.opening is None), ANEW)
        if not kind.startswith("response."):
            return None
        # An event may say whose it is, else it is that of the only response in its lane.
        id = message.get("response_id") or member(message, "response").get("id")
        running = (turn for turn in (lane if id is None else turns) if turn.opening is not None)
        return next((turn for turn in running if id is None or _id(turn) == id), None)

    def ends(self, message: Object) -> bool:
        return some_text(message, "type") in _ENDS

    def attributes(self, asking: Object | None, opening: Object | None) -> Mapping[str, Any]:
        return {
            semconv.PROVIDER_NAME: provider_name("", self._host),
            semconv.REQUEST_MODEL: self._asked_model(asking or {}, member(opening or {}, "response")),
            semconv.SERVER_ADDRESS: self._host,
            semconv.SERVER_PORT: self._port,
            semconv.REQUEST_STREAM: True,
        }

    def request(self, turn: Turn) -> JSON:
        """As the host's message says; what the server goes on with by itself, it tells as well."""
        if turn.asking is not None:
            return rest(turn.asking, *_ENVELOPE)
        response = member(turn.opening or {}, "response")
        return {name: response.get(name) for name in _INHERITED}

    def _asked_model(self, asking: Object, response: Object) -> str | None:
        return some_text(asking, "model") or some_text(response, "model") or self._model

    def _refuses(self, error: Object, asking: Object | None) -> bool:
        """Whether an `error` event is the answer to `asking`."""
        return True


def _id(turn: Turn) -> Any:
    return member(turn.opening or {}, "response").get("id")


class SpokenTalk(ResponsesTalk):
    """The Realtime API."""

    endpoint = realtime.REALTIME

    def __init__(self, model: str | None, host: str, port: int) -> None:
        super().__init__(model, host, port)
        self._session: Object = {}
        self._items: dict[Any, Object] = {}
        self._unconfirmed: list[Object] = []
        """Items that the host sent and the server has not yet taken up."""

    def said(self, message: Object, size: int) -> None:
        if message.get("type") == "conversation.item.create":
            self._unconfirmed.append(member(message, "item"))

    def heard(self, message: Object) -> None:
        kind = message.get("type")
        if kind in _SESSIONS:
            self._session = member(message, "session")
        elif kind in _ITEMS:
            self._put(member(message, "item"), some_text(message, "previous_item_id"))
        elif kind == "conversation.item.deleted":
            self._items.pop(message.get("item_id"), None)
        elif kind == _HEARD:
            self._transcribed(message)

    def request(self, turn: Turn) -> JSON:
        """The session and the conversation as they were when the response began, less what was left out, with words heard since."""
        if turn.memo is None and turn.opening is not None:
            turn.memo = [*self._items]  # what is added from here on is its own answer, or comes after it
        ids = turn.memo
        said = [*self._items.values(), *self._unconfirmed] if ids is None else [self._items[id] for id in ids if id in self._items]
        return {"session": self._session, "response": member(turn.asking or {}, "response"), "conversation": said}

    def known(self, turn: Turn) -> Mapping[str, Any]:
        """The model that answers: here only the session names it."""
        model = some_text(self._session, "model")
        return {} if model is None else {semconv.RESPONSE_MODEL: model}

    def _asked_model(self, asking: Object, response: Object) -> str | None:
        return self._model or some_text(self._session, "model")

    def _refuses(self, error: Object, asking: Object | None) -> bool:
        """Most errors are about something else, such as an item that was no good, and the conversation goes on."""
        named = some_text(error, "event_id")
        if named is not None:
            return asking is not None and asking.get("event_id") == named
        return asking is not None and some_text(error, "code") == "conversation_already_has_active_response"

    def _put(self, item: Object, after: str | None) -> None:
        known = item.get("id") in self._items
        if not known and self._unconfirmed and self._unconfirmed[0].get("type") == item.get("type") and _is_host_s(item):
            self._unconfirmed.pop(0)
        if known or after is None or after == next(reversed(self._items), None):
            self._items[item.get("id")] = item
        else:  # into the middle
            order = [*self._items.items()]
            at = next((place + 1 for place, (id, _) in enumerate(order) if id == after), len(order))
            self._items = dict([*order[:at], (item.get("id"), item), *order[at:]])

    def _transcribed(self, event: Object) -> None:
        item = self._items.get(event.get("item_id"))
        if item is not None:
            content, at = list(objects(item.get("content"))), event.get("content_index")
            if type(at) is int and 0 <= at < len(content):
                content[at] = {**content[at], "transcript": event.get("transcript")}
                self._items[event["item_id"]] = {**item, "content": content}


def _is_host_s(item: Object) -> bool:
    return item.get("role") in ("user", "system") or item.get("type") != "message"
