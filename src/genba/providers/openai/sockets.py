"""OpenAI's WebSockets, Realtime and Responses: one call a response, from the host's `response.create` to the event that ends it.

What the host sends passes `send` (or `send_raw`, or a lane's `send`) of the client's own connection, what comes in `recv_bytes`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import parse_qs, urlsplit
from weakref import WeakKeyDictionary

from ...conversation.encoding import decode, encode
from ...observing.arguments import SENTINELS
from ...observing.dialogues import Dialogue
from ...observing.patching import Wrap
from ...observing.sockets import Says, closing, read, receiving, sending
from ...observing.wire import unwrapped
from ..json_fields import Object, as_object, some_text
from .talks import ResponsesTalk, SpokenTalk

_TALKS: dict[str, type[ResponsesTalk]] = {"RealtimeConnection": SpokenTalk, "ResponsesConnection": ResponsesTalk}
_KEPT = frozenset({"response.create", "conversation.item.create"})
"""What is looked at again later: copied, since the host may change it meanwhile. Sound, which most messages are, is not."""

_dialogues: WeakKeyDictionary[Any, Dialogue] = WeakKeyDictionary()


def dialogue(connection: Any) -> Dialogue | None:
    """The dialogue on a connection of the client's; None if it is of another kind."""
    found = _dialogues.get(connection)
    talk = _TALKS.get(type(connection).__name__.removeprefix("Async"))
    if found is None and talk is not None:
        request = connection._connection.request  # noqa: SLF001  # the one who knows where it went
        server = urlsplit(f"//{request.headers.get('Host') or ''}")
        model = next(iter(parse_qs(urlsplit(request.path).query).get("model", ())), None)
        found = _dialogues[connection] = Dialogue(talk(model, server.hostname or "", server.port or 443))
    return found


def _belongs(args: tuple[Any, ...]) -> Dialogue | None:
    return dialogue(args[0])


def _known(args: tuple[Any, ...]) -> Dialogue | None:
    return _dialogues.get(args[0])


def _says(connection_of: Callable[[Any], Any], event_of: Callable[[Any, Any], Object]) -> Says:
    def says(args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Dialogue | None, Object, int]:
        found = dialogue(connection_of(args[0]))
        if found is None:
            return None, {}, 0
        return found, event_of(args[0], args[1] if len(args) > 1 else next(iter(kwargs.values()))), 0

    return says


def _itself(connection: Any) -> Any:
    return connection


def _of_session(lane: Any) -> Any:
    return lane._session.connection  # noqa: SLF001  # a lane is a view of one connection


def _event(_: Any, message: Any) -> Object:
    said = as_object(unwrapped(message))
    event = {name: value for name, value in said.items() if type(value).__name__ not in SENTINELS}
    return as_object(decode(encode(event))) if some_text(event, "type") in _KEPT else event


def _in_lane(lane: Any, message: Any) -> Object:
    id = lane._state.stream_id  # noqa: SLF001  # the lane adds it itself, further in
    return _event(lane, message) if id is None else {**_event(lane, message), "stream_id": id}


def _frame(_: Any, data: Any) -> Object:
    return read(data)


def patches() -> Sequence[tuple[str, str, Wrap]]:
    """What is wrapped: module, attribute, wrapper. Older versions have other places than newer ones."""
    sockets = (
        ("openai.resources.realtime.realtime", "RealtimeConnection"),
        ("openai.resources.beta.realtime.realtime", "RealtimeConnection"),
        ("openai.resources.responses.responses", "ResponsesConnection"),
        ("openai.resources.beta.responses.responses", "ResponsesConnection"),
        ("openai._websocket_connection", "WebSocketConnectionBase"),
    )
    methods = {
        "send": sending(_says(_itself, _event)),
        "send_raw": sending(_says(_itself, _frame)),
        "recv_bytes": receiving(_belongs),
        "close": closing(_known),
    }
    lanes = ("openai.lib.responses_websocket._session", "ResponsesWebSocketLane", {"send": sending(_says(_of_session, _in_lane))})
    return [
        (module, f"{prefix}{kind}.{method}", wrap)
        for module, kind, wraps in (*((module, kind, methods) for module, kind in sockets), lanes)
        for prefix in ("", "Async")
        for method, wrap in wraps.items()
    ]
