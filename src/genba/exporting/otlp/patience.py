"""Wait for a server's answer in small steps, doing other work in between: there is one thread, and a slow server must not have it.

It stands below `requests`, where the connection's socket is read: everything above (TLS, proxies, certificates) stays as it is.
"""

from __future__ import annotations

import http.client
import io
import socket
import time
from collections.abc import Callable
from typing import Any

from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

STEP = 0.05
"""Seconds between two looks at what else there is to do."""

Meanwhile = Callable[[], None]


class Waiting:
    """What is done while somebody waits for a server: set anew for each request."""

    def __init__(self) -> None:
        self.meanwhile: Meanwhile = lambda: None
        self.timeout = 10.0


class PatientAdapter(HTTPAdapter):
    """Takes requests to the network in connections that wait patiently."""

    def __init__(self, waiting: Waiting) -> None:
        self._waiting = waiting
        super().__init__(max_retries=0)

    def init_poolmanager(self, *how: Any, **more: Any) -> None:
        super().init_poolmanager(*how, **more)
        self.poolmanager.pool_classes_by_scheme = _pools(self._waiting)

    def proxy_manager_for(self, proxy: str, **more: Any) -> Any:
        manager = super().proxy_manager_for(proxy, **more)
        manager.pool_classes_by_scheme = _pools(self._waiting)
        return manager


def _pools(waiting: Waiting) -> dict[str, Any]:
    def patiently(connection: Any, kind: type[http.client.HTTPResponse] = http.client.HTTPResponse) -> Any:
        class Response(kind):  # type: ignore[valid-type, misc]
            def __init__(self, sock: Any, *how: Any, **more: Any) -> None:
                super().__init__(_Watched(sock, waiting), *how, **more)

        class Patient(connection):  # type: ignore[misc]
            response_class = Response

        return Patient

    class Plain(HTTPConnectionPool):
        ConnectionCls = patiently(HTTPConnection)

    class Secure(HTTPSConnectionPool):
        ConnectionCls = patiently(HTTPSConnection)

    return {"http": Plain, "https": Secure}


class _Watched:
    """A socket, as far as a response reads it."""

    def __init__(self, sock: Any, waiting: Waiting) -> None:
        self._sock = sock
        self._waiting = waiting

    def makefile(self, mode: str = "rb", *how: Any) -> io.BufferedReader:
        return io.BufferedReader(_Steps(self._sock.makefile("rb", 0), self._sock, self._waiting))


class _Steps(io.RawIOBase):
    """Reads a socket step by step, until the request's time is up."""

    def __init__(self, keeps_open: Any, sock: Any, waiting: Waiting) -> None:
        self._keeps_open = keeps_open  # the socket stays open for as long as there are files on it
        self._sock = sock
        self._waiting = waiting
        self._until = time.monotonic() + waiting.timeout

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while True:
            is_last = time.monotonic() >= self._until
            self._sock.settimeout(STEP)
            try:
                return int(self._sock.recv_into(buffer))
            except (TimeoutError, socket.timeout):  # noqa: UP041  # not the same before Python 3.10's end in TLS
                if is_last:
                    raise
            self._waiting.meanwhile()

    def close(self) -> None:
        if not self.closed:
            self._keeps_open.close()
        super().close()
