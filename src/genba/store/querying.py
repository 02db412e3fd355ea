"""What can be asked of stored spans, wherever they are: the one interface that the commands read through."""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Final, Protocol, TypeAlias, TypedDict

from .errors import StoreError
from .stored import Pieces, StoredExchange, StoredRun, StoredSpan

if TYPE_CHECKING:
    from typing_extensions import Self, Unpack

Row: TypeAlias = Hashable
"""What a store finds one of its spans by: small, and nobody's business but the store's."""


class Conditions(TypedDict, total=False):
    """What a span must meet. None, or nothing said: anything goes."""

    operations: Iterable[str]
    model: str | None
    """Asked for, or answering."""
    error: bool
    conversation_id: str | None
    user_id: str | None
    run_id: str | None
    since_ns: int | None
    until_ns: int | None


@dataclass(frozen=True, slots=True)
class Scan:
    """Many spans, read one after another."""

    total: int
    """How many there are. A few may not come: they made room for newer ones since, or are in a table twice."""
    spans: Iterator[tuple[Row, StoredSpan]]


class SpanStore(Protocol):
    """Stored spans, for reading. Whatever is asked may raise `StoreError`."""

    place: str
    """Where they are, for a person; nothing in it is secret."""
    lacks: Mapping[str, str]
    """What is never found here (`exchange`, `runs`) -> why."""

    def __enter__(self) -> Self: ...
    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None: ...

    def spans(self, limit: int = 50, **conditions: Unpack[Conditions]) -> list[StoredSpan]:
        """The newest spans that fit, newest first."""

    def scan(self, **conditions: Unpack[Conditions]) -> Scan:
        """All spans that fit, in the order they came, without holding them all."""

    def read(self, rows: Sequence[Row]) -> Iterator[tuple[Row, StoredSpan]]:
        """The spans of these rows of a scan, in any order. One that is not there any more is left out."""

    def newest_traces(self, limit: int = 1) -> list[bytes]:
        """The ids of the traces with the newest spans, newest first."""

    def trace_ids(self, **conditions: Unpack[Conditions]) -> Iterator[bytes]:
        """The ids of all traces with a span that fits, oldest first."""

    def trace(self, trace_id: bytes) -> list[StoredSpan]:
        """The spans of this trace in the order they began; none if it is not there."""

    def traces(self, trace_ids: Sequence[bytes]) -> Iterator[list[StoredSpan]]:
        """The spans of each of these traces, some traces at a time."""

    def find(self, prefix: str) -> tuple[bytes, bytes | None]:
        """The trace, or the span and its trace, whose hexadecimal id begins so."""

    def contents(self, spans: Iterable[StoredSpan], names: Iterable[str] | None = None) -> Iterator[dict[str, Pieces]]:
        """The content of each span by attribute, of all or of these attributes; read as it is asked for."""

    def content(self, span: StoredSpan, names: Iterable[str] | None = None) -> dict[str, Pieces]:
        """The content of one span."""

    def exchange(self, span: StoredSpan) -> StoredExchange | None:
        """The raw exchange behind a span; None if none was kept."""

    def runs(self) -> list[StoredRun]:
        """The runs of processes, newest first."""


def with_content(
    store: SpanStore, spans: Iterable[tuple[Row, StoredSpan]], names: Iterable[str] | None = None
) -> Iterator[tuple[Row, StoredSpan, dict[str, Pieces]]]:
    """Spans of a scan, each with its content. No more are held than the store asks for at a time."""
    waiting: deque[tuple[Row, StoredSpan]] = deque()

    def noted() -> Iterator[StoredSpan]:
        for row, span in spans:
            waiting.append((row, span))
            yield span

    for content in store.contents(noted(), names):
        yield (*waiting.popleft(), content)


def asked_id(prefix: str) -> str:
    """The beginning of an id, as ids are written.

    Raises:
        StoreError: it cannot be one.
    """
    asked = prefix.strip().lower()
    if not asked or len(asked) > 32 or set(asked) - set("0123456789abcdef"):
        raise StoreError(f"{prefix!r} is not an id. Ids are hexadecimal, as 'genba list' shows them; or say 'last'.")
    return asked


def the_one(store: SpanStore, asked: str, candidates: Iterable[tuple[bytes, bytes | None]]) -> tuple[bytes, bytes | None]:
    """Which of the ids that begin so was meant.

    Raises:
        StoreError: there is none, or there are several.
    """
    distinct = list(dict.fromkeys(candidates))
    # A trace is often asked for by the whole id of a span, and such an id cannot be meant to be shortened.
    exact = [found for found in distinct if asked in (found[0].hex(), (found[1] or b"").hex())]
    found = exact if len(exact) == 1 else distinct
    if not found:
        raise StoreError(
            f"No trace or span in {store.place} has an id that begins with {asked!r}. 'genba list' shows what is there."
        )
    if len(found) > 1:
        raise StoreError(f"{asked!r} is the beginning of several ids; say more of it:\n{_listed(store, found)}")
    return found[0]


def _listed(store: SpanStore, found: Sequence[tuple[bytes, bytes | None]]) -> str:
    lines = []
    for trace_id, span_id in found[:LISTED]:
        id = f"trace {trace_id.hex()}" if span_id is None else f"span {span_id.hex()} of trace {trace_id.hex()}"
        name = next((span.name for span in store.trace(trace_id) if span_id in (None, span.span_id)), "")
        lines.append(f"  {id}  {name!r}")
    return "\n".join(lines + (["  …"] if len(found) > LISTED else []))


LISTED: Final = 10
