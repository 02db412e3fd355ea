"""One use of an endpoint: it keeps what the host's client sent and received, and reads it when somebody asks.

On the host's thread a call only keeps references, bytes and timestamps. `request`, `response` and `raw` run on the exporter's.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from .. import harmless
from ..conversation import JSON, Request, Response
from ..conversation.encoding import decode, encode
from ..recording.invocation import Invocation, Raw
from ..semconv import Outcome
from .endpoint import Endpoint

Events = Callable[[Sequence[Any]], list[JSON]]
"""Kept chunks -> the JSON of the events that they are."""


class Call:
    """A call to a model, seen from its client. Ends once; implements `recording.invocation.Exchange`."""

    __slots__ = (
        "_answer", "_body", "_chunks", "_ended", "_endpoint", "_events", "_events_of", "_invocation", "_owned", "_times", "attributes", "instead",
    )  # fmt: skip

    def __init__(self, endpoint: Endpoint, invocation: Invocation, *, owned: bool) -> None:
        self._endpoint = endpoint
        self._body: bytes | None = None
        self._invocation = invocation
        self._owned = owned
        """Whether the span is this call's own, rather than an outer layer's that it adds to."""
        self._answer: Callable[[], JSON] | None = None
        self._chunks: list[Any] | None = None
        self._events: list[JSON] | None = None
        self._times: list[int] = []
        self._ended = False
        self.attributes: dict[str, Any] | None = None
        self.instead: tuple[tuple[Any, ...], dict[str, Any]] | None = None
        """The arguments to send instead of the host's, when the host asked for something to be added."""

    # While it runs.

    @property
    def invocation(self) -> Invocation:
        """The invocation that this call belongs to."""
        return self._invocation

    @property
    def ended(self) -> bool:
        """Whether its end has come."""
        return self._ended

    def asked(self, body: bytes) -> None:
        """Its request, as JSON."""
        self._body = body

    def answered(self, body: JSON) -> None:
        """It ended with this answer."""
        self._answer = lambda: body
        failed = self._endpoint.failed(body) if self._endpoint.failed is not None else None
        self._end(Outcome.COMPLETED, None, failed)

    def answered_later(self, read: Callable[[], JSON]) -> None:
        """It ended; `read` gives the answer's body, on the exporter's thread."""
        self._answer = read
        self._end(Outcome.COMPLETED)

    def streams(self, chunks: list[Any], times: list[int], events_of: Events) -> None:
        """Its answer comes in pieces: they and their times will be found in these lists."""
        self._chunks, self._times, self._events_of = chunks, times, events_of

    def drained(self) -> None:
        """Its stream came to its end."""
        failed = None
        if self._endpoint.failed is not None and self._chunks:
            with harmless.guard("looking at the last event of a stream"):
                last = self._events_of(self._chunks[-1:])
                failed = self._endpoint.failed(last[-1]) if last else None
        self._end(Outcome.COMPLETED, None, failed)

    def stopped(self, outcome: str) -> None:
        """The host stopped reading, or the call was cancelled."""
        self._end(outcome)

    def carried(self, body: JSON) -> None:
        """The exception that will end it has the answer with it."""
        self._answer = lambda: body

    def failed(self, error: BaseException) -> None:
        """It ended with an exception."""
        self._end(outcome_of(error), error)

    def _end(self, outcome: str, error: BaseException | None = None, failed: tuple[str, str | None] | None = None) -> None:
        if self._ended:
            return
        self._ended = True
        invocation = self._invocation
        if not self._owned:
            if error is None:
                invocation.adopt(self)
            return
        invocation.exchange = self
        if failed is not None:
            invocation.answered_badly(*failed)
        else:
            invocation.end(outcome, error)

    # Once it has ended.

    @property
    def chunk_times(self) -> Sequence[int]:
        """When each chunk arrived, in ns since the epoch."""
        return self._times

    def request(self) -> Request:
        """What was asked, read from the request's JSON."""
        read = self._endpoint.request(decode(self._body)) if self._body else Request()
        extra = {**self._endpoint.attributes, **(self.attributes or {})}
        if extra:
            read = _with_attributes(read, extra)
        return read

    def response(self) -> Response:
        """What came back, as far as it came."""
        body = self._answer_body()
        return Response() if body is None else self._endpoint.response(body)

    def raw(self) -> Raw:
        """The exchange as it was on the wire."""
        started = self._invocation.started_ns
        if self._chunks is None:
            body = self._answer_body()
            return Raw(self._body, None if body is None else encode(body))
        events = self._stream_events()
        times = [*self._times[: len(events)], *self._times[-1:] * (len(events) - len(self._times))]
        return Raw(self._body, None, [(when - started, encode(event)) for when, event in zip(times, events, strict=False)], len(events))

    def _answer_body(self) -> JSON:
        if self._answer is not None:
            return self._answer()
        if self._chunks is None or self._endpoint.fold is None:
            return None
        events = self._stream_events()
        return self._endpoint.fold(events) if events else None

    def _stream_events(self) -> list[JSON]:
        if self._events is None:
            self._events = self._events_of(self._chunks or ())
        return self._events


def outcome_of(error: BaseException) -> str:
    """How an invocation ended that was left by `error`: the host's own cancellation is no failure."""
    if isinstance(error, GeneratorExit) or type(error).__name__ in ("CancelledError", "Cancelled"):
        return Outcome.CANCELLED
    return Outcome.FAILED


def _with_attributes(request: Request, extra: dict[str, Any]) -> Request:
    return replace(request, attributes={**extra, **request.attributes})
