"""A conversation over a socket: both sides send when they like, and what belongs to one turn of the model is one call.

The socket keeps its type; its `send` and `recv` are replaced on the object itself. A turn begins when the host asks for an answer, or
when the server speaks of its own accord, and ends when the server says so, or with the connection.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from time import time_ns
from types import TracebackType
from typing import Any

from .. import harmless, semconv
from ..conversation import JSON
from ..conversation.encoding import decode, readable
from ..recording import signals
from ..semconv import Outcome
from .around import Function
from .beginning import begun
from .call import Call
from .endpoint import Endpoint
from .streams import left_behind

MAX_BYTES = 16 << 20
"""What is kept of a turn's messages; of a longer one, such as a long recording, the beginning is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Speech:
    """How a kind of conversation goes. Messages are the wire's own JSON objects; the questions are asked on the host's thread."""

    endpoint: Endpoint
    """Reads `{"settings": {…}, "sent": [messages]}` as the request, and folds the server's messages of one turn."""
    settings: Callable[[JSON], Mapping[str, JSON] | None]
    """A message of the host's -> what it settles for all turns to come; None if it is part of a turn."""
    asks: Callable[[JSON], bool]
    """Whether this message of the host's asks the model for an answer."""
    begins: Callable[[JSON], bool]
    """Whether this message of the server's is part of an answer."""
    ends: Callable[[JSON], bool]
    """Whether it is the last one."""
    attributes: Callable[[str, Mapping[str, JSON]], Mapping[str, Any]]
    """The address and the settings -> what is known of every turn: provider, model, server."""


def connecting(speech: Speech, function: Function) -> Function:
    """Around what opens a connection, given its address first, and gives an asynchronous context manager."""

    @functools.wraps(function)
    def connect(*args: Any, **kwargs: Any) -> Any:
        manager = function(*args, **kwargs)
        address = args[0] if args else kwargs.get("uri")
        return manager if signals.current() is None else _Connection(manager, Dialogue(speech, str(address)))

    return connect


class _Connection:
    """Stands for the context manager that the library opens and closes itself."""

    def __init__(self, manager: Any, dialogue: Dialogue) -> None:
        self._manager = manager
        self._dialogue = dialogue

    async def __aenter__(self) -> Any:
        socket = await self._manager.__aenter__()
        with harmless.guard("listening to a connection"):
            self._dialogue.listen(socket)
        return socket

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> Any:
        self._dialogue.closed()
        return await self._manager.__aexit__(kind, error, trace)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._manager, name)


class Dialogue:
    """One connection, and the turn that is under way on it."""

    def __init__(self, speech: Speech, address: str) -> None:
        self._speech = speech
        self._address = address
        self._settings: dict[str, JSON] = {}
        self._sent: list[JSON] = []
        self._received: list[tuple[int, JSON]] = []
        self._room = MAX_BYTES
        self._call: Call | None = None

    def listen(self, socket: Any) -> None:
        """See all that passes from here on."""
        send, recv = socket.send, socket.recv

        @functools.wraps(send)
        async def sending(message: Any, *args: Any, **kwargs: Any) -> Any:
            self.sent(message)
            return await send(message, *args, **kwargs)

        @functools.wraps(recv)
        async def receiving(*args: Any, **kwargs: Any) -> Any:
            try:
                message = await recv(*args, **kwargs)
            except Exception as error:
                self.broke(error)
                raise
            self.received(message)
            return message

        socket.send, socket.recv = sending, receiving

    def sent(self, message: Any) -> None:
        """The host sends this."""
        with harmless.guard("listening to what is sent"):
            said = _read(message)
            settled = self._speech.settings(said)
            if settled is not None:
                self._settings.update(settled)
                return
            self._keep(self._sent, said, message)
            if self._call is None and self._speech.asks(said):
                self._begin()

    def received(self, message: Any) -> None:
        """The server has sent this."""
        with harmless.guard("listening to what is received"):
            said = _read(message)
            if self._call is None and self._speech.begins(said):
                self._begin()
            if self._call is None:
                return
            self._keep(self._received, (time_ns(), said), message)
            if self._speech.ends(said):
                self._end(lambda call: call.drained())

    def broke(self, error: Exception) -> None:
        """Nothing more comes."""
        with harmless.guard("ending a turn"):
            self._end(lambda call: call.failed(error))

    def closed(self) -> None:
        """The host has left."""
        with harmless.guard("ending a turn"):
            self._end(lambda call: call.stopped(Outcome.CANCELLED))

    def _begin(self) -> None:
        self._call = begun(self._speech.endpoint, self._attributes)

    def _attributes(self) -> dict[str, Any]:
        known = dict(self._speech.attributes(self._address, self._settings))
        model = known.get(semconv.REQUEST_MODEL)
        if isinstance(model, str):
            known[semconv.REQUEST_MODEL] = readable(model)
        return {semconv.OPERATION_NAME: self._speech.endpoint.operation, **known}

    def _end(self, how: Callable[[Call], None]) -> None:
        call, self._call = self._call, None
        if call is None:
            return
        sent, received = self._sent, self._received
        self._sent, self._received, self._room = [], [], MAX_BYTES
        if call.invocation.is_recording:
            # Only now is it known what all was sent: functions may have been called in the midst of it.
            call.asked({"settings": self._settings, "sent": sent})
            call.streams(lambda: received, lambda: received[-1][1] if received else None)
            call.took(len(received))
        how(call)

    def _keep(self, where: list[Any], said: Any, message: Any) -> None:
        self._room -= len(message)
        if self._room > 0:
            where.append(said)

    def __del__(self) -> None:
        if self._call is not None:
            self._end(left_behind)


def _read(message: Any) -> JSON:
    try:
        return decode(message.encode() if isinstance(message, str) else message)
    except ValueError:
        return None
