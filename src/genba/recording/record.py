"""What is known of one operation, and what that is rendered to: read once it has ended, on the exporter's thread."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from .. import harmless, semconv
from ..conversation import Request, Response, Usage, loose
from ..conversation.encoding import Shortened, decode, sha256, shorten
from ..conversation.tokens import Chunk
from ..redacting.finding import Findings
from ..semconv import Operation, Outcome
from ..settings import Settings
from . import errors, redacted, rendering, timeline, tokens
from .exchange import Exchange, Raw, Rendered
from .merging import NOTHING_ASKED, NOTHING_SAID, answered, completed, documents, looked_for, together
from .pending import merged
from .rendering import Content
from .signals import Signals

if TYPE_CHECKING:
    from ..redacting.redactor import Redactor
    from ..tokens.local import Tokenizers

MOST_OF_RECORDS: Final = 256 << 10
"""Bytes of token records that are put on a span, on one attribute. The store has longer ones."""


class Record:
    """Everything that was told of an operation, by whoever told it. An `Invocation` is one that is being told."""

    operation: str | None
    name: str
    sequence: int
    started_ns: int
    start_attributes: dict[str, Any]
    _signals: Signals
    tokenizer_calls: Sequence[Any] = ()
    """What the application had its tokenizers do around here, if that is noted."""

    # Defaults stand on the class, not in `__init__`: most calls never set them, and beginning one is the hot path.
    outcome: str | None = None
    ended_ns = 0
    error: BaseException | None = None
    error_type: str | None = None
    exchange: Exchange | None = None
    is_answered = False
    """Whether the host has told the answer itself: then an inner call is another operation."""
    adopted: tuple[Exchange, ...] = ()
    """What inner layers saw of this operation; the last one is its `exchange`."""
    inner: Any = None
    """The call of an inner layer that began last: what it saw counts, even where it is told of its end later than this."""
    refused: tuple[Exchange, BaseException] | None = None
    """What an inner layer saw of its last failure. It counts where the operation fails with it."""
    withholds_content = False
    """Whether the library that reports it was told by its user to keep what is said to itself."""
    more: Mapping[str, Any] = MappingProxyType({})
    """Further span attributes that no sampler needs to see."""
    further: Mapping[Hashable, Callable[[], Mapping[str, Any]]] = MappingProxyType({})
    """By whoever tells of it, what works out further span attributes when the span is read."""
    _attributes: dict[str, Any] | None = None
    _request: Request | None = None
    _response: Response | None = None
    _usage: Usage | None = None
    _chunks: list[bytes] | None = None
    _chunk_times: list[int] | None = None
    _input: bytes | None = None
    _output: bytes | None = None
    _rendered: Rendered | None = None
    _held: tuple[Callable[[], None], ...] = ()
    """What gives back the room that long copies take."""
    _exception: dict[str, str] | None = None
    _findings: Findings | None = None
    _sides: redacted.Sides
    _rest: Sequence[Callable[[], Any]] = ()
    """What brings about that the rest of its span is redacted."""
    _shortened: list[Shortened] | None = None
    """What was too long to be kept while waiting."""

    @property
    def settings(self) -> Settings:
        """The settings in force."""
        return self._signals.settings

    @property
    def tokenizers(self) -> Tokenizers:
        """The tokenizers that genba may use itself."""
        return self._signals.tokenizers

    def quietly(self) -> AbstractContextManager[None]:
        """What is around the use of one of them."""
        return self._signals.quietly()

    @property
    def provider(self) -> str | None:
        """Who serves the model."""
        said = self.start_attributes.get(semconv.PROVIDER_NAME)
        return said if isinstance(said, str) else None

    @property
    def keeps_content(self) -> bool:
        """Whether prompts and completions are kept."""
        return self._signals.content and not self.withholds_content

    @property
    def _content_names(self) -> tuple[str, str]:
        is_tool = self.operation == Operation.EXECUTE_TOOL
        return (semconv.TOOL_CALL_ARGUMENTS, semconv.TOOL_CALL_RESULT) if is_tool else (semconv.INPUT, semconv.OUTPUT)

    def exception_attributes(self) -> dict[str, str]:
        """The error as `exception.*` attributes; its words only where content is kept, since they may quote it."""
        if self.error is None:
            return {semconv.EXCEPTION_TYPE: self.error_type or "_OTHER"}
        if self._exception is None:
            said = errors.attributes_of(self.error, with_words=self.keeps_content)
            redactor = self._signals.redactor
            self._exception = said if redactor is None else redactor.attributes(said, self.findings)
            if semconv.EXCEPTION_MESSAGE in said:
                self._exception[semconv.EXCEPTION_MESSAGE] = errors.bounded(self._exception[semconv.EXCEPTION_MESSAGE])
        return self._exception

    @property
    def findings(self) -> Findings:
        """What was taken out of it."""
        if self._findings is None:
            self._findings = Findings()
        return self._findings

    def rendered(self) -> Rendered:
        """Everything that is known, worked out at the first asking."""
        if self._rendered is None:
            request, response = self._read_request(), self._read_response()
            content = self._content(request, response) if self.keeps_content else Content()
            attributes = self._known(request, response)
            redactor = self._signals.redactor
            if redactor is not None:
                self._sides = redacted.content(content, redactor, self.findings)
            attributes.update(self._offloaded(content))
            rendering.shorten_texts(content)
            with harmless.guard("telling of tokens"):
                chunks = () if self.settings.tokens == "off" else self.chunks()
                mask = None if redactor is None else redacted.mask(redactor, self._sides)
                told = tokens.told(self, request, response, chunks, mask)
                attributes.update({**self._paced(response, chunks), **told.attributes})
                content.lists.update(told.records)
            if redactor is not None:
                attributes = self._redacted(attributes, redactor)
            if self._signals.settings.semconv == "1.37":
                attributes = rendering.older(attributes)
            self._rendered = Rendered(attributes, content, request, response)
        return self._rendered

    def _redacted(self, attributes: dict[str, Any], redactor: Redactor) -> dict[str, Any]:
        kept = redacted.attributes(attributes, redactor, self.findings)
        if self.error is not None:
            self.exception_attributes()
        for settle in self._rest:
            with harmless.guard("redacting the rest of a span"):
                settle()
        if self.findings:
            kept[semconv.REDACTED] = redacted.counted(self.findings)
        return kept

    def raw(self) -> Raw | None:
        """The exchange as it was, if content is kept, but for what is redacted; what is large may be referred to."""
        raw = self._raw_exchange() if self.keeps_content else None
        redactor = self._signals.redactor
        if raw is not None and redactor is not None:
            self.rendered()
            raw = redacted.exchange(raw, redactor, self.findings, self._sides)
        offload = self._signals.offload
        if raw is not None and offload is not None:
            with harmless.guard("offloading the raw exchange"):
                raw = raw.each(offload.exchange)
        return raw

    def has_room(self, size: int) -> bool:
        """Whether a copy of so many bytes, more than others may have, is kept whole: it is to be offloaded."""
        offload = self._signals.offload
        held = offload.room.take(size) if offload is not None and self.stays_whole(size) else None
        if held is not None:
            self._held = (*self._held, held)
        return held is not None

    def stays_whole(self, size: int) -> bool:
        """The same for a copy that is made to be offloaded at once."""
        offload = self._signals.offload
        return offload is not None and self.keeps_content and offload.takes(size)

    def _offloaded(self, content: Content) -> dict[str, Any]:
        """Put what is large in the content into the blob store; what the span says of it."""
        offload = self._signals.offload
        said: dict[str, Any] = {}
        held, self._held = self._held, ()
        for let_go in held:
            let_go()
        if offload is None or not self.keeps_content:
            return said
        with harmless.guard("offloading content"):
            done = offload.content(content.lists, content.singles)
            if done is not None:
                content.lists, content.singles = done.lists, done.singles
                content.shortened.extend(done.shortened)
                if done.references:
                    said[semconv.CONTENT_OFFLOADED] = rendering.references_text(done.references)
            for name, uri, because in offload.uploaded(content.lists):
                if because is None:
                    said[name] = uri
                else:
                    content.shortened.append(Shortened(name, 0, "", because=because))
        return said

    def _raw_exchange(self) -> Raw | None:
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

    def chunks(self) -> Sequence[Chunk]:
        """What is known of each chunk of its stream."""
        seen = self.exchange.chunks() if self.exchange is not None else ()
        if seen or self._chunk_times is None or self._chunks is None:
            return seen
        return [Chunk(when, len(chunk)) for when, chunk in zip(self._chunk_times, self._chunks, strict=False)]

    def _paced(self, response: Response, chunks: Sequence[Chunk]) -> dict[str, Any]:
        """How fast it came."""
        if self.settings.tokens == "off" or self.operation not in semconv.INFERENCE:
            return {}
        output_tokens = response.usage.output_tokens if response.usage is not None else None
        told = timeline.of_chunks(chunks, self.started_ns, output_tokens)
        return told if response.timings is None else {**told, **timeline.of_engine(response.timings)}

    def _render(self, text_limit: int | None, before: Mapping[str, Any] = MappingProxyType({})) -> Mapping[str, Any]:
        rendered = self.rendered()
        attributes = dict(rendered.attributes)
        redactor = self._signals.redactor
        content = rendered.content
        shortened = [*(self._shortened or ()), *(self.exchange.shortened if self.exchange is not None else ()), *content.shortened]
        if self._signals.content_on_spans:
            for name, whole in content.joined():
                attributes[name] = self._fitting(name, whole, content, text_limit, shortened)
        if shortened and self.keeps_content:
            attributes[semconv.CONTENT_SHORTENED] = rendering.shortened_text(shortened)
            if redactor is not None:  # a path may have words in it
                attributes[semconv.CONTENT_SHORTENED] = redactor.text(
                    attributes[semconv.CONTENT_SHORTENED], semconv.CONTENT_SHORTENED, Findings()
                )
        if redactor is not None and before:
            before = redacted.before(before, self.start_attributes, rendered.attributes, redactor, self.findings)
            if self.findings:
                attributes[semconv.REDACTED] = redacted.counted(self.findings)
        if text_limit is not None:
            rendering.cut_texts(attributes, text_limit, content)
        return merged(before, {name: value for name, value in attributes.items() if value is not None})

    @staticmethod
    def _fitting(name: str, whole: bytes, content: Content, limit: int | None, shortened: list[Shortened]) -> str | None:
        if name in semconv.TOKEN_RECORDS:
            return Record._fitting_records(name, whole, limit, shortened)
        if limit is None or len(whole) <= limit:
            return whole.decode()
        if name in content.lists:
            fit = rendering.fitted(content.lists[name], limit, name, shortened)
        elif name == semconv.RETRIEVAL_QUERY_TEXT:
            fit = shorten(whole.decode(), limit).encode()[:limit]
        else:
            fit = rendering.fitted_value(decode(whole), limit, name, shortened)
        return None if fit is None else fit.decode("utf-8", "ignore")

    @staticmethod
    def _fitting_records(name: str, whole: bytes, limit: int | None, shortened: list[Shortened]) -> str | None:
        """Token records are on a span whole or not at all: the half of one would be another one."""
        if len(whole) <= min(limit or MOST_OF_RECORDS, MOST_OF_RECORDS):
            return whole.decode()
        shortened.append(Shortened(name, len(whole), sha256(whole)))
        return None

    def _read_request(self) -> Request:
        read = NOTHING_ASKED
        if self.exchange is not None:
            with harmless.guard("reading the request"):
                read = self.exchange.request()
                if self.operation == Operation.RETRIEVAL and self._input is not None:
                    read = looked_for(decode(self._input), read)
        elif self._input is not None and self.operation not in (None, Operation.EXECUTE_TOOL):
            with harmless.guard("reading the arguments"):
                read = (loose.search if self.operation == Operation.RETRIEVAL else loose.request)(decode(self._input))
        return read if self._request is None else completed(self._request, read)

    def _read_response(self) -> Response:
        read = self._response or NOTHING_SAID
        with harmless.guard("reading the response"):
            if self.exchange is not None:
                read = answered(self.exchange.response(), read)
                if len(self.adopted) > 1:
                    read = together(read, [exchange.response() for exchange in self.adopted])
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
        for work_out in tuple(self.further.values()):
            with harmless.guard("working out further attributes"):
                known.update(rendering.clean(work_out()))
        if not self._signals.content_on_spans or self.withholds_content:
            for name in semconv.CONTENT_LIKE & known.keys():
                del known[name]
        return known
