"""Offloading as the settings want it: where to, from which size on, and an account of what became of it."""

from __future__ import annotations

import hashlib
import threading
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from time import monotonic
from typing import Final

import orjson

from .. import harmless, semconv
from ..settings import Settings
from . import content, exchanges
from .blobs import BlobError, Blobs, opened
from .bounds import Bounds
from .content import Offloaded

MOST_WHOLE: Final = 64 << 20
"""Bytes of one request that are kept as they are until they are offloaded. A longer one has its texts shortened at once."""
MOST_WAITING: Final = 256 << 20
"""Bytes of such long requests that may wait at a time."""
PAUSES: Final = (30.0, 60.0, 120.0, 300.0)
"""Seconds that a remote store is left alone after failures in a row, so that delivery does not wait for it each time."""
NOWHERE: Final = "there is no blob store: name one with GENBA_BLOBS"
SWITCHED_OFF: Final = "the blob store is off"


class Offload:
    """Puts what is large into the store of blobs. For the exporter's thread, except for `room`."""

    def __init__(self, settings: Settings, beside_the_store: Callable[[], str | None]) -> None:
        self._settings = settings
        self._beside_the_store = beside_the_store
        self._blobs: Blobs | None = None
        self.room = Room()
        self.forked()

    def forked(self) -> None:
        """A child counts for itself, and no lock is held there."""
        self._lock = threading.Lock()
        self.counts: Counter[str] = Counter()
        """`written`: blobs that were asked for and are there; `bytes` of them."""
        self.failed: Counter[str] = Counter()
        """Pieces of content that are in no blob, by reason."""
        self._failures = 0
        self._until = 0.0
        self._has_complained = False
        self.room.forked()

    @property
    def limit(self) -> int | None:
        """Bytes of media above which they leave the message; None if nothing is offloaded.

        Where spans go to the application's own pipeline alone, and nobody named a place, all stays as it is.
        """
        is_unsaid = self._settings.blobs is None and self._beside_the_store() is None
        return None if is_unsaid else self._settings.offload_above

    def content(self, lists: Mapping[str, Sequence[bytes]], singles: Mapping[str, bytes]) -> Offloaded | None:
        """A span's content with references in place of what is large; None if nothing is offloaded."""
        return None if self.limit is None else content.offloaded(lists, singles, self.limit, self.put)

    def exchange(self, encoded: bytes | None) -> bytes | None:
        """One JSON text of a raw exchange, likewise. What cannot be offloaded stays. Not counted: the messages say the same again."""
        return encoded if encoded is None or self.limit is None else exchanges.offloaded(encoded, self.limit, self._put)

    def uploaded(self, lists: Mapping[str, Sequence[bytes]]) -> Iterator[tuple[str, str, str | None]]:
        """Put whole messages there, as the standard's upload hook does: attribute, URI, and why there is none."""
        for name, word in _UPLOADED.items():
            elements = lists.get(name)
            if self._settings.upload is not None and elements:
                put = self.put(_as_file(elements, self._settings.upload), f"_{word}.{self._settings.upload}")
                yield (f"{name}_ref", "", put) if isinstance(put, str) else (f"{name}_ref", put[0], None)

    def put(self, what: bytes, suffix: str = "") -> tuple[str, str] | str:
        """Have it in the store: URI and SHA-256, or why it is not there. Raises nothing."""
        kept = self._put(what, suffix)
        with self._lock:
            if isinstance(kept, str):
                self.failed[kept if len(self.failed) < 20 else "for other reasons"] += 1
            else:
                self.counts["written"] += 1
                self.counts["bytes"] += len(what)
        return kept

    def _put(self, what: bytes, suffix: str = "") -> tuple[str, str] | str:
        blobs = self.blobs()
        if blobs is None:
            return SWITCHED_OFF if self._settings.blobs == "off" else NOWHERE
        if blobs.is_remote and monotonic() < self._until:
            return f"{blobs.place} failed a moment ago and is left alone for a while"
        digest = hashlib.sha256(what).hexdigest()
        try:
            uri = blobs.put(what, digest, suffix)
        except BlobError as error:
            self._broken(blobs, error)
            return str(error)
        self._failures = 0
        return uri, digest

    def blobs(self) -> Blobs | None:
        """The store in use; None if there is none."""
        place = self._settings.blobs
        place = self._beside_the_store() if place is None else None if place == "off" else place
        if place is None:
            return None
        if self._blobs is None:
            self._blobs = opened(place, Bounds(*self._settings.blobs_max))
        return self._blobs

    def takes(self, size: int) -> bool:
        """Whether something of `size` bytes, too long for others, may stay whole because it is to be offloaded."""
        return self.limit is not None and size <= MOST_WHOLE and self.blobs() is not None

    def describe(self) -> list[str]:
        """What became of it, line by line, for `doctor`."""
        blobs = self.blobs()
        if self.limit is None or (blobs is None and not self.failed):
            return []
        lines = [f"media over {self.limit} bytes go to {'nowhere' if blobs is None else f'blobs in {blobs.place}'}"]
        if self.counts["written"]:
            lines.append(f"blobs {self.counts['written']} referred to, {self.counts['bytes']} bytes")
        if blobs is not None and blobs.removed.blobs:
            lines.append(f"blobs {blobs.removed.blobs} removed, the oldest: see GENBA_BLOBS_MAX")
        lines.extend(f"blobs {number} not written: {reason}" for reason, number in self.failed.items())
        return lines

    def _broken(self, blobs: Blobs, error: BlobError) -> None:
        with self._lock:
            is_first, self._has_complained = not self._has_complained, True
            self._until = monotonic() + PAUSES[min(self._failures, len(PAUSES) - 1)]
            self._failures += 1
        if is_first:
            harmless.logger.warning(
                "genba could not put a piece of content into the blobs at %s: %s. It is shortened on its span, which says so; your program "
                "is not affected. Further failures are counted: see genba.doctor().", blobs.place, error,
            )  # fmt: skip


