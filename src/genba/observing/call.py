"""One use of an endpoint: it keeps what the host's client sent and received, and reads it when somebody asks.

On the host's thread a call only keeps references, bytes and timestamps. `request`, `response` and `raw` run on the exporter's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, TypeVar

from opentelemetry.context import Context

from .. import harmless, semconv
from ..conversation import JSON, Request, Response
from ..conversation.encoding import MAX_BYTES, Shortened, decode, encode, encode_known
from ..conversation.tokens import Chunk, Piece
from ..recording.exchange import Raw
from ..recording.invocation import Invocation
from ..recording.owning import CALL
from ..semconv import Outcome
from .beside import Beside
from .endpoint import Endpoint
from .secrets import withheld

Answer = TypeVar("Answer")
NOTHING_TOLD = Piece(None)
_AN_ANSWER = 16_384
_A_CHUNK = 1024
"""What an answer and a chunk are taken to weigh, where they are kept as the client's own objects."""


class Call:
    """A call to a model, seen from its client. Ends once; implements `recording.invocation.Exchange`."""

    # Defaults stand on the class, not in `__init__`: most calls never set them, and beginning one is the hot path.
    body_received: bytes | None = None
    """The answer's body as it came, if the client's adapter could keep it."""
    attributes: Mapping[str, Any] = MappingProxyType({})
    """Further span attributes: what an inner layer knows of a call that is an outer one's."""
    instead: tuple[tuple[Any, ...], dict[str, Any]] | None = None
    """The arguments to send instead of the host's, when the host asked for something to be added."""
    shortened: Sequence[Shortened] = ()
    """What of the request was too long to be kept while waiting."""
    later: Callable[[], Mapping[str, Any]] | None = None
    """Further span attributes that are known only when it has ended."""
    notes: Callable[[Any], Callable[[], JSON]] | None = None
    """What was returned -> what reads the answer's JSON of that, on the exporter's thread."""
    beside: Beside | None = None
    """What functions further in of the same library saw of it."""
    outer: Call | None = None
    """The outer layer's call, which this one is part of, where neither of them has a span of its own."""
    overtaken = False
    """Whether an inner layer saw it closer to the wire."""
    retries = 0
    """How often its client has tried again, as far as an `Exchange` was told."""
    _ended = False
    _body: bytes | None = None
    _answer: Callable[[], JSON] | None = None
    _read_events: Callable[[], list[tuple[int, JSON]]] | None = None
    _last: Callable[[], JSON] | None = None
    _read_sizes: Callable[[], Sequence[int]] | None = None
    _events: list[tuple[int, JSON]] | None = None
    _taken: int | None = None

    def __init__(self, endpoint: Endpoint, invocation: Invocation, *, owned: bool) -> None:
        self._endpoint = endpoint
        self._invocation = invocation
        self._owned = owned
        """Whether the span is this call's own, rather than an outer layer's that it adds to."""

    # While it runs.

    @property
    def endpoint(self) -> Endpoint:
        """What it is a use of."""
        return self._endpoint

    @property
    def is_owned(self) -> bool:
        """Whether the span is this call's own."""
        return self._owned

    @property
    def invocation(self) -> Invocation:
        """The invocation that this call belongs to."""
        return self._invocation

    @property
    def context(self) -> Context:
        """What is current while the client works on it."""
        context = self._invocation.context
        return context if self._owned else Context({**context, CALL: self})

    @property
    def ended(self) -> bool:
        """Whether its end has come."""
        return self._ended

    def asked(self, body: JSON) -> None:
        """Its request, copied now: what the host does to its messages afterwards is not seen."""
        cuts: list[Shortened] = []
        self._body = encode_known(body, cuts, semconv.INPUT_MESSAGES, self._invocation.has_room)
        if cuts:
            self.shortened = cuts

    def asked_in(self, body: bytes) -> None:
        """Its request, as the JSON that went out."""
        if len(body) <= MAX_BYTES or self._invocation.has_room(len(body)):
            self._body, self.shortened = body, ()
        else:
            self.asked(decode(body))

    def answered(self, body: JSON) -> None:
        """It ended with this answer."""
        self._answer = lambda: body
        self._end(Outcome.COMPLETED, None, self.says_it_failed(body))

    def answered_later(self, read: Callable[[], JSON], failed: tuple[str, str | None] | None = None) -> None:
        """It ended; `read` gives the answer's body, on the exporter's thread. `failed` is what it says of a failure, if it does."""
        self._answer = read
        self._end(Outcome.COMPLETED, None, failed)

    def says_it_failed(self, body: JSON) -> tuple[str, str | None] | None:
        """What the answer says of a failure: error type and message."""
        return self._endpoint.failed(body) if self._endpoint.failed is not None else None

    def streams(
        self,
        events: Callable[[], list[tuple[int, JSON]]],
        last: Callable[[], JSON],
        sizes: Callable[[], Sequence[int]] | None = None,
    ) -> None:
        """Its answer comes in pieces.

        What the events are, with their times (asked for once, in the end); what the last one is; and how many bytes each was on the
        wire, if that is known once the events were asked for.
        """
        self._read_events, self._last, self._read_sizes = events, last, sizes

    def took(self, chunks: int) -> None:
        """How many chunks of its stream the host has taken."""
        self._taken = chunks

    def drained(self) -> None:
        """Its stream came to its end."""
        self._end(Outcome.COMPLETED, None, self._asked_of_the_last(self.says_it_failed))

    def stopped(self, outcome: str) -> None:
        """The host stopped reading, or the call was cancelled."""
        if not self._ended and self._asked_of_the_last(self._is_final):
            self.drained()
        else:
            self._end(outcome)

    def _asked_of_the_last(self, question: Callable[[JSON], Answer]) -> Answer | None:
        """What the last event of its stream answers to `question`; None if there is none, or it cannot be read."""
        with harmless.guard("looking at the last event of a stream"):
            last = self._last() if self._last is not None else None
            return None if last is None else question(last)
        return None

    def _is_final(self, event: JSON) -> bool:
        """Whether nothing follows this event: it says that it is the last, or that the call failed."""
        is_last = self._endpoint.is_last
        return (is_last is not None and is_last(event)) or self.says_it_failed(event) is not None

    def carried(self, body: JSON) -> None:
        """The exception that will end it has the answer with it."""
        self._answer = lambda: body

    def so_far(self, read: Callable[[], JSON]) -> None:
        """Should it end before its answer was read, `read` gives what was known by then. Must not keep alive what is to be dropped."""
        self._answer = read

    def failed(self, error: BaseException) -> None:
        """It ended with an exception."""
        self._end(outcome_of(error), error)

    def _end(self, outcome: str, error: BaseException | None = None, failed: tuple[str, str | None] | None = None) -> None:
        if self._ended:
            return
        self._ended = True
        invocation = self._invocation
        if not self._owned:
            self._hand_over(outcome, error)
            return
        self._speak_for(invocation, error)
        if failed is not None:
            invocation.answered_badly(*failed)
        else:
            invocation.end(outcome, error)

    def _hand_over(self, outcome: str, error: BaseException | None) -> None:
        """Give what it saw to the operation that it is part of, unless a layer further in has done so."""
        invocation = self._invocation
        if outcome != Outcome.FAILED:
            if not self.overtaken:
                invocation.adopt(self)
                self._overtake()
        elif error is not None:
            invocation.refused = (self, error)

    def _overtake(self) -> None:
        outer = self.outer
        while outer is not None:
            outer.overtaken = True
            outer = outer.outer

    def _speak_for(self, invocation: Invocation, error: BaseException | None) -> None:
        """Be what is known of the operation, unless a layer further in saw it closer to the wire: how it ended, or how it failed."""
        if error is not None and invocation.refused is not None:
            invocation.exchange = invocation.refused[0]
        elif not invocation.adopted:
            invocation.exchange = self

    # Once it has ended.

    @property
    def chunk_times(self) -> Sequence[int]:
        """When each chunk arrived, in ns since the epoch."""
        return [when for when, _ in self._stream_events()]

    def chunks(self) -> Sequence[Chunk]:
        """What is known of each chunk of its stream."""
        events = self._stream_events()
        sizes: Sequence[int | None] = self._read_sizes() if self._read_sizes is not None else ()
        if len(sizes) != len(events):
            sizes = (None,) * len(events)
        piece = self._endpoint.piece
        if piece is None or self._endpoint.grows:  # where each has all before it, the earlier ones are not kept
            return [Chunk(when, size) for (when, _), size in zip(events, sizes, strict=True)]
        return [Chunk(when, size, *_said(piece, event)) for (when, event), size in zip(events, sizes, strict=True)]

    def extra(self) -> Mapping[str, Any]:
        """What is known of the call besides: constants of its endpoint, where it went."""
        known = {**self._endpoint.attributes, **self.attributes} if self.attributes else self._endpoint.attributes
        return known if self.later is None else {**known, **self.later()}

    def request(self) -> Request:
        """What was asked, read from the request's JSON."""
        return self._endpoint.request(decode(self._body)) if self._body else Request()

    def response(self) -> Response:
        """What came back, as far as it came."""
        body = self._answer_body()
        response = Response() if body is None else self._endpoint.response(body)
        return response if self.beside is None else self.beside.completing(response)

    def weight(self) -> int:
        """About how many bytes it holds, without reading any of them."""
        held = sum(len(body) for body in (self._body, self.body_received) if body is not None)
        if self._answer is not None and self.body_received is None:
            held += _AN_ANSWER
        return held + _A_CHUNK * (self._taken or 0)

    def raw(self) -> Raw:
        """The exchange as it was on the wire."""
        started = self._invocation.started_ns
        if self._read_events is None:
            return Raw(withheld(self._body), self._answer_bytes())
        events = self._stream_events()
        taken = len(events) if self._taken is None else min(self._taken, len(events))
        return Raw(withheld(self._body), None, [(when - started, self._whole(event)) for when, event in events], taken)

    def _answer_bytes(self) -> bytes | None:
        if self.body_received is not None and self._answer is not None:
            return self.body_received
        body = self._answer_body()
        return None if body is None else self._whole(body)

    def _whole(self, value: JSON) -> bytes:
        return encode(value, room=self._invocation.stays_whole)

    def _answer_body(self) -> JSON:
        if self._answer is not None:
            return self._answer()
        if self._endpoint.fold is None:
            return None
        events = self._stream_events()
        return self._endpoint.fold([event for _, event in events]) if events else None

    def _stream_events(self) -> list[tuple[int, JSON]]:
        if self._events is None:
            self._events = self._read_events() if self._read_events is not None else []
        return self._events


def _said(piece: Callable[[JSON], Piece], event: JSON) -> Piece:
    try:
        return piece(event)
    except Exception as error:  # noqa: BLE001  # a bare `try`: there may be thousands of events
        harmless.failed("reading a chunk", error)
        return NOTHING_TOLD


def outcome_of(error: BaseException) -> str:
    """How an invocation ended that was left by `error`: the host's own cancellation is no failure."""
    return Outcome.FAILED if isinstance(error, Exception) else Outcome.CANCELLED  # a cancelled task, Ctrl-C, a generator closed
