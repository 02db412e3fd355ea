"""What is said on a connection besides the responses themselves: the session's parameters and the conversation that they answer.

`Talk` is the Responses API's, where each request says it all; `SpokenTalk` is the Realtime API's, where the server keeps it.
"""

from __future__ import annotations

from typing import Any

from ...conversation import JSON
from ..json_fields import Object, member, objects, rest, some_text
from . import realtime, responses

_ENVELOPE = ("type", "event_id", "stream_id")
_INHERITED = (
    "model", "instructions", "tools", "temperature", "top_p", "max_output_tokens", "previous_response_id", "reasoning", "text",
)  # fmt: skip
_SESSIONS = frozenset({"session.created", "session.updated"})
_ITEMS = frozenset(
    {"conversation.item.created", "conversation.item.added", "conversation.item.done", "conversation.item.retrieved"}
)
_HEARD = "conversation.item.input_audio_transcription.completed"


class Talk:
    """The Responses API over a WebSocket."""

    endpoint = responses.RESPONSES
    version = 0
    """Changes whenever what a request says does."""

    def __init__(self, model: str | None) -> None:
        self._model = model

    def said(self, event: Object) -> None:
        """The host sent this."""

    def heard(self, event: Object) -> None:
        """The server sent this."""

    def request(self, create: Object | None, response: Object) -> JSON:
        """What `response` is asked with: by the host's `create`, else as the server says that it goes on by itself."""
        return rest(create, *_ENVELOPE) if create is not None else {name: response.get(name) for name in _INHERITED}

    def model(self, create: Object | None, response: Object) -> str | None:
        """The model that is asked."""
        return some_text(create or {}, "model") or some_text(response, "model") or self._model

    @property
    def answers_as(self) -> str | None:
        """The model that answers, where the answers do not name it."""
        return None

    def refuses(self, error: Object, create: Object | None) -> bool:
        """Whether an `error` event is the answer to `create`."""
        return True


class SpokenTalk(Talk):
    """The Realtime API."""

    endpoint = realtime.REALTIME

    def __init__(self, model: str | None) -> None:
        super().__init__(model)
        self._session: Object = {}
        self._items: dict[Any, Object] = {}
        self._unconfirmed: list[Object] = []
        """Items that the host sent and the server has not yet taken up."""

    def said(self, event: Object) -> None:
        if event.get("type") == "conversation.item.create":
            self._unconfirmed.append(member(event, "item"))

    def heard(self, event: Object) -> None:
        kind = event.get("type")
        if kind in _SESSIONS:
            self._session = member(event, "session")
        elif kind in _ITEMS:
            self._put(member(event, "item"), some_text(event, "previous_item_id"))
        elif kind == "conversation.item.deleted":
            self._items.pop(event.get("item_id"), None)
        elif kind == _HEARD:
            self._transcribed(event)
        else:
            return
        self.version += 1

    def request(self, create: Object | None, response: Object) -> JSON:
        said = [*self._items.values(), *self._unconfirmed]
        return {"session": self._session, "response": member(create or {}, "response"), "conversation": said}

    def model(self, create: Object | None, response: Object) -> str | None:
        return self._model or some_text(self._session, "model")

    @property
    def answers_as(self) -> str | None:
        return some_text(self._session, "model")

    def refuses(self, error: Object, create: Object | None) -> bool:
        """Most errors are about something else, such as an item that was no good, and the conversation goes on."""
        named = some_text(error, "event_id")
        if named is not None:
            return create is not None and create.get("event_id") == named
        return create is not None and some_text(error, "code") == "conversation_already_has_active_response"

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
