"""A local HTTP server that plays a model provider to real clients: the test says what is served, when, and how it ends.

Nothing here knows a provider; `openai_wire` and `anthropic_wire` hold the bodies.
"""

from __future__ import annotations

import asyncio
import json
import select
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal, TypeAlias

PATIENCE = 20.0
"""How long a held-back answer waits for its client at most, so that a broken test ends."""


@dataclass(frozen=True)
class Received:
    """One request as it came in."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True)
class Answer:
    """A whole body at once. `then` says how: sent, cut off in its middle, or never sent while the client waits."""

    body: bytes
    status: int = 200
    content_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)
    then: Literal["end", "cut", "stall"] = "end"


@dataclass(frozen=True)
class Pace:
    """Holds the events of a stream back until the test lets them go."""

    allowed: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))

    def release(self, events: int = 1) -> None:
        self.allowed.release(events)


@dataclass(frozen=True)
class Stream:
    """Server-sent events, each flushed by itself. `then` says what follows the last: the end, a cut connection, or silence."""

    events: Sequence[bytes]
    then: Literal["end", "cut", "stall"] = "end"
    pace: Pace | None = None
    status: int = 200
    content_type: str = "text/event-stream"
    headers: Mapping[str, str] = field(default_factory=dict)


Reply: TypeAlias = Answer | Stream


def json_answer(value: Any, status: int = 200, **more: Any) -> Answer:
    """A JSON body."""
    return Answer(json.dumps(value).encode(), status, **more)


async def until_asked(server: Server) -> None:
    """Wait until a request has come."""
    while not server.received:  # noqa: ASYNC110  # it comes in a thread
        await asyncio.sleep(0.01)


def sse(data: Any, event: str | None = None) -> bytes:
    """One server-sent event. Text goes out as it is, anything else as JSON."""
    text = data if isinstance(data, str) else json.dumps(data)
    return (f"event: {event}\n" if event else "").encode() + f"data: {text}\n\n".encode()


NOTHING = Answer(b'{"error": {"message": "nothing to serve"}}', 501)


class Server:
    """Serves `reply` to every request, or the replies in `queue` first. Keeps what it received."""

    def __init__(self) -> None:
        self.received: list[Received] = []
        self.queue: deque[Reply] = deque()
        self.reply: Reply | Callable[[Received], Reply] = NOTHING
        self.closing = threading.Event()
        self._http = _Listener(("127.0.0.1", 0), _Handler)
        self._http.owner = self
        threading.Thread(target=self._http.serve_forever, args=(0.05,), daemon=True, name="wire").start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._http.server_port}"

    @property
    def port(self) -> int:
        return self._http.server_port

    def serve(self, reply: Reply | Callable[[Received], Reply]) -> None:
        """Answer everything with `reply` from now on; forget what was received."""
        self.received.clear()
        self.queue.clear()
        self.reply = reply

    def answer(self, request: Received) -> Reply:
        self.received.append(request)
        if self.queue:
            return self.queue.popleft()
        return self.reply(request) if callable(self.reply) else self.reply

    def close(self) -> None:
        self.closing.set()
        self._http.shutdown()
        self._http.server_close()


class _Listener(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 256
    owner: Server

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is what many tests are about."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def date_time_string(self, timestamp: float | None = None) -> str:
        """One and the same: some clients hand the headers to the host, and two plays are compared."""
        return "Mon, 23 Nov 2026 12:00:00 GMT"

    def do_POST(self) -> None:
        length = int(self.headers.get("content-length") or 0)
        owner = self._owner
        reply = owner.answer(Received(self.command, self.path, dict(self.headers.items()), self.rfile.read(length)))
        if isinstance(reply, Stream):
            self._stream(reply)
        else:
            self._answer(reply)

    do_GET = do_DELETE = do_PUT = do_PATCH = do_POST

    @property
    def _owner(self) -> Server:
        assert isinstance(self.server, _Listener)
        return self.server.owner

    def _answer(self, reply: Answer) -> None:
        if reply.then == "stall":
            self._wait_until_the_client_leaves()
            return
        self._head(reply, ("content-length", str(len(reply.body))))
        self.wfile.write(reply.body if reply.then == "end" else reply.body[: len(reply.body) // 2])
        if reply.then == "cut":
            self._hang_up()

    def _stream(self, reply: Stream) -> None:
        self._head(reply, ("transfer-encoding", "chunked"))
        for event in reply.events:
            if reply.pace and not reply.pace.allowed.acquire(timeout=PATIENCE):
                break
            self.wfile.write(b"%x\r\n%s\r\n" % (len(event), event))
            self.wfile.flush()
        if reply.then == "stall":
            self._wait_until_the_client_leaves()
        elif reply.then == "cut":
            self._hang_up()
        else:
            self.wfile.write(b"0\r\n\r\n")

    def _head(self, reply: Reply, size: tuple[str, str]) -> None:
        self.send_response(reply.status)
        for name, value in (("content-type", reply.content_type), size, *reply.headers.items()):
            self.send_header(name, value)
        self.end_headers()

    def _wait_until_the_client_leaves(self) -> None:
        for _ in range(int(PATIENCE / 0.1)):
            readable, _, _ = select.select([self.connection], [], [], 0.1)
            if readable or self._owner.closing.is_set():
                break
        self._hang_up()

    def _hang_up(self) -> None:
        self.close_connection = True
        self.connection.close()
