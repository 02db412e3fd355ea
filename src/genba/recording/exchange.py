"""What an invocation has to do with the wire: the exchange behind it, read on demand, and what that is rendered to."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from ..conversation import Request, Response
from ..conversation.encoding import Shortened
from ..conversation.tokens import Chunk
from .rendering import Content


@dataclass(frozen=True, slots=True)
class Raw:
    """The exchange as it was: for the embedded store, never for a span."""

    request: bytes | None
    response: bytes | None
    events: Sequence[tuple[int, bytes]] = ()
    read_to: int | None = None

    def each(self, change: Callable[[bytes | None], bytes | None]) -> Raw:
        """The same with each of its JSON texts changed."""
        events = [(at, change(event) or event) for at, event in self.events]
        return Raw(change(self.request), change(self.response), events, self.read_to)


class Exchange(Protocol):
    """What was asked and answered, read on demand and away from the host's thread."""

    def request(self) -> Request:
        """What was asked."""

    def response(self) -> Response:
        """What came back, as far as it came."""

    def extra(self) -> Mapping[str, Any]:
        """Further span attributes."""

    @property
    def shortened(self) -> Sequence[Shortened]:
        """What was too long to be kept while waiting."""

    def raw(self) -> Raw:
        """Both as they were on the wire."""

    @property
    def chunk_times(self) -> Sequence[int]:
        """When each chunk arrived, in ns since the epoch; empty if it was no stream."""

    def chunks(self) -> Sequence[Chunk]:
        """The same, with what is known of each."""


@dataclass(frozen=True, slots=True)
class Rendered:
    """An ended invocation, ready for whoever takes it."""

    attributes: Mapping[str, Any]
    content: Content
    request: Request
    response: Response
