"""What the store is given: one `SpanRow` a finished span, one `RunRow` a run of a process."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

Status: TypeAlias = Literal["unset", "ok", "error"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RawExchange:
    """A call as it went over the wire, before the conventions' messages lose what they have no name for."""

    request: bytes | None
    """JSON of the arguments at call time. Written as `orjson.dumps` does, it is read back byte for byte; else as equal JSON."""
    response: bytes | None
    """JSON of the response, where it was not a stream."""
    events: Sequence[tuple[int, bytes]] = ()
    """A stream's events: nanoseconds since the span's start, and JSON."""
    read_to: int | None = None
    """How many events the host read; None when it was not a stream."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SpanRow:
    """One finished span, with its content apart from its attributes."""

    trace_id: bytes
    span_id: bytes
    parent_span_id: bytes | None
    name: str
    kind: str
    scope: str
    start_ns: int
    end_ns: int
    status: str
    """One of `Status`."""
    status_description: str | None
    run_id: str | None
    sequence: int | None
    attributes: Mapping[str, Any]
    """All attributes except content."""
    content: Mapping[str, Sequence[bytes]]
    """Attribute name -> the elements of its JSON array, each encoded apart: so a growing conversation is stored once."""
    single_content: Mapping[str, bytes]
    """Attribute name -> one JSON value."""
    events: Sequence[Mapping[str, Any]]
    links: Sequence[Mapping[str, Any]]
    resource: Mapping[str, Any]
    exchange: RawExchange | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRow:
    """One run of a process: what its calls' sequence numbers belong to."""

    run_id: str
    pid: int
    started_ns: int
    python: str
    genba: str
    command: Sequence[str]
    parent_run_id: str | None = None
    packages: Mapping[str, str] | None = None
    """Distribution -> version of the libraries that it has imported until now, as far as they bear on its spans."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """What became of a batch."""

    stored: int
    dropped: Mapping[str, int] = field(default_factory=dict)
    """Reason -> how many spans of the batch are not in the store because of it."""
    refused: Sequence[int | None] = ()
    """The sequence numbers of those whose values cannot be stored."""
    notice: str | None = None
    """Something a person should be told once, such as that a damaged file was moved aside."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AbsenceRow:
    """Calls in a row whose spans will not be stored, or not reach one destination."""

    first: int
    last: int
    destination: str
    """The only one that lacks them; empty if none gets them."""
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountRow:
    """What became of the calls of a run, as of one moment."""

    run_id: str
    counts: Mapping[str, Any]
    absences: Sequence[AbsenceRow] = ()
    ended: str | None = None
    """How the run ended, if it has: see `writer`."""
