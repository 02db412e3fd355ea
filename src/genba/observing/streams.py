"""Watch a stream while the host reads it: every chunk reaches the host at once and unchanged.

The iterator stands at the innermost place of the client's stream object, so the object keeps its type and its helpers. It is an
object, not a generator: a generator that is closed before its first `next` never runs its `finally`. Where it can it
only counts what the host took: what the chunks were is read later, from the bytes of the response (see `bodies`), which cost less to keep
than the objects.
"""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextvars import ContextVar
from time import time_ns
from types import FrameType
from typing import Any, Protocol

from .. import harmless
from ..conversation import JSON
from ..semconv import Outcome
from .call import Call
from .wire import unwrapped

Hides = Callable[[Any], bool]
"""Whether a chunk is to be kept from the host: one that came only because genba asked for it."""
Read = Callable[[Any], JSON]
"""A chunk -> the wire's JSON. Runs on the exporter's thread, but for chunks that are dictionaries."""


class Reader(Protocol):
    """Reads streams on the host's behalf, further out: see `relays`."""

    reads: Any
    """The stream, or the reader of streams, that was begun last."""


READER: ContextVar[Reader | None] = ContextVar("genba-reader", default=None)
"""The generator at work around whatever begins now."""


class _Observed:
    __slots__ = ("__weakref__", "_call", "_hides", "_inner", "_next", "taken")

    def __init__(self, inner: Any, following: Callable[[], Any], call: Call, hides: Hides | None) -> None:
        self._inner = inner
        self._next = following
        self._call = call
        self._hides = hides
        self.taken = 0
        """How many chunks the host has taken."""
        reader = READER.get()
        if reader is not None:
            reader.reads = self

    @property
    def is_advancing(self) -> bool:
        """Whether the client is at work on the next chunk right now."""
        inner = self._inner
        return bool(getattr(inner, "gi_running", False) or getattr(inner, "ag_running", False))

    def stop(self, outcome: str = Outcome.CANCELLED) -> None:
        """The host will not read on."""
        with harmless.guard("ending a stream"):
            self._call.took(self.taken)
            self._call.stopped(outcome)

    def _drained(self) -> None:
        with harmless.guard("ending a stream"):
            self._call.took(self.taken)
            self._call.drained()

    def broke(self, error: BaseException) -> None:
        """The client raised, as it took a chunk or because of the one that it took."""
        with harmless.guard("ending a failed stream"):
            self._call.took(self.taken)
            self._call.failed(error)

    def __del__(self) -> None:
        self.dropped()

    def dropped(self) -> None:
        """Nobody holds it any more. Runs in a finaliser."""
        call = self._call
        if not call.ended:
            call.took(self.taken)
            left_behind(call)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


class ObservedIterator(_Observed, Iterator[Any]):
    """A synchronous stream's iterator, observed."""

    __slots__ = ()

    def __init__(self, inner: Any, call: Call, hides: Hides | None = None) -> None:
        super().__init__(inner, inner.__next__, call, hides)

    def __iter__(self) -> ObservedIterator:
        return self

    # Per chunk: a bare `try`, which is ten times cheaper than a guard. Nothing in it can fail but the host's own `next`.
    def __next__(self) -> Any:
        try:
            chunk = self._next()
        except StopIteration:
            self._drained()
            raise
        except BaseException as error:
            self.broke(error)
            raise
        self.taken += 1
        if self._hides is not None and self._hides(chunk):
            return self.__next__()
        return chunk

    def close(self) -> None:
        """Close the stream, as a generator is closed."""
        self.stop()
        close = getattr(self._inner, "close", None)
        if close is not None:
            close()


class ObservedAsyncIterator(_Observed, AsyncIterator[Any]):
    """An asynchronous stream's iterator, observed."""

    __slots__ = ()

    def __init__(self, inner: Any, call: Call, hides: Hides | None = None) -> None:
        super().__init__(inner, inner.__anext__, call, hides)

    def __aiter__(self) -> ObservedAsyncIterator:
        return self

    async def __anext__(self) -> Any:
        try:
            chunk = await self._next()
        except StopAsyncIteration:
            self._drained()
            raise
        except BaseException as error:
            self.broke(error)
            raise
        self.taken += 1
        if self._hides is not None and self._hides(chunk):
            return await self.__anext__()
        return chunk

    async def aclose(self) -> None:
        """Close the stream, as an asynchronous generator is closed."""
        self.stop()
        close = getattr(self._inner, "aclose", None)
        if close is not None:
            await close()


class KeepingIterator(ObservedIterator):
    """A synchronous stream's iterator, observed where no bytes are kept: so the chunks themselves are."""

    __slots__ = ("_add",)

    def __init__(self, inner: Any, call: Call, read: Read) -> None:
        super().__init__(inner, call)
        self._add = Kept(call, read).add

    def __next__(self) -> Any:
        chunk = super().__next__()
        self._add(chunk)
        return chunk


class KeepingAsyncIterator(ObservedAsyncIterator):
    """The same for an asynchronous stream."""

    __slots__ = ("_add",)

    def __init__(self, inner: Any, call: Call, read: Read) -> None:
        super().__init__(inner, call)
        self._add = Kept(call, read).add

    async def __anext__(self) -> Any:
        chunk = await super().__anext__()
        self._add(chunk)
        return chunk


class Kept:
    """The chunks of a call's stream, as the host got them, each with its time."""

    __slots__ = ("chunks", "grows", "read")

    def __init__(self, call: Call, read: Read) -> None:
        self.read = read
        self.grows = call.endpoint.grows
        """Whether each has all in it that came before: to keep all of them would take more and more."""
        self.chunks: list[tuple[int, Any]] = []
        call.streams(self.events, self.last)

    def add(self, chunk: Any) -> None:
        """Take note of a chunk that arrived now."""
        if self.grows and self.chunks:
            self.chunks[-1] = (self.chunks[-1][0], None)
        # A dictionary is the host's to change; the objects of a client hardly ever are changed, and are read later.
        self.chunks.append((time_ns(), unwrapped(chunk) if type(chunk) is dict else chunk))

    def events(self) -> list[tuple[int, JSON]]:
        """All of them, as the wire's JSON."""
        return [(when, None if chunk is None else self.read(chunk)) for when, chunk in self.chunks]

    def last(self) -> JSON:
        """The last of them; None if there is none."""
        return self.read(self.chunks[-1][1]) if self.chunks else None


def left_behind(call: Call) -> None:
    """End a call whose stream was dropped. Runs in a finaliser: on any thread, in the middle of anything."""
    if sys.is_finalizing():
        return
    with harmless.guard("ending a dropped stream"):
        if _is_in_a_lock(sys._getframe()):  # noqa: SLF001  # the one way to look at one's own stack cheaply
            call.invocation.later(call.stopped, Outcome.ABANDONED)
        else:
            call.stopped(Outcome.ABANDONED)


def _is_in_a_lock(frame: FrameType | None) -> bool:
    """Whether the thread that the collector interrupted may hold a lock that ending a span takes: then the end must wait."""
    while frame is not None:
        name = frame.f_globals.get("__name__", "")
        if name.startswith(
            ("threading", "logging", "queue", "opentelemetry", "genba.background", "genba.exporting", "genba.store")
        ):
            return True
        frame = frame.f_back
    return False
