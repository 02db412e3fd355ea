"""What the store gives back: plain values, that know nothing of SQL."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from . import values

ROOM = "removed to keep the store within its size"


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredSpan:
    """One span. Its content is asked for apart: see `Store.content` and `Store.exchange`."""

    trace_id: bytes
    span_id: bytes
    parent_span_id: bytes | None
    name: str
    kind: str
    scope: str
    start_ns: int
    end_ns: int
    status: str
    status_description: str | None
    run_id: str | None
    sequence: int | None
    attributes: Mapping[str, Any]
    events: Sequence[Mapping[str, Any]]
    links: Sequence[Mapping[str, Any]]
    resource: Mapping[str, Any]
    content_ids: Mapping[str, int | Sequence[int]]
    """Attribute -> the id of its piece of content, or of each element."""
    exchange_ids: Mapping[str, Any] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredPiece:
    """One piece of content: an element of an attribute, or a whole attribute."""

    id: int
    body: bytes | None
    """Its JSON, or None when it is not there any more."""
    missing: str | None = None
    """Why it is not there."""

    def value(self) -> Any:
        """The JSON as Python values; for a missing piece an object that says so. What is no JSON is given as text."""
        if self.body is None:
            return {"genba.missing": self.missing}
        try:
            return values.loads(self.body)
        except ValueError:
            return self.body.decode("utf-8", "backslashreplace")


Pieces: TypeAlias = StoredPiece | tuple[StoredPiece, ...]
"""A whole attribute, or its elements."""


def valued(content: Mapping[str, Pieces]) -> dict[str, Any]:
    """Content as the JSON values of its attributes."""
    return {name: [piece.value() for piece in part] if isinstance(part, tuple) else part.value() for name, part in content.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredExchange:
    """A call as it went over the wire."""

    request: bytes | None
    response: bytes | None
    events: Sequence[tuple[int, bytes]]
    """Nanoseconds since the span's start, and JSON."""
    read_to: int | None
    missing: Mapping[str, str]
    """Part (`request`, `messages[3]`, `response`, `events`) -> why it is not there any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredRun:
    """One run of a process."""

    run_id: str
    pid: int | None
    started_ns: int | None
    python: str | None
    genba: str | None
    command: Sequence[str]
    parent_run_id: str | None
    packages: Mapping[str, str] | None = None
    """Distribution -> version of the libraries that it imported, as far as they bear on its spans. None: an older genba wrote it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Loss:
    """What was removed from the store, and why."""

    at_ns: int
    reason: str
    count: int
    bytes: int | None
    run_id: str | None
    first_sequence: int | None
    last_sequence: int | None
