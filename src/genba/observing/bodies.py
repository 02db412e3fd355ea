"""Watch the body of an HTTP response while the host reads it: for raw responses, and to learn that one was closed.

The response keeps its type; only the byte stream inside it, which both httpx and httpx2 hold in `response.stream`, is replaced by one
that passes everything on. Bytes are kept as they came, compressed if the server compressed them, and decoded on the exporter's thread.
"""

from __future__ import annotations

import sys
import weakref
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from time import time_ns
from typing import Any, Protocol

from .. import harmless
from ..conversation import JSON
from ..conversation.encoding import decode
from ..semconv import Outcome
from . import aws_frames, ndjson, sse
from .call import Call
from .streams import left_behind

MAX_BYTES = 64 << 20
"""Bytes of one body that are kept; of a longer one the beginning is."""
_ENOUGH = 16
"""Pieces to look at for the last event, before looking at all."""


class Pieces:
    """The bytes of a response body, as the host read them, each with its time."""

    __slots__ = ("_encoding", "_events", "_package", "content_type", "pieces", "sizes", "times")

    def __init__(self, response: Any) -> None:
        self.content_type = str(response.headers.get("content-type") or "")
        self._encoding = str(response.headers.get("content-encoding") or "")
        self._package = type(response).__module__.partition(".")[0]
        self._events = _events_in(self.content_type)
        self.pieces: list[bytes] = []
        self.times: list[int] = []
        self.sizes: list[int] = []
        """How long each of the `events` was on the wire, in bytes; known once they were read."""

    @property
    def is_stream(self) -> bool:
        """Whether they are events."""
        return "event-stream" in self.content_type or self._events is ndjson.events

    def events(self) -> list[tuple[int, JSON]]:
        """The events in them, server-sent or a line each, with their times."""
        found = self._events([self.decoded()], self.times[-1:]) if self._encoding else self._events(self.pieces, self.times)
        events: list[tuple[int, JSON]] = []
        self.sizes = []
        for when, event, size in found:
            events.append((when, event))
            self.sizes.append(size)
        return events

    def last_event(self) -> JSON:
        """The last event that is complete."""
        end = len(self.pieces)
        start = end - 1
        # Events may span pieces: go back until one is whole.
        while start >= 0 and end - start < _ENOUGH:
            found = [event for _, event, _ in self._events([b"".join(self.pieces[start:end])], (0,))]
            if found:
                return found[-1]
            start -= 1
        whole = self.events()
        return whole[-1][1] if whole else None

    def decoded(self) -> bytes:
        """The whole, uncompressed."""
        whole = b"".join(self.pieces)
        if not self._encoding or self._encoding == "identity":
            return whole
        decoders = sys.modules[f"{self._package}._decoders"].SUPPORTED_DECODERS
        for name in reversed([part.strip() for part in self._encoding.split(",")]):
            decoder = decoders[name]()
            whole = decoder.decode(whole) + decoder.flush()
        return whole


def _events_in(content_type: str) -> Callable[[Sequence[bytes], Sequence[int]], Iterator[tuple[int, JSON, int]]]:
    """What finds the events in bytes of this type."""
    if any(kind in content_type for kind in ndjson.TYPES):
        return ndjson.events
    return aws_frames.events if aws_frames.TYPE in content_type else sse.events


class Watch(Protocol):
    """Is told how the reading of a body goes."""

    pieces: Pieces

    def finished(self) -> None:
        """The body came to its end."""

    def broke(self, error: BaseException) -> None:
        """Reading it raised."""

    def closed(self) -> None:
        """It was closed."""


class Body:
    """A raw response's body, which ends its call when it ends itself."""

    __slots__ = ("__weakref__", "_call", "_is_stream", "pieces")

    def __init__(self, response: Any, call: Call) -> None:
        self._call = call
        self.pieces = pieces = Pieces(response)
        self._is_stream = pieces.is_stream
        if self._is_stream:  # nothing that holds `self`: that it was dropped is to be noticed
            call.streams(pieces.events, pieces.last_event, lambda: pieces.sizes)

    def finished(self) -> None:
        """The body came to its end."""
        with harmless.guard("ending a raw response"):
            if self._is_stream:
                self._call.drained()
            else:
                pieces = self.pieces
                self._call.answered_later(lambda: read(pieces.decoded(), pieces.content_type))

    def broke(self, error: BaseException) -> None:
        """Reading it raised."""
        with harmless.guard("ending a failed raw response"):
            self._call.failed(error)

    def closed(self) -> None:
        """The host closed it. A reader of events closes at the last one, before the end of the bytes: that is its end."""
        if self._call.ended:
            return
        with harmless.guard("ending a raw response"):
            pieces = self.pieces.pieces
            if pieces and b"[DONE]" in pieces[-1]:
                self._call.drained()
            else:
                self._call.stopped(Outcome.CANCELLED)

    def __del__(self) -> None:
        if not self._call.ended:
            left_behind(self._call)


