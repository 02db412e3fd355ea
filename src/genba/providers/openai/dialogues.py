"""The responses of one connection: which message belongs to which, and when each of them is over.

The server begins some by itself: when it hears that the user has finished speaking, or to go on with what it was told meanwhile.
"""

from __future__ import annotations

from time import time_ns
from typing import Any
from urllib.parse import parse_qs, urlsplit

from opentelemetry.context import Context, get_current

from ... import semconv
from ...conversation import JSON
from ...observing.beginning import begun
from ...observing.call import Call
from ...observing.streams import left_behind
from ...semconv import Outcome
from ..json_fields import Object, member
from .hosts import provider_name
from .talks import Talk

_ENDS = frozenset({"response.done", "response.completed", "response.failed", "response.incomplete", "response.cancelled"})


class Turn:
    """A response in the making."""

    __slots__ = ("_call", "_events", "create", "version")

    def __init__(self, call: Call | None, create: Object | None) -> None:
        self._call = call
        """None if it is not to be recorded."""
        self.create = create
        self.version = -1
        self._events: list[tuple[int, JSON]] = []
        if call is not None:
            call.streams(self._events.copy, lambda: self._events[-1][1] if self._events else None)

    @property
    def context(self) -> Context:
        """What is current while it is asked for."""
        return get_current() if self._call is None else self._call.context

    @property
    def lane(self) -> Any:
        """Where it is made, on a connection on which several are at a time."""
        return (self.create or {}).get("stream_id")

    def asks(self, talk: Talk, response: Object) -> None:
        """What it is asked with, as far as that is known by now: words may be written down after they were answered."""
        call = self._call
        if call is not None and self.version != talk.version and call.invocation.is_recording:
            self.version = talk.version
            call.asked(talk.request(self.create, response))

    def add(self, event: Object) -> None:
        """This came for it."""
        if self._call is not None:
            self._events.append((time_ns(), event))

    def ends(self, talk: Talk | None = None) -> None:
        """It is over: as its last event says, else as cancelled."""
        call = self._call
        if call is None:
            return
        if talk is not None:
            self.asks(talk, {})
            if talk.answers_as is not None:
                call.attributes = {semconv.RESPONSE_MODEL: talk.answers_as, **call.attributes}
        call.took(len(self._events))
        call.stopped(Outcome.CANCELLED)

    def fails(self, error: BaseException) -> None:
        """It could not be asked for, or will not come."""
        if self._call is not None:
            self._call.took(len(self._events))
            self._call.failed(error)

    def is_left(self) -> None:
        """Nobody will hear of it any more. Runs in a finaliser."""
        if self._call is not None and not self._call.ended:
            self._call.took(len(self._events))
            left_behind(self._call)


class Dialogue:
    """One connection: who is talked to, and the responses that are not over."""

    def __init__(self, connection: Any, talk: type[Talk]) -> None:
        self._asked: list[Turn] = []
        """Asked for and not yet begun."""
        self._running: dict[Any, Turn] = {}
        """Begun, by the response's id."""
        request = connection._connection.request  # noqa: SLF001  # the one who knows where it went
        host = urlsplit(f"//{request.headers.get('Host') or ''}")
        self._host, self._port = host.hostname or "", host.port or 443
        self._talk = talk(next(iter(parse_qs(urlsplit(request.path).query).get("model", ())), None))

    def sent(self, event: Object) -> Turn | None:
        """The host sends this: the turn that it begins, if it does."""
        self._talk.said(event)
        if event.get("type") != "response.create":
            return None
        self._asked.append(self._begin(event, {}))
        return self._asked[-1]

    def withdrawn(self, turn: Turn, error: BaseException) -> None:
        """It could not be sent."""
        if turn in self._asked:
            self._asked.remove(turn)
        turn.fails(error)

    def received(self, event: Object) -> None:
        """The server sends this."""
        kind = str(event.get("type"))
        if kind == "error":
            self._refused(event)
        elif not kind.startswith("response."):
            self._talk.heard(event)
        else:
            turn = self._created(event) if kind == "response.created" else self._turn_of(event)
            if turn is not None:
                turn.add(event)
                if kind in _ENDS:
                    self._over(turn)

    def ended(self, error: BaseException | None = None) -> None:
        """The connection was closed by the host, or lost with `error`."""
        for turn in self._all():
            if error is None:
                turn.ends()
            else:
                turn.fails(error)
        self._asked.clear()
        self._running.clear()

    def __del__(self) -> None:
        for turn in self._all():
            turn.is_left()

    def _all(self) -> list[Turn]:
        return [*self._asked, *self._running.values()]

    def _begin(self, create: Object | None, response: Object) -> Turn:
        call = begun(self._talk.endpoint, self._start_attributes, self._talk.model(create, response))
        turn = Turn(call, create)
        turn.asks(self._talk, response)
        return turn

    def _start_attributes(self, model: str | None) -> dict[str, Any]:
        known = {
            semconv.OPERATION_NAME: self._talk.endpoint.operation,
            semconv.PROVIDER_NAME: provider_name("", self._host),
            semconv.REQUEST_MODEL: model,
            semconv.SERVER_ADDRESS: self._host,
            semconv.SERVER_PORT: self._port,
            semconv.REQUEST_STREAM: True,
        }
        return {name: value for name, value in known.items() if value}

    def _created(self, event: Object) -> Turn:
        response = member(event, "response")
        turn = next((turn for turn in self._asked if turn.lane == event.get("stream_id")), None)
        if turn is None:
            turn = self._begin(None, response)
        else:
            self._asked.remove(turn)
            turn.asks(self._talk, response)
        self._running[response.get("id")] = turn
        return turn

    def _turn_of(self, event: Object) -> Turn | None:
        """Whose event this is: it may say so, else it is that of the only response in its lane."""
        id = event.get("response_id") or member(event, "response").get("id")
        if id is not None:
            return self._running.get(id)
        return next((turn for turn in self._running.values() if turn.lane == event.get("stream_id")), None)

    def _over(self, turn: Turn) -> None:
        if turn in self._asked:
            self._asked.remove(turn)
        self._running = {id: other for id, other in self._running.items() if other is not turn}
        turn.ends(self._talk)

    def _refused(self, event: Object) -> None:
        error = member(event, "error") or event
        lane = [turn for turn in (*self._running.values(), *self._asked) if turn.lane == event.get("stream_id")]
        turn = next((turn for turn in lane if self._talk.refuses(error, turn.create)), None)
        if turn is not None:
            turn.add(event)
            self._over(turn)
