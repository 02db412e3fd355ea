"""A local WebSocket server that plays a model provider to real clients: the test says what is answered to what.

Nothing here knows a provider; `realtime_wire` and its like hold the messages.
"""

from __future__ import annotations

import contextlib
import json
import socket
import ssl
import threading
from collections.abc import Callable, Sequence
from typing import Any

Message = dict[str, Any]
Reply = Message | None
"""A message to send; None hangs up without a word."""


class SocketServer:
    """Greets each client, then answers each of its messages with what `answer` makes of it. Keeps what it received."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        from websockets.sync.server import serve

        self.received: list[Message] = []
        self.paths: list[str] = []
        self.greeting: Sequence[Reply] = ()
        self.answer: Callable[[Message], Sequence[Reply]] = lambda _: ()
        self._server = serve(self._talk, "127.0.0.1", 0, ssl=tls)
        threading.Thread(target=self._server.serve_forever, daemon=True, name="websocket wire").start()

    @property
    def port(self) -> int:
        port: int = self._server.socket.getsockname()[1]
        return port

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def serve(self, answer: Callable[[Message], Sequence[Reply]], greeting: Sequence[Reply] = ()) -> None:
        """Answer so from now on; forget what was received."""
        self.received.clear()
        self.paths.clear()
        self.answer, self.greeting = answer, greeting

    def close(self) -> None:
        self._server.shutdown()

    def _talk(self, connection: Any) -> None:
        from websockets.exceptions import ConnectionClosed

        self.paths.append(connection.request.path)
        with contextlib.suppress(ConnectionClosed):
            _send(connection, self.greeting)
            for data in connection:
                message = json.loads(data)
                self.received.append(message)
                _send(connection, self.answer(message))


def _send(connection: Any, replies: Sequence[Reply]) -> None:
    for reply in replies:
        if reply is None:
            connection.socket.shutdown(socket.SHUT_RDWR)  # to close it would not wake who reads from it
        else:
            connection.send(json.dumps(reply))
