"""A relay between a client and a model's server that hands every byte on as it comes, and keeps it."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, overload
from urllib.parse import urlsplit

from support.wire import Answer, Received, Reply, Server, Stream


@dataclass
class Exchange:
    """What went over the wire for one request."""

    request: Received
    status: int = 0
    body: bytearray = field(default_factory=bytearray)

    @property
    def asked(self) -> Any:
        return self.request.json

    @property
    def answered(self) -> Any:
        return json.loads(bytes(self.body))

    @property
    def events(self) -> list[Any]:
        """The JSON of every server-sent event."""
        lines = (line[5:].strip() for line in bytes(self.body).split(b"\n") if line.startswith(b"data:"))
        return [json.loads(line) for line in lines if line != b"[DONE]"]


class Wire:
    """Passes everything on to the model's server, and its answers back as they come."""

    def __init__(self, model: str) -> None:
        self.exchanges: list[Exchange] = []
        self._model = urlsplit(model).netloc
        self._server = Server()
        self._server.serve(self._relay)

    @property
    def url(self) -> str:
        return self._server.url

    @property
    def port(self) -> int:
        return self._server.port

    @property
    def last(self) -> Exchange:
        return self.exchanges[-1]

    def close(self) -> None:
        self._server.close()

    def _relay(self, request: Received) -> Reply:
        connection = http.client.HTTPConnection(self._model, timeout=60)
        connection.request(request.method, request.path, request.body or None, {"content-type": "application/json"})
        response = connection.getresponse()
        exchange = Exchange(request, response.status)
        self.exchanges.append(exchange)
        kind = response.headers.get("content-type", "")
        if "event-stream" in kind:
            return Stream(Passing(response, exchange), content_type=kind)
        exchange.body += response.read()
        return Answer(bytes(exchange.body), response.status, content_type=kind)


class Passing(Sequence[bytes]):
    """The lines of a stream, each handed on when it arrives. Can be gone through once."""

    def __init__(self, response: http.client.HTTPResponse, exchange: Exchange) -> None:
        self._response = response
        self._exchange = exchange

    def __iter__(self) -> Iterator[bytes]:
        while line := self._response.readline():
            self._exchange.body += line
            yield line

    @overload
    def __getitem__(self, index: int) -> bytes: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[bytes]: ...
    def __getitem__(self, index: int | slice) -> bytes | Sequence[bytes]:
        raise NotImplementedError

    def __len__(self) -> int:
        raise NotImplementedError
