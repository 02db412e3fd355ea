"""OpenAI's WebSockets, Realtime and Responses: one call a response, from the host's `response.create` to the event that ends it.

A connection lives for hours and has no span of its own. What the host sends passes `send` (or `send_raw`, or a lane's `send`), what
comes in passes `recv_bytes`; both may run at once, in two threads or tasks.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Sequence
from typing import Any
from weakref import WeakKeyDictionary

from opentelemetry.context import Context, get_current

from ... import harmless
from ...conversation.encoding import decode
from ...observing.around import Function, around, around_async
from ...observing.methods import SENTINELS
from ...observing.patching import Wrap
from ...observing.wire import unwrapped
from ...recording import signals
from ..json_fields import Object, as_object
from .dialogues import Dialogue, Turn
from .talks import SpokenTalk, Talk

_TALKS: dict[str, type[Talk]] = {"RealtimeConnection": SpokenTalk, "ResponsesConnection": Talk}
_SENDING = "genba-sending"
"""In the context while a `send` of ours is at work: what it calls to send is the same message again."""

_dialogues: WeakKeyDictionary[Any, Dialogue] = WeakKeyDictionary()


def _dialogue(connection: Any) -> Dialogue | None:
    found = _dialogues.get(connection)
    talk = _TALKS.get(type(connection).__name__.removeprefix("Async"))
    if found is None and talk is not None:
        found = _dialogues[connection] = Dialogue(connection, talk)
    return found


class _Step:
    """A connection's method at work."""

    __slots__ = ("context", "dialogue", "instead", "turn")

    def __init__(self, dialogue: Dialogue, turn: Turn | None = None, *, is_sending: bool = False) -> None:
        context = get_current() if turn is None else turn.context
        self.context = Context({**context, _SENDING: True}) if is_sending else context
        self.instead = None
        self.dialogue = dialogue
        self.turn = turn


def _sends(connection_of: Callable[[Any], Any], event_of: Callable[[Any, Any], Object], args: Any, kwargs: Any) -> _Step | None:
    if signals.current() is None or get_current().get(_SENDING):
        return None
    with harmless.guard("reading what is sent over a WebSocket"):
        dialogue = _dialogue(connection_of(args[0]))
        if dialogue is not None:
            message = args[1] if len(args) > 1 else next(iter(kwargs.values()))
            return _Step(dialogue, dialogue.sent(event_of(args[0], message)), is_sending=True)
    return None


def _sending_failed(step: _Step, error: BaseException) -> None:
    with harmless.guard("recording an error"):
        if step.turn is not None:
            step.dialogue.withdrawn(step.turn, error)


def _receives(args: Any, _: Any) -> _Step | None:
    if signals.current() is None:
        return None
    with harmless.guard("looking at a WebSocket"):
        dialogue = _dialogue(args[0])
        return None if dialogue is None else _Step(dialogue)
    return None


def _receiving_failed(step: _Step, error: BaseException) -> None:
    """A wait that was cancelled loses nothing; a connection that was closed is lost."""
    if any(kind.__name__.startswith("ConnectionClosed") for kind in type(error).__mro__):
        with harmless.guard("ending the responses of a lost connection"):
            step.dialogue.ended(error)


def _received(step: _Step, data: Any) -> Any:
    try:
        step.dialogue.received(_frame(None, data))
    except Exception as error:  # noqa: BLE001  # a bare `try`: this is the hot path
        harmless.failed("reading what came over a WebSocket", error)
    return data


def _closes(args: Any, _: Any) -> _Step | None:
    dialogue = _dialogues.get(args[0]) if signals.current() is not None else None
    if dialogue is not None:
        with harmless.guard("ending the responses of a closed connection"):
            dialogue.ended()
    return None


def _itself(connection: Any) -> Any:
    return connection


def _event(_: Any, message: Any) -> Object:
    event = as_object(unwrapped(message))
    return {name: value for name, value in event.items() if type(value).__name__ not in SENTINELS}


def _frame(_: Any, data: Any) -> Object:
    try:
        return as_object(decode(data.encode() if isinstance(data, str) else data))
    except ValueError:  # none of ours
        return {}


def _in_lane(lane: Any, message: Any) -> Object:
    id = lane._state.stream_id  # noqa: SLF001  # the lane adds it itself, further in
    return _event(lane, message) if id is None else {**_event(lane, message), "stream_id": id}


def _of_session(lane: Any) -> Any:
    return lane._session.connection  # noqa: SLF001  # a lane is a view of one connection


def _wrapped(begin: Any, left: Any, returned: Any) -> Wrap:
    def wrap(original: Function) -> Function:
        return (around_async if inspect.iscoroutinefunction(original) else around)(original, begin, left, returned)

    return wrap


def patches() -> Sequence[tuple[str, str, Wrap]]:
    """What is wrapped: module, attribute, wrapper. Older versions have other places than newer ones."""
    sends = functools.partial(functools.partial, _sends)
    done = _wrapped(sends(_itself, _event), _sending_failed, lambda _, result: result)
    raw = _wrapped(sends(_itself, _frame), _sending_failed, lambda _, result: result)
    lane = _wrapped(sends(_of_session, _in_lane), _sending_failed, lambda _, result: result)
    comes = _wrapped(_receives, _receiving_failed, _received)
    closes = _wrapped(_closes, _sending_failed, lambda _, result: result)
    sockets = (
        ("openai.resources.realtime.realtime", "RealtimeConnection"),
        ("openai.resources.beta.realtime.realtime", "RealtimeConnection"),
        ("openai.resources.responses.responses", "ResponsesConnection"),
        ("openai.resources.beta.responses.responses", "ResponsesConnection"),
        ("openai._websocket_connection", "WebSocketConnectionBase"),
    )
    methods = {"send": done, "send_raw": raw, "recv_bytes": comes, "close": closes}
    lanes = ("openai.lib.responses_websocket._session", "ResponsesWebSocketLane", {"send": lane})
    return [
        (module, f"{prefix}{kind}.{method}", wrap)
        for module, kind, wraps in (*((module, kind, methods) for module, kind in sockets), lanes)
        for prefix in ("", "Async")
        for method, wrap in wraps.items()
    ]
