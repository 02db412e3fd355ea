"""One operation in flight: a span from its start to its one end, and what is known of it.

The hot path is `start` and `end`. Nothing is rendered there: the span's attributes are worked out when they are read (see `pending`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from time import time_ns
from types import MappingProxyType
from typing import Any

from opentelemetry.context import Context, get_current
from opentelemetry.trace import SpanKind, Status, StatusCode

from .. import harmless, semconv
from ..conversation import Request, Response, Usage, loose
from ..conversation.encoding import Shortened, decode, encode, shorten
from ..conversation.usage import summed
from ..semconv import Operation, Outcome
from . import errors, rendering
from .exchange import Exchange, Raw, Rendered
from .merging import NOTHING_ASKED, NOTHING_SAID, answered, completed, copied, documents
from .owning import AGENT, living, within
from .pending import PendingAttributes, defer
from .rendering import Content
from .scope import current as current_scope
from .signals import Signals


class Invocation:
    """An operation that has begun and will end once: completed, failed, cancelled or abandoned.

    Hand-written integrations tell it what they know with `request`, `chunk`, `response`, `usage` and `fail`.
    """

    # Defaults stand on the class, not in `__init__`: most calls never set them, and beginning one is the hot path.
    instead = None
    """The host's arguments are passed on as they are."""
    outcome: str | None = None
    ended_ns = 0
    error: BaseException | None = None
    error_type: str | None = None
    exchange: Exchange | None = None
    is_answered = False
    """Whether the host has told the answer itself: then an inner call is another operation."""
    adopted: tuple[Exchange, ...] = ()
    """What inner layers saw of this operation; the last one is its `exchange`."""
    calling: Any = None
    """The client call at work, for the client's own adapter."""
    inference_calls = 0
    tool_calls = 0
    _pending: PendingAttributes | None = None
    more: Mapping[str, Any] = MappingProxyType({})
    """Further span attributes that no sampler needs to see."""
    _attributes: dict[str, Any] | None = None
    _request: Request | None = None
    _response: Response | None = None
    _usage: Usage | None = None
    _chunks: list[bytes] | None = None
    _chunk_times: list[int] | None = None
    _input: bytes | None = None
    _output: bytes | None = None
    _rendered: Rendered | None = None
    _shortened: list[Shortened] | None = None
    """What was too long to be kept while waiting."""

    def __init__(
        self,
        signals: Signals,
        operation: str | None,
        name: str,
        kind: SpanKind,
        attributes: dict[str, Any],
        parent: Context | None = None,
    ) -> None:
        self._signals = signals
        self.operation = operation
        self.name = name
        self.sequence = sequence = signals.ledger.number()
        scope = current_scope.get()
        if scope is not None:
            attributes.update(scope.rendered())
        self.start_attributes = attributes
        if parent is None:
            parent = living(get_current())
        self.started_ns = started = time_ns()
        self.span = span = signals.tracer().start_span(name, parent, kind, attributes, (), started)
        self.context: Context = within(parent, span, self)
        if signals.is_silent or not span.is_recording():
            signals.ledger.sampled_out += 1
            return
        self._pending = defer(span, self._render, self)
        signals.ledger.open[sequence] = self
        if parent:
            agent = parent.get(AGENT)
            if agent is not None:
                agent.count(operation)  # type: ignore[attr-defined]  # only an Invocation is put there

    @property
    def is_recording(self) -> bool:
        """Whether anything is kept: False when it was sampled out, or has ended."""
        return self.sequence in self._signals.ledger.open

    @property
    def keeps_content(self) -> bool:
        """Whether prompts and completions are kept."""
        return self._signals.content

    def count(self, operation: str | None) -> None:
        """Count a call that was made for this agent."""
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
                request = loose.request(copied(said))
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
                self._chunks.append(encode(chunk, self._cuts(), f"{self._content_names[1]}[{len(self._chunks)}]"))

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
        self._input = encode(arguments, self._cuts(), self._content_names[0])

    def gave(self, result: Any) -> None:
        """Keep a copy of the result of a decorated function."""
        self._output = encode(result, self._cuts(), self._content_names[1])

    def _cuts(self) -> list[Shortened]:
        if self._shortened is None:
            self._shortened = []
        return self._shortened

    @property
    def _content_names(self) -> tuple[str, str]:
        is_tool = self.operation == Operation.EXECUTE_TOOL
        return (semconv.TOOL_CALL_ARGUMENTS, semconv.TOOL_CALL_RESULT) if is_tool else (semconv.INPUT, semconv.OUTPUT)

    def adopt(self, exchange: Exchange) -> None:
        """Take an inner layer's exchange as this operation's own: that layer saw it closer to the wire."""
        self.adopted = (*self.adopted, exchange)
        self.exchange = exchange

    def end(self, outcome: str, error: BaseException | None = None) -> None:
        """End it, once: whatever comes later changes nothing."""
        signals = self._signals
        ledger = signals.ledger
        if ledger.open.pop(self.sequence, None) is None:
            return
        self.outcome = outcome
        span = self.span
        self.ended_ns = time_ns()
        if outcome == Outcome.FAILED:
            with harmless.guard("recording an error"):
                self._record_error(error)
        if self._pending is not None:
            self._pending.ready = True
        else:
            with harmless.guard("rendering the span"):
                span.set_attributes(self._render(None))
        try:
            span.end(self.ended_ns)
        except Exception as ours:  # noqa: BLE001  # a bare `try`: this is the hot path
            harmless.failed("ending the span", ours)
        ledger.ended += 1
        after = signals.after
        if after is not None and after.wanted() and not signals.background.put(after.record, self):
            ledger.dropped["metrics and events: background queue full"] += 1

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
            self.span.set_status(
                Status(StatusCode.ERROR, shorten(message, errors.MAX_WORDS) if message and self.keeps_content else None)
            )
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
        self.span.set_status(Status(StatusCode.ERROR, f"{type(error).__name__}: {text}" if text else type(error).__name__))
        if self._signals.after is None or not self._signals.after.takes_events:
            # The conventions want a log record; where nobody takes logs, a span event keeps the stack from being lost.
            self.span.add_event("exception", self.exception_attributes())

    def exception_attributes(self) -> dict[str, str]:
        """The error as `exception.*` attributes; its words only where content is kept, since they may quote it."""
        if self.error is None:
            return {semconv.EXCEPTION_TYPE: self.error_type or "_OTHER"}
        return errors.attributes_of(self.error, with_words=self.keeps_content)

    # Reading it, once it has ended.

    def rendered(self) -> Rendered:
        """Everything that is known, worked out at the first asking."""
        if self._rendered is None:
            request, response = self._read_request(), self._read_response()
            content = self._content(request, response) if self.keeps_content else Content()
            attributes = self._known(request, response)
            if self._signals.settings.semconv == "1.37":
                attributes = rendering.older(attributes)
            self._rendered = Rendered(attributes, content, request, response)
        return self._rendered

    def raw(self) -> Raw | None:
        """The exchange as it was, if content is kept."""
        if not self.keeps_content:
            return None
        if self.exchange is not None:
            return self.exchange.raw()
        if self._input is None and self._output is None and not self._chunks:
            return None
        events = [(when - self.started_ns, chunk) for when, chunk in zip(self._chunk_times or (), self._chunks or (), strict=False)]
        return Raw(self._input, self._output, events, len(events) if events else None)

    @property
    def chunk_times(self) -> Sequence[int]:
        """When each chunk arrived, in ns since the epoch."""
        seen = self.exchange.chunk_times if self.exchange is not None else ()
        return seen or self._chunk_times or ()

    def _render(self, text_limit: int | None) -> Mapping[str, Any]:
        rendered = self.rendered()
        attributes = dict(rendered.attributes)
        content = rendered.content
        shortened = [*(self._shortened or ()), *(self.exchange.shortened if self.exchange is not None else ()), *content.shortened]
        if self._signals.content_on_spans:
            for name, whole in content.joined():
                attributes[name] = self._fitting(name, whole, content, text_limit, shortened)
        if shortened:
            attributes[semconv.CONTENT_SHORTENED] = rendering.shortened_text(shortened)
        if text_limit is not None:
            rendering.cut_texts(attributes, text_limit, content)
        return {name: value for name, value in attributes.items() if value is not None}

    @staticmethod
    def _fitting(name: str, whole: bytes, content: Content, limit: int | None, shortened: list[Shortened]) -> str | None:
        if limit is None or len(whole) <= limit:
            return whole.decode()
        if name in content.lists:
            fit = rendering.fitted(content.lists[name], limit, name, shortened)
        elif name == semconv.RETRIEVAL_QUERY_TEXT:
            fit = shorten(whole.decode(), limit).encode()[:limit]
        else:
            fit = rendering.fitted_value(decode(whole), limit, name, shortened)
        return None if fit is None else fit.decode("utf-8", "ignore")

    def _read_request(self) -> Request:
        read = NOTHING_ASKED
        if self.exchange is not None:
            with harmless.guard("reading the request"):
                read = self.exchange.request()
        elif self._input is not None and self.operation not in (None, Operation.EXECUTE_TOOL):
            with harmless.guard("reading the arguments"):
                read = loose.request(decode(self._input))
        return read if self._request is None else completed(self._request, read)

    def _read_response(self) -> Response:
        read = self._response or NOTHING_SAID
        with harmless.guard("reading the response"):
            if self.exchange is not None:
                read = answered(self.exchange.response(), read)
                if len(self.adopted) > 1:  # each of them was paid for
                    read = replace(read, usage=summed([exchange.response().usage for exchange in self.adopted]))
            elif self._response is None and self.operation not in (None, Operation.EXECUTE_TOOL):
                read = self._loose_response()
        if self._usage is not None:
            read = replace(read, usage=self._usage)
        if self.outcome != Outcome.COMPLETED and read.messages and len(read.finish_reasons) < len(read.messages):
            # Generation began and its end never came: the conventions want to see that in its place.
            reasons = (*read.finish_reasons, *("error",) * (len(read.messages) - len(read.finish_reasons)))
            read = replace(read, finish_reasons=reasons)
        return read

    def _loose_response(self) -> Response:
        if self._output is not None:
            said = decode(self._output)
            return Response(documents=documents(said)) if self.operation == Operation.RETRIEVAL else loose.response(said)
        if self._chunks:
            return loose.response(loose.folded([decode(chunk) for chunk in self._chunks]))
        return NOTHING_SAID

    def _content(self, request: Request, response: Response) -> Content:
        content = Content()
        if self.operation is not None:
            content = rendering.exchange_content(request, response, older=self._signals.settings.semconv == "1.37")
        if self.operation in (None, Operation.EXECUTE_TOOL):
            names = self._content_names
        elif self.operation == Operation.RETRIEVAL and request.query:
            content.singles[semconv.RETRIEVAL_QUERY_TEXT] = request.query.encode("utf-8", "backslashreplace")
            return content
        else:
            return content
        output = self._output
        if output is None and self._chunks:
            output = b"[" + b",".join(self._chunks) + b"]"
        for name, encoded in zip(names, (self._input, output), strict=True):
            if encoded is not None:
                content.singles[name] = encoded
        result = content.singles.get(semconv.TOOL_CALL_RESULT)
        if result is not None and not result.startswith(b"{"):
            content.singles[semconv.TOOL_CALL_RESULT] = b'{"result":' + result + b"}"  # the conventions want an object
        return content

    def _known(self, request: Request, response: Response) -> dict[str, Any]:
        """All attributes but the content's, most precious first."""
        times = self.chunk_times
        known: dict[str, Any] = {**self.start_attributes, **self.more}
        known[semconv.RUN_ID] = self._signals.ledger.run_id
        known[semconv.CALL_SEQUENCE] = self.sequence
        known[semconv.OUTCOME] = self.outcome
        if self.error_type is not None:
            known[semconv.ERROR_TYPE] = self.error_type
        if request.model is not None and semconv.REQUEST_MODEL not in known:
            known[semconv.REQUEST_MODEL] = str(request.model)
        known.update(rendering.response_attributes(response))
        if times:
            known[semconv.RESPONSE_TIME_TO_FIRST_CHUNK] = (times[0] - self.started_ns) / 1e9
            known[semconv.CHUNKS_COUNT] = len(times)
            if self.operation in semconv.INFERENCE:
                known[semconv.REQUEST_STREAM] = True
        given = self.start_attributes  # what the outermost layer said stands
        asked = rendering.request_attributes(request)
        if self.exchange is not None:
            with harmless.guard("reading where a call went"):
                asked.update(self.exchange.extra())
        known.update({name: value for name, value in asked.items() if name not in given})
        if self.operation == Operation.EMBEDDINGS and response.dimension_count is None and request.dimension_count is not None:
            known[semconv.EMBEDDINGS_DIMENSION_COUNT] = request.dimension_count
        conversation = response.conversation_id or request.conversation_id
        if conversation:
            known.setdefault(semconv.CONVERSATION_ID, conversation)
        if len(self.adopted) > 1:
            known[semconv.MODEL_CALLS] = len(self.adopted)
        if self._attributes:
            known.update(rendering.clean(self._attributes))
        if not self._signals.content_on_spans:
            for name in semconv.CONTENT_LIKE & known.keys():
                del known[name]
        return known


class Lent(Invocation):
    """An outer invocation in the hands of an inner layer, which may add what it knows and cannot end it."""

    def __init__(self, owner: Invocation) -> None:
        self.__dict__ = owner.__dict__  # what is told to one is told to the other

    def end(self, outcome: str, error: BaseException | None = None) -> None:
        """The outer layer ends it."""


def _do(pieces: Sequence[tuple[Any, tuple[Any, ...]]]) -> None:
    for what, how in pieces:
        what(*how)
