"""Watch the body of an HTTP response while the host reads it: for raw responses, and to learn that one was closed.

The response keeps its type; only the byte stream inside it, which both httpx and httpx2 hold in `response.stream`, is replaced by one
that passes everything on. Bytes are kept as they came, compressed if the server compressed them, and decoded on the exporter's thread.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from time import time_ns
from typing import Any

from .. import harmless
from ..conversation import JSON
from ..conversation.encoding import decode
from ..semconv import Outcome
from . import sse
from .call import Call
from .streams import left_behind

MAX_BYTES = 64 << 20
"""Bytes of one body that are kept; of a longer one the beginning is."""


class Body:
    """What was read of a response body, and how that ended."""

    __slots__ = ("__weakref__", "_call", "_encoding", "_is_json", "_kept", "_package", "pieces", "times")

    def __init__(self, response: Any, call: Call) -> None:
        headers = response.headers
        self._call = call
        self._encoding = str(headers.get("content-encoding") or "")
        self._is_json = "event-stream" not in str(headers.get("content-type") or "")
        self._package = type(response).__module__.partition(".")[0]
        self._kept = 0
        self.pieces: list[bytes] = []
        self.times: list[int] = []
        if not self._is_json:
            # Not a method of ours: the call must not keep its body alive, whose end is to be noticed.
            events = functools.partial(_events, self.pieces, self.times, self._encoding, self._package)
            call.streams(self.times, events, functools.partial(_last_of, events))

    def took(self, piece: bytes) -> None:
        """The host read this piece."""
        if self._kept < MAX_BYTES:
            self._kept += len(piece)
            self.times.append(time_ns())
            self.pieces.append(piece)

    def finished(self) -> None:
        """The body came to its end."""
        with harmless.guard("ending a raw response"):
            if self._is_json:
                self._call.answered_later(self._json)
            else:
                self._call.drained()

    def broke(self, error: BaseException) -> None:
        """Reading it raised."""
        with harmless.guard("ending a failed raw response"):
            self._call.failed(error)

    def closed(self) -> None:
        """The host closed it. A reader of events closes at the last one, before the end of the bytes: that is its end."""
        if self._call.ended:
            return
        with harmless.guard("ending a raw response"):
            if self.pieces and b"[DONE]" in self.pieces[-1]:
                self._call.drained()
            else:
                self._call.stopped(Outcome.CANCELLED)

    def __del__(self) -> None:
        if not self._call.ended:
            left_behind(self._call)

    def _json(self) -> JSON:
        return decode(_decoded(self.pieces, self._encoding, self._package))


def _events(pieces: Sequence[bytes], times: Sequence[int], encoding: str, package: str) -> list[tuple[int, JSON]]:
    """The events in the bytes of a body, with their times."""
    if encoding:
        return list(sse.events([_decoded(pieces, encoding, package)], times[-1:]))
    return list(sse.events(pieces, times))


def _last_of(events: Callable[[], list[tuple[int, JSON]]]) -> JSON:
    read = events()
    return read[-1][1] if read else None


def _decoded(pieces: Sequence[bytes], encoding: str, package: str) -> bytes:
    whole = b"".join(pieces)
    if not encoding or encoding == "identity":
        return whole
    decoders = sys.modules[f"{package}._decoders"].SUPPORTED_DECODERS
    for name in reversed([part.strip() for part in encoding.split(",")]):
        decoder = decoders[name]()
        whole = decoder.decode(whole) + decoder.flush()
    return whole


def keep(response: Any, call: Call) -> None:
    """Keep what the host reads of `response`'s body, for `call`, and end `call` with it."""
    if hasattr(response, "_content"):  # it was read already, by the client
        call.answered_later(lambda: decode(response.content))
        return
    body = Body(response, call)
    _replace_stream(response, body.closed, body)


def tell_when_closed(response: Any, closed: Callable[[], None]) -> None:
    """Have `closed()` called when `response` is closed, by whichever way."""
    _replace_stream(response, closed, None)


def _replace_stream(response: Any, closed: Callable[[], None], body: Body | None) -> None:
    stream = response.stream
    kinds = {kind.__name__: kind for kind in type(stream).__mro__}
    base = kinds.get("AsyncByteStream") if hasattr(stream, "__aiter__") else kinds.get("SyncByteStream")
    if base is None:
        raise TypeError(f"the response's byte stream is a {type(stream).__name__}, neither httpx's nor httpx2's")
    response.stream = _watched(base, is_async=hasattr(stream, "__aiter__"))(stream, closed, body)


_classes: dict[type, type] = {}


def _watched(base: type, *, is_async: bool) -> Any:
    """A byte stream that passes everything on, as a subclass of the HTTP library's own, which it insists on."""
    if base not in _classes:
        behaviour = _WatchedAsyncBytes if is_async else _WatchedBytes
        _classes[base] = type(base.__name__, (behaviour, base), {})
    return _classes[base]


class _Watched:
    def __init__(self, inner: Any, closed: Callable[[], None], body: Body | None) -> None:
        self._inner = inner
        self._closed = closed
        self._body = body

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


class _WatchedBytes(_Watched):
    def __iter__(self) -> Iterator[bytes]:
        return iter(self._inner) if self._body is None else self._kept(self._body)

    def _kept(self, body: Body) -> Iterator[bytes]:
        try:
            for piece in self._inner:
                body.took(piece)
                yield piece
        except GeneratorExit:
            raise
        except BaseException as error:
            body.broke(error)
            raise
        body.finished()

    def close(self) -> None:
        try:
            self._inner.close()
        finally:
            self._closed()


class _WatchedAsyncBytes(_Watched):
    def __aiter__(self) -> AsyncIterator[bytes]:
        return self._inner.__aiter__() if self._body is None else self._kept(self._body)

    async def _kept(self, body: Body) -> AsyncIterator[bytes]:
        try:
            async for piece in self._inner:
                body.took(piece)
                yield piece
        except GeneratorExit:
            raise
        except BaseException as error:
            body.broke(error)
            raise
        body.finished()

    async def aclose(self) -> None:
        try:
            await self._inner.aclose()
        finally:
            self._closed()
