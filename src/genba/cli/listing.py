"""`genba list`: model calls or traces, a line each."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from .. import semconv
from ..conversation.reading import Words, duration, escaped, first_words, moment, outcome, tree
from ..store.querying import SpanStore
from ..store.stored import StoredSpan, valued
from .printing import Column

CALLS: Final = (
    *sorted(semconv.INFERENCE),
    semconv.Operation.EMBEDDINGS,
    semconv.Operation.RETRIEVAL,
    semconv.Operation.FETCH_RESPONSE,
)
"""The operations that are a call to a model or its neighbours, rather than something of the host's around it."""

CALL_COLUMNS: Final = (
    Column("TIME"),
    Column("SPAN"),
    Column("CALL"),
    Column("IN", is_number=True),
    Column("OUT", is_number=True),
    Column("TOOK", is_number=True),
    Column("FIRST", is_number=True, may_go=True),
    Column("OUTCOME"),
    Column("FIRST WORDS"),
)
TRACE_COLUMNS: Final = (
    Column("TIME"),
    Column("TRACE"),
    Column("NAME"),
    Column("SPANS", is_number=True, may_go=True),
    Column("CALLS", is_number=True),
    Column("IN", is_number=True),
    Column("OUT", is_number=True),
    Column("TOOK", is_number=True),
    Column("OUTCOME"),
    Column("FIRST WORDS"),
)

_WORDS: Final = (semconv.OUTPUT_MESSAGES, semconv.INPUT_MESSAGES, semconv.RETRIEVAL_QUERY_TEXT, semconv.OUTPUT, semconv.INPUT)


@dataclass(frozen=True, slots=True)
class Call:
    """One model call."""

    span: StoredSpan
    words: str

    def cells(self) -> Sequence[Words]:
        """The line of the table."""
        attributes = self.span.attributes
        asked, answered = (str(attributes.get(name) or "") for name in (semconv.REQUEST_MODEL, semconv.RESPONSE_MODEL))
        # The name of a call ends with the model that was asked for; the one that answered says more.
        name = f"{self.span.name.removesuffix(asked).strip()} {answered or asked}".strip()
        return (
            Words(_when(self.span.start_ns), "fact"),
            Words(self.span.span_id.hex()[:8]),
            Words(_cut(name, 28), "name"),
            Words(_count(attributes.get(semconv.USAGE + "input_tokens"))),
            Words(_count(attributes.get(semconv.USAGE + "output_tokens"))),
            Words(duration(self.span.end_ns - self.span.start_ns), "fact"),
            Words(_first(attributes.get(semconv.RESPONSE_TIME_TO_FIRST_CHUNK)), "fact"),
            _ended(outcome(self.span)),
            Words(self.words),
        )

    def as_json(self) -> dict[str, Any]:
        """The same for programs."""
        attributes = self.span.attributes
        return {
            "trace_id": self.span.trace_id.hex(),
            "span_id": self.span.span_id.hex(),
            "name": self.span.name,
            "start_time_unix_nano": self.span.start_ns,
            "end_time_unix_nano": self.span.end_ns,
            "operation": attributes.get(semconv.OPERATION_NAME),
            "provider": attributes.get(semconv.PROVIDER_NAME),
            "request_model": attributes.get(semconv.REQUEST_MODEL),
            "response_model": attributes.get(semconv.RESPONSE_MODEL),
            "input_tokens": attributes.get(semconv.USAGE + "input_tokens"),
            "output_tokens": attributes.get(semconv.USAGE + "output_tokens"),
            "time_to_first_chunk": attributes.get(semconv.RESPONSE_TIME_TO_FIRST_CHUNK),
            "outcome": outcome(self.span),
            "error_type": attributes.get(semconv.ERROR_TYPE),
            "first_words": self.words,
        }


@dataclass(frozen=True, slots=True)
class Trace:
    """One trace, by its first root."""

    root: StoredSpan
    spans: Sequence[StoredSpan]
    words: str

    def cells(self) -> Sequence[Words]:
        """The line of the table."""
        return (
            Words(_when(self.root.start_ns), "fact"),
            Words(self.root.trace_id.hex()[:8]),
            Words(_cut(self.root.name, 28), "name"),
            Words(str(len(self.spans))),
            Words(str(len(self._calls()))),
            Words(_count(self._tokens("input_tokens"))),
            Words(_count(self._tokens("output_tokens"))),
            Words(duration(self._end() - self.root.start_ns), "fact"),
            _ended(outcome(self.root)),
            Words(self.words),
        )

    def as_json(self) -> dict[str, Any]:
        """The same for programs."""
        return {
            "trace_id": self.root.trace_id.hex(),
            "name": self.root.name,
            "start_time_unix_nano": self.root.start_ns,
            "end_time_unix_nano": self._end(),
            "spans": len(self.spans),
            "calls": len(self._calls()),
            "input_tokens": self._tokens("input_tokens"),
            "output_tokens": self._tokens("output_tokens"),
            "outcome": outcome(self.root),
            "first_words": self.words,
        }

    def _calls(self) -> list[StoredSpan]:
        return [span for span in self.spans if span.attributes.get(semconv.OPERATION_NAME) in CALLS]

    def _tokens(self, side: str) -> int | None:
        # Only of the calls themselves: an agent's span repeats the sum of its calls.
        counts = [span.attributes.get(semconv.USAGE + side) for span in self._calls()]
        known = [count for count in counts if isinstance(count, int)]
        return sum(known) if known else None

    def _end(self) -> int:
        return max(span.end_ns for span in self.spans)


def calls(store: SpanStore, limit: int, *, model: str | None, error: bool) -> list[Call]:
    """The newest calls that fit."""
    found = store.spans(limit, operations=CALLS, model=model, error=error)
    return [Call(span, words) for span, words in zip(found, _words(store, found), strict=True)]


def traces(store: SpanStore, limit: int) -> list[Trace]:
    """The newest traces."""
    found = [spans for spans in store.traces(store.newest_traces(limit)) if spans]
    roots = [tree(spans)[0].span for spans in found]
    # Those of the roots first, and together: seldom is more asked for, and a trace may be long.
    said = zip(found, roots, _words(store, roots), strict=True)
    return [Trace(root, spans, words or next(filter(None, _words(store, spans)), "")) for spans, root, words in said]


def _words(store: SpanStore, spans: Sequence[StoredSpan]) -> Iterator[str]:
    return (first_words(valued(content)) for content in store.contents(spans, _WORDS))


def _cut(text: str, width: int) -> str:
    text = escaped(text, one_line=True)
    return text if len(text) <= width else text[: width - 1] + "…"


def _count(value: object) -> str:
    return str(value) if isinstance(value, int) else "-"


def _first(value: object) -> str:
    return duration(value * 1e9) if isinstance(value, (int, float)) else "-"


def _ended(said: str) -> Words:
    return Words(_cut(said, 9), "fact" if said == semconv.Outcome.COMPLETED else "error")


def _when(nanoseconds: int) -> str:
    today = moment(nanoseconds, "%Y-%m-%d") == moment(time.time_ns(), "%Y-%m-%d")
    return moment(nanoseconds, "%H:%M:%S" if today else "%m-%d %H:%M")