class ParsedBody:
    """The body of a stream that the client parses: the iterator over it ends the call, this only keeps the bytes."""

    __slots__ = ("_observed", "pieces")

    def __init__(self, response: Any, call: Call) -> None:
        self.pieces = pieces = Pieces(response)
        self._observed: Callable[[], Any] | None = None
        call.streams(pieces.events, pieces.last_event, lambda: pieces.sizes)

    def read_by(self, observed: Any) -> None:
        """`observed` reads it. It is not kept alive: that it was dropped is to be noticed."""
        self._observed = weakref.ref(observed)

    def finished(self) -> None:
        """The iterator will notice."""

    def broke(self, error: BaseException) -> None:
        """The iterator will notice."""

    def closed(self) -> None:
        """Closed by the host, unless the client is at work on the next chunk and closes it itself, at the end or because of an error."""
        observed = self._observed() if self._observed is not None else None
        if observed is not None and not observed.is_advancing:
            observed.stop()


def read(content: bytes, content_type: str) -> JSON:
    """What a whole body says: its JSON, its text, or of a file, such as speech, only its size and type."""
    try:
        return decode(content)
    except ValueError:
        if content_type.startswith("text/"):
            return content.decode("utf-8", "replace")
        return {"bytes": len(content), "content_type": content_type or None}


def keep(response: Any, call: Call) -> None:
    """Keep what the host reads of `response`'s body, for `call`, and end `call` with it."""
    if hasattr(response, "_content"):  # it was read already, by the client
        content, content_type = response.content, str(response.headers.get("content-type") or "")
        call.answered_later(lambda: read(content, content_type))
    else:
        _replace_stream(response, Body(response, call))


def keep_parsed(response: Any, call: Call) -> ParsedBody:
    """Keep what the client reads of `response`'s body while it parses it for the host."""
    body = ParsedBody(response, call)
    _replace_stream(response, body)
    return body


def _replace_stream(response: Any, watch: Watch) -> None:
    stream = response.stream
    is_async = hasattr(stream, "__aiter__")
    kinds = {kind.__name__: kind for kind in type(stream).__mro__}
    base = kinds.get("AsyncByteStream" if is_async else "SyncByteStream")
    if base is None:
        raise TypeError(f"the response's byte stream is a {type(stream).__name__}, neither httpx's nor httpx2's")
    if base not in _classes:
        # The HTTP libraries insist on their own class.
        _classes[base] = type(base.__name__, (_WatchedAsyncBytes if is_async else _WatchedBytes, base), {})
    response.stream = _classes[base](stream, watch)


_classes: dict[type, Any] = {}


class _Watched:
    def __init__(self, inner: Any, watch: Watch) -> None:
        self._inner = inner
        self._watch = watch

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


class _WatchedBytes(_Watched):
    def __iter__(self) -> Iterator[bytes]:
        watch = self._watch
        keep, note = watch.pieces.pieces.append, watch.pieces.times.append
        room = MAX_BYTES
        try:
            for piece in self._inner:
                if room > 0:
                    room -= len(piece)
                    note(time_ns())
                    keep(piece)
                yield piece
        except GeneratorExit:
            raise
        except BaseException as error:
            watch.broke(error)
            raise
        watch.finished()

    def close(self) -> None:
        try:
            self._inner.close()
        finally:
            self._watch.closed()


class _WatchedAsyncBytes(_Watched):
    def __aiter__(self) -> AsyncIterator[bytes]:
        return _AsyncPieces(self._inner.__aiter__(), self._watch)

    async def aclose(self) -> None:
        try:
            await self._inner.aclose()
        finally:
            self._watch.closed()


class _AsyncPieces(AsyncIterator[bytes]):
    """Not an asynchronous generator: event loops finalise those, and one more of them would be one more that can be caught running."""

    def __init__(self, inner: AsyncIterator[bytes], watch: Watch) -> None:
        self._next = inner.__anext__
        self._watch = watch
        self._room = MAX_BYTES

    async def __anext__(self) -> bytes:
        try:
            piece = await self._next()
        except StopAsyncIteration:
            self._watch.finished()
            raise
        except BaseException as error:
            self._watch.broke(error)
            raise
        if self._room > 0:
            self._room -= len(piece)
            pieces = self._watch.pieces
            pieces.times.append(time_ns())
            pieces.pieces.append(piece)
        return piece
