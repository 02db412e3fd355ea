"""One operation in flight: a span from its start to its one end, and what is known of it.

The hot path is `start` and `end`. Nothing is rendered there: the span's attributes are worked out when they are read (see `pending`).
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import replace
from time import time_ns
from types import MappingProxyType
from typing import Any

from opentelemetry.context import Context, get_current
from opentelemetry.trace import SpanKind, Status, StatusCode

from .. import harmless, semconv
from ..conversation import Request, Response, Usage, loose
from ..conversation.encoding import Shortened, decode, encode
from ..semconv import Operation, Outcome
from . import errors, rendering
from .exchange import Exchange, Rendered
from .leaving import LaterStatus, cover
from .merging import completed, copied, documents
from .owning import AGENT, TOOL, living, within
from .pending import PendingAttributes, defer
from .record import Record
from .scope import current as current_scope
from .signals import Signals


class Invocation(Record):
    """An operation that has begun and will end once: completed, failed, cancelled or abandoned.

    Hand-written integrations tell it what they know with `request`, `chunk`, `response`, `usage` and `fail`.
    """

    # Defaults stand on the class, not in `__init__`: most calls never set them, and beginning one is the hot path.
    instead = None
    """The host's arguments are passed on as they are."""
    calling: Any = None
    """The client call at work, for the client's own adapter."""
    teller: Hashable = None
    """Who tells of it: of a tool, others may too."""
    joins: Mapping[Hashable, str | None] = MappingProxyType({})
    """Who else has told of it further in, and how it ended for them."""
    let_down: BaseException | None = None
    """What failed a tool for someone further in who told of it: it counts if the owner knows of no other end."""
    told_at = 0
    """How far in somebody told its result; 0 for the owner."""
    inference_calls = 0
    tool_calls = 0
    weighed = 0
    """What it weighs among those that wait to be written, if anybody has looked."""
    _pending: PendingAttributes | None = None

    def __init__(
        self,
        signals: Signals,
        operation: str | None,
        name: str,
        kind: SpanKind,
        attributes: dict[str, Any],
        parent: Context | None = None,
        began_ns: int | None = None,
    ) -> None:
        self._signals = signals
        self.operation = operation
        self.name = name
        self.sequence = sequence = signals.ledger.number()
        scope = current_scope.get() or signals.outer_scope
        if scope is not None:
            attributes.update(scope.rendered())
        if operation == Operation.INVOKE_WORKFLOW and signals.settings.semconv == "1.37":
            attributes = rendering.older(attributes)
        self.start_attributes = attributes
        if parent is None:
            parent = living(get_current())
        if not parent and signals.outer is not None:
            parent = signals.outer
        self.started_ns = started = began_ns or time_ns()
        self.span = span = signals.tracer().start_span(name, parent, kind, attributes, (), started)
        self.context: Context = within(parent, span, self)
        if signals.is_silent or not span.is_recording():
            signals.ledger.skip(sequence)
            return
        self._pending = defer(span, self._render, self)
        if signals.tokenizer_calls is not None:
            self.tokenizer_calls = tuple(signals.tokenizer_calls())
        signals.ledger.open[sequence] = self
        if signals.background.is_dozing:
            signals.background.stir()
        if parent:
            agent = parent.get(AGENT)
            if agent is not None:
                agent.count(operation)  # type: ignore[attr-defined]  # only an Invocation is put there
            tool = parent.get(TOOL)
            if tool is not None:
                tool.count(operation)  # type: ignore[attr-defined]  # only an Invocation is put there

    @property
    def is_recording(self) -> bool:
        """Whether anything is kept: False when it was sampled out, or has ended."""
        return self.sequence in self._signals.ledger.open

    def count(self, operation: str | None) -> None:
        """Count a call that was made for this agent, or directly in this tool."""
        if operation in semconv.INFERENCE:
            self.inference_calls += 1
        elif operation == Operation.EXECUTE_TOOL:
            self.tool_calls += 1

    # What a hand-written integration knows.

    def request(self, request: Request | None = None, /, **said: Any) -> None:
        """Say what is asked: a `Request`, or its fields by name (`messages=`, `model=`, `temperature=` …).

        Messages may be text, `{"role": …, "content": …}` dictionaries, or messages with parts. The values are copied at once.
        For a tool or a function these are its arguments: `arguments=`, or each by its name.
        """
        with harmless.guard("taking note of a request"):
            if not self.is_recording:
                return
            if self.operation in (None, Operation.EXECUTE_TOOL):
                self.took(said["arguments"] if set(said) == {"arguments"} else said)
                return
            if request is None:
                further = said.pop("attributes", None)
                read = loose.search if self.operation == Operation.RETRIEVAL else loose.request
                request = read(copied(said))
                if isinstance(further, Mapping):
                    request = replace(request, attributes=rendering.clean(further))
                request = request if self._request is None else completed(self._request, request)
            self._request = request

    def chunk(self, chunk: Any) -> None:
        """Say that a piece of a streamed answer has arrived now: text, or any JSON-like value."""
        with harmless.guard("taking note of a chunk"):
            if self.is_recording:
                if self._chunks is None or self._chunk_times is None:
                    self._chunks, self._chunk_times = [], []
                self._chunk_times.append(time_ns())
                self._chunks.append(encode(chunk, self._cuts(), f"{self._content_names[1]}[{len(self._chunks)}]", self.has_room))

    def response(self, response: Any = None, /, **said: Any) -> None:
        """Say what came back: a `Response`, a text, a message, or its fields by name (`messages=`, `id=`, `usage=` …).

        For a tool this is its result, for a retrieval the list of documents.
        """
        with harmless.guard("taking note of a response"):
            if not self.is_recording:
                return
            self.is_answered = True
            if isinstance(response, Response):
                self._response = response
                return
            whole = response if response is not None else said
            self.gave(whole)
            encoded = self._output or b"null"
            if self.operation == Operation.RETRIEVAL:
                self._response = Response(documents=documents(decode(encoded)))
            elif self.operation not in (None, Operation.EXECUTE_TOOL):
                self._response = loose.response(decode(encoded))

    def usage(self, usage: Usage | None = None, /, **counts: int) -> None:
        """Say what it cost in tokens: a `Usage`, or counts by the conventions' names (`input_tokens=`, `output_tokens=` …)."""
        with harmless.guard("taking note of usage"):
            if self.is_recording:
                self._usage = usage if usage is not None else loose.usage(counts)

    def set_attribute(self, name: str, value: Any) -> None:
        """Put a further attribute on the span."""
        with harmless.guard("setting an attribute"):
            if self.is_recording:
                if self._attributes is None:
                    self._attributes = {}
                self._attributes[name] = value

    def fail(self, error: BaseException) -> None:
        """End it as failed, with `error`."""
        with harmless.guard("ending a failed invocation"):
            self.end(Outcome.FAILED, error)

    # What the engine knows.

    def took(self, arguments: Mapping[str, Any]) -> None:
        """Keep a copy of the arguments of a decorated function."""
        self._input = encode(arguments, self._cuts(), self._content_names[0], self.has_room)

    def gave(self, result: Any) -> None:
        """Keep a copy of the result of a decorated function."""
        self._output = encode(result, self._cuts(), self._content_names[1], self.has_room)

    def _cuts(self) -> list[Shortened]:
        if self._shortened is None:
            self._shortened = []
        return self._shortened

    def adopt(self, exchange: Exchange) -> None:
        """Take an inner layer's exchange as this operation's own: that layer saw it closer to the wire."""
        self.adopted = (*self.adopted, exchange)
        self.exchange = exchange

    def named_after(self, model: object) -> None:
        """Name it after the model, if that was not known when it began."""
        if self.name == self.operation and isinstance(model, str) and self.is_recording:
            self.start_attributes[semconv.REQUEST_MODEL] = model
            self.name = f"{self.operation} {model}"
            self.span.update_name(self.name)

    def becomes(self, operation: str, name: str, more: Mapping[str, Any]) -> None:
        """Another operation than it seemed to be when it began, before anything was done in it."""
        if self.is_recording:
            self.operation, self.name, self.more = operation, name, more
            self.start_attributes[semconv.OPERATION_NAME] = operation
            self.span.set_attribute(semconv.OPERATION_NAME, operation)
            self.span.update_name(name)
            self.context = within(self.context, self.span, self)

    def end(self, outcome: str, error: BaseException | None = None, at_ns: int | None = None) -> None:
        """End it, once: whatever comes later changes nothing. `at_ns` is for an end that is told afterwards."""
        signals = self._signals
        ledger = signals.ledger
        if ledger.open.pop(self.sequence, None) is None:
            return
        if self.inner is not None and not self.inner.ended:
            with harmless.guard("stopping the call of an inner layer"):
                self.inner.stopped(outcome)
        if self.error_type is not None and outcome == Outcome.COMPLETED:
            outcome = Outcome.FAILED  # an inner layer has seen that the answer was an error
        elif self.let_down is not None and outcome == Outcome.COMPLETED:
            outcome, error = Outcome.FAILED, self.let_down
        self.outcome = outcome
        span = self.span
        self.ended_ns = at_ns or time_ns()
        if outcome == Outcome.FAILED:
            with harmless.guard("recording an error"):
                self._record_error(error)
        if self._pending is not None:
            self._pending.ready = True
            if signals.redactor is not None:
                with harmless.guard("looking through the rest of a span"):
                    self._rest = cover(span, signals.redactor, self)
        else:
            with harmless.guard("rendering the span"):
                span.set_attributes(self._render(None))
        try:
            span.end(self.ended_ns)
        except Exception as ours:  # noqa: BLE001  # a bare `try`: this is the hot path
            harmless.failed("ending the span", ours)
        ledger.count_end()
        after = signals.after
        if after is not None and after.wanted() and not signals.background.put(after.record, self):
            ledger.lose((None,), "metrics and events: background queue full")

    def weight(self) -> int:
        """About how many bytes of what was said it holds. On the host's thread, when too much waits."""
        told = [self._input, self._output, *(self._chunks or ())]
        held = sum(len(one) for one in told if one is not None)
        if self._request is not None:
            held += len(encode(self._request.messages))
        if self._response is not None:
            held += len(encode(self._response.messages))
        return held + sum(getattr(exchange, "weight", int)() for exchange in self.adopted or (self.exchange,))

    def lighten(self) -> None:
        """Let go of what was said. What is known besides, the usage above all, is worked out now, from what is let go of."""
        request, response = self._read_request(), self._read_response()
        attributes = {
            name: value
            for name, value in self._known(request, response).items()
            if name not in semconv.CONTENT_LIKE and name != semconv.CHUNKS_TIMELINE
        }
        if self.keeps_content:
            attributes[semconv.CONTENT_DROPPED] = "overload"
        if self._signals.settings.semconv == "1.37":
            attributes = rendering.older(attributes)
        asked = replace(request, messages=(), system_instructions=(), tools=(), query=None, tokens=())
        answered = replace(response, messages=(), documents=(), tokens=())
        self._rendered = Rendered(attributes, rendering.Content(), asked, answered)
        self.exchange = self.inner = self.refused = self.calling = None
        self._input = self._output = self._chunks = self._chunk_times = self._request = self._response = None
        self.adopted = ()
        self.further = MappingProxyType({})

    def cost(self) -> Usage | None:
        """What it cost in tokens, as far as that is known."""
        return (self._rendered.response if self._rendered is not None else self._read_response()).usage

    def later(self, what: Any, *how: Any) -> None:
        """Have something done on the background thread, taking no lock now: for finalisers."""
        self._signals.background.leave(_do, (what, how))

    def abandon(self) -> None:
        """End it with what has arrived: nobody will end it any more."""
        if self.calling is not None:
            self.calling.stopped(Outcome.ABANDONED)
        self.end(Outcome.ABANDONED)

    def answered_badly(self, error_type: str, message: str | None) -> None:
        """End it as failed though nothing was raised: the answer itself says so."""
        self.error_type = error_type
        if self.is_recording:
            self.span.set_status(self._status(message if message and self.keeps_content else None))
            self.end(Outcome.FAILED)

    def _record_error(self, error: BaseException | None) -> None:
        if error is None:
            if self.error_type is None:
                self.error_type = "_OTHER"
                self.span.set_status(Status(StatusCode.ERROR))
            return
        self.error = error
        self.error_type = errors.type_name(error)
        text = errors.message_of(error) if self.keeps_content else ""
        self.span.set_status(self._status(text, type(error).__name__))
        if self._signals.after is None or not self._signals.after.takes_events:
            # The conventions want a log record; where nobody takes logs, a span event keeps the stack from being lost.
            self.span.add_event("exception", self.exception_attributes())

    def _status(self, words: str | None, kind: str | None = None) -> Status:
        """That it failed, with these words, bounded and redacted: where the SDK's own span takes it, when they are read."""
        redactor = self._signals.redactor

        def said() -> str | None:
            kept = words and errors.bounded(
                words if redactor is None else redactor.text(words, "status.description", self.findings)
            )
            return f"{kind}: {kept}" if kind and kept else kind or kept

        if redactor is None or not words or self._pending is None:
            return Status(StatusCode.ERROR, said())
        return LaterStatus(StatusCode.ERROR, said)


def _do(pieces: Sequence[tuple[Any, tuple[Any, ...]]]) -> None:
    for what, how in pieces:
        what(*how)