class Room:
    """How much of what is long may wait to be offloaded. Taken on the host's threads."""

    def __init__(self) -> None:
        self.forked()

    def forked(self) -> None:
        """In a child nothing waits yet, and the lock may have been another thread's."""
        self._lock = threading.Lock()
        self._free: deque[int] = deque()
        self._taken = 0

    def take(self, size: int) -> Callable[[], None] | None:
        """Have room for so many bytes: what gives it back, the first time that it is called. None if there is no room."""
        with self._lock:
            while self._free:
                self._taken -= self._free.popleft()
            if self._taken + size > MOST_WAITING:
                return None
            self._taken += size
        return Held(self._free, size).let_go


class Held:
    """Room that somebody has, until it is given back or forgotten."""

    __slots__ = ("_free", "_size")

    def __init__(self, free: deque[int], size: int) -> None:
        self._free = free
        self._size = size

    def let_go(self) -> None:
        """Give it back. Takes no lock: this is called in the middle of anything."""
        size, self._size = self._size, 0
        self._free.append(size)

    __del__ = let_go


_UPLOADED: Final = {
    semconv.INPUT_MESSAGES: "inputs",
    semconv.OUTPUT_MESSAGES: "outputs",
    semconv.SYSTEM_INSTRUCTIONS: "system_instruction",
    semconv.TOOL_DEFINITIONS: "tool.definitions",
}
"""Attribute -> what the standard's hook calls the file of it."""


def _as_file(elements: Sequence[bytes], form: str) -> bytes:
    if form == "json":
        return b"[" + b",".join(elements) + b"]"
    numbered = [{"index": at, **loaded} for at, element in enumerate(elements) if isinstance(loaded := orjson.loads(element), dict)]
    return b"\n".join(map(orjson.dumps, numbered)) + b"\n"
