"""A connection on which both sides send when they like: all that belongs to one answer of the model is one call, a turn.

A turn begins when the host asks for an answer, or when the server speaks of its own accord, and ends when the server says so, or with
the connection. A provider's `Talk` says which message does what; `sockets` sees them pass.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from time import time_ns
from typing import Any, Literal

from opentelemetry.context import Context, get_current

from .. import semconv
from ..conversation import JSON
from ..conversation.encoding import readable
from ..semconv import Outcome
from .beginning import begun
from .call import Call
from .endpoint import Endpoint
from .streams import left_behind

Message = dict[str, Any]
"""One message, as the wire's own JSON object."""

MAX_BYTES = 16 << 20
"""What is kept of one turn's messages; of a longer one, such as a long recording, the beginning and the end are."""

ANEW: Literal["anew"] = "anew"
"""A message of the server's that begins a turn nobody asked for."""


class Turn:
    """One answer of the model in the making."""

    __slots__ = ("_asked", "_call", "_events", "_room", "asking", "memo", "opening")

    def __init__(self, call: Call | None, asking: Message | None, opening: Message | None) -> None:
        self._call = call
        """None if it is not to be recorded."""
        self.asking = asking
        """The host's message that asked for it; None if the server began it by itself."""
        self.opening = opening
        """The server's first message of it."""
        self.memo: Any = None
        """Whatever the provider's `Talk` wants to remember of it."""
        self._asked: JSON = None
        self._room = MAX_BYTES
        self._events: list[tuple[int, JSON]] = []
        if call is not None:
            call.streams(self._events.copy, lambda: self._events[-1][1] if self._events else None)

    @property
    def context(self) -> Context:
        """What is current while it is asked for."""
        return get_current() if self._call is None else self._call.context

    def asks(self, talk: Talk) -> None:
        """What it is asked with, as far as that is known by now: some is said in its midst, or written down only later."""
        call = self._call
        if call is not None and call.invocation.is_recording:
            body = talk.request(self)
            if body != self._asked:
                self._asked = body
                call.asked(body)

    def add(self, message: Message, size: int, *, is_last: bool) -> None:
        """This came for it."""
        if self._call is not None:
            self._room -= size
            if self._room > 0 or is_last:
                self._events.append((time_ns(), message))

    def ends(self, talk: Talk, error: BaseException | None = None) -> None:
        """It is over: with `error`, else as its last message says, else as cancelled."""
        call = self._call
        if call is None or call.ended:
            return
        self.asks(talk)
        call.attributes = {**talk.known(self), **call.attributes}
        call.took(len(self._events))
        if error is None:
            call.stopped(Outcome.CANCELLED)
        else:
            call.failed(error)

    def is_left(self) -> None:
        """Nobody will hear of it any more. Runs in a finaliser."""
        if self._call is not None and not self._call.ended:
            self._call.took(len(self._events))
            left_behind(self._call)


class Talk:
    """What is said on one connection, in a provider's words. Its questions are asked on the host's thread, and may raise."""

    endpoint: Endpoint
    """Reads what `request` gives, and folds the server's messages of a turn."""

    def said(self, message: Message, size: int) -> None:
        """The host sends this; `size` is its bytes, as far as they are known."""

    def heard(self, message: Message) -> None:
        """The server has sent this."""

    def asks(self, message: Message, turns: Sequence[Turn]) -> bool:
        """Whether this message of the host's begins a turn, while `turns` are under way."""
        raise NotImplementedError

    def turn_of(self, message: Message, turns: Sequence[Turn]) -> Turn | Literal["anew"] | None:
        """The one of `turns` that this message of the server's belongs to; `ANEW` if it begins one; None if it belongs to none."""
        raise NotImplementedError

    def ends(self, message: Message) -> bool:
        """Whether this is the last message of the turn that it belongs to."""
        raise NotImplementedError

    def attributes(self, asking: Message | None, opening: Message | None) -> Mapping[str, Any]:
        """What is known of a turn when it begins: provider, model, server."""
        raise NotImplementedError

    def request(self, turn: Turn) -> JSON:
        """All that `turn` is asked with, as the endpoint reads it."""
        raise NotImplementedError

    def known(self, turn: Turn) -> Mapping[str, Any]:
        """Further attributes of a turn that has ended."""
        return {}

    def over(self, turn: Turn) -> None:
        """The turn is over, and was asked for its request."""


class Dialogue:
    """One connection, and the turns that are under way on it."""

    def __init__(self, talk: Talk) -> None:
        self._talk = talk
        self._turns: list[Turn] = []

    def sent(self, message: Message, size: int = 0) -> Turn | None:
        """The host sends this: the turn that it begins, if it does."""
        self._talk.said(message, size)
        return self._begin(message, None) if self._talk.asks(message, self._turns) else None

    def withdrawn(self, turn: Turn, error: BaseException) -> None:
        """What asked for it could not be sent."""
        self._over(turn, error)

    def received(self, message: Message, size: int = 0) -> None:
        """The server has sent this."""
        self._talk.heard(message)
        turn = self._talk.turn_of(message, self._turns)
        if turn is None:
            return
        if turn == ANEW:
            turn = self._begin(None, message)
        elif turn.opening is None:
            turn.opening = message
            turn.asks(self._talk)
        is_last = self._talk.ends(message)
        turn.add(message, size, is_last=is_last)
        if is_last:
            self._over(turn)

    def ended(self, error: BaseException | None = None) -> None:
        """The connection was closed by the host, or lost with `error`."""
        for turn in [*self._turns]:
            self._over(turn, error)

    def __del__(self) -> None:
        for turn in self._turns:
            turn.is_left()

    def _begin(self, asking: Message | None, opening: Message | None) -> Turn:
        call = begun(self._talk.endpoint, self._start_attributes, asking, opening)
        turn = Turn(call, asking, opening)
        self._turns.append(turn)
        turn.asks(self._talk)
        return turn

    def _start_attributes(self, asking: Message | None, opening: Message | None) -> dict[str, Any]:
        known = {semconv.OPERATION_NAME: self._talk.endpoint.operation, **self._talk.attributes(asking, opening)}
        model = known.get(semconv.REQUEST_MODEL)
        if isinstance(model, str):
            known[semconv.REQUEST_MODEL] = readable(model)
        return {name: value for name, value in known.items() if value}

    def _over(self, turn: Turn, error: BaseException | None = None) -> None:
        if turn in self._turns:
            self._turns.remove(turn)
        turn.ends(self._talk, error)
        self._talk.over(turn)
