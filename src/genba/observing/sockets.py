"""The methods that a WebSocket's messages pass, observed: those of a class, or of one object that keeps its type.

A connection lives for hours and has no span of its own; its `Dialogue` has one for each turn. What the host sends and what it receives
may pass at once, in two threads or tasks.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

from opentelemetry.context import Context, get_current

from .. import harmless
from ..conversation.encoding import decode
from ..recording import signals
from .around import Function, around, around_async
from .dialogues import Dialogue, Message, Talk, Turn
from .patching import Wrap

_SENDING = "genba-sending"
"""In the context while a `send` of ours is at work: what it calls to send is the same message again."""

Says = Callable[[tuple[Any, ...], dict[str, Any]], tuple[Dialogue | None, Message, int]]
"""The arguments of a method that sends -> where it is said, what, and its bytes, as far as they are known."""
Belongs = Callable[[tuple[Any, ...]], Dialogue | None]
"""The arguments of any other method -> the dialogue of its connection."""


def sending(says: Says) -> Wrap:
    """Around a method that sends a message."""
    return _wrapped(functools.partial(_sends, says), _sending_failed, lambda _, result: result)


def receiving(belongs: Belongs) -> Wrap:
    """Around a method that returns a message's text or bytes."""
    return _wrapped(functools.partial(_receives, belongs), _receiving_failed, _received)


def closing(belongs: Belongs) -> Wrap:
    """Around a method that closes the connection."""
    return _wrapped(functools.partial(_closes, belongs), _sending_failed, lambda _, result: result)


def connecting(talk: Callable[[tuple[Any, ...], dict[str, Any]], Talk], function: Function) -> Function:
    """Around what gives the asynchronous context manager of a connection; `talk` makes of its arguments what is talked on it."""

    @functools.wraps(function)
    def connect(*args: Any, **kwargs: Any) -> Any:
        manager = function(*args, **kwargs)
        if signals.current() is None:
            return manager
        with harmless.guard("looking at what is connected to"):
            return _Connection(manager, Dialogue(talk(args, kwargs)))
        return manager

    return connect


class _Connection:
    """Stands for the context manager that the library opens and closes itself."""

    def __init__(self, manager: Any, dialogue: Dialogue) -> None:
        self._manager = manager
        self._dialogue = dialogue

    async def __aenter__(self) -> Any:
        socket = await self._manager.__aenter__()
        with harmless.guard("listening to a connection"):
            _listen(socket, self._dialogue)
        return socket

    async def __aexit__(self, *error: object) -> Any:
        return await self._manager.__aexit__(*error)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._manager, name)


def _listen(socket: Any, dialogue: Dialogue) -> None:
    """See all that passes this one socket from here on."""

    def says(args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Dialogue, Message, int]:
        data = args[0] if args else next(iter(kwargs.values()))
        return dialogue, read(data), _size(data)

    socket.send = sending(says)(socket.send)
    socket.recv = receiving(lambda _: dialogue)(socket.recv)
    socket.close = closing(lambda _: dialogue)(socket.close)


def read(data: Any) -> Message:
    """The object that a message's text or bytes are; an empty one if they are none."""
    try:
        said = decode(data.encode() if isinstance(data, str) else data)
    except (ValueError, TypeError):  # none of ours
        return {}
    return said if isinstance(said, dict) else {}


def _size(data: Any) -> int:
    return len(data) if isinstance(data, (str, bytes)) else 0


class _Step:
    """A connection's method at work."""

    __slots__ = ("context", "dialogue", "instead", "turn")

    def __init__(self, dialogue: Dialogue, turn: Turn | None = None, *, is_sending: bool = False) -> None:
        context = get_current() if turn is None else turn.context
        self.context = Context({**context, _SENDING: True}) if is_sending else context
        self.instead = None
        self.dialogue = dialogue
        self.turn = turn


def _sends(says: Says, args: tuple[Any, ...], kwargs: dict[str, Any]) -> _Step | None:
    if signals.current() is None or get_current().get(_SENDING):
        return None
    with harmless.guard("reading what is sent over a WebSocket"):
        dialogue, message, size = says(args, kwargs)
        if dialogue is not None:
            return _Step(dialogue, dialogue.sent(message, size), is_sending=True)
    return None


def _sending_failed(step: _Step, error: BaseException) -> None:
    with harmless.guard("recording an error"):
        if step.turn is not None:
            step.dialogue.withdrawn(step.turn, error)


def _receives(belongs: Belongs, args: tuple[Any, ...], _: Any) -> _Step | None:
    if signals.current() is None:
        return None
    with harmless.guard("looking at a WebSocket"):
        dialogue = belongs(args)
        return None if dialogue is None else _Step(dialogue)
    return None


def _receiving_failed(step: _Step, error: BaseException) -> None:
    """A wait that was cancelled loses nothing; a connection that was closed is lost."""
    if any(kind.__name__.startswith("ConnectionClosed") for kind in type(error).__mro__):
        with harmless.guard("ending the turns of a lost connection"):
            step.dialogue.ended(error)


def _received(step: _Step, data: Any) -> Any:
    try:
        step.dialogue.received(read(data), _size(data))
    except Exception as error:  # noqa: BLE001  # a bare `try`: this is the hot path
        harmless.failed("reading what came over a WebSocket", error)
    return data


def _closes(belongs: Belongs, args: tuple[Any, ...], _: Any) -> _Step | None:
    if signals.current() is not None:
        with harmless.guard("ending the turns of a closed connection"):
            dialogue = belongs(args)
            if dialogue is not None:
                dialogue.ended()
    return None


def _wrapped(begin: Any, left: Any, returned: Any) -> Wrap:
    def wrap(original: Function) -> Function:
        return (around_async if inspect.iscoroutinefunction(original) else around)(original, begin, left, returned)

    return wrap
