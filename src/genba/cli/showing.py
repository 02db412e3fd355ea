"""`genba show`: one trace as a tree, then what was said in each of its spans."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from .. import semconv
from ..conversation.reading import Line, Transcript, Words, duration, escaped, moment, trace_lines, tree, written
from ..store import values
from ..store.querying import SpanStore
from ..store.stored import Pieces, StoredSpan, valued


def lines(store: SpanStore, spans: Sequence[StoredSpan], chosen: bytes | None) -> Iterator[Line]:
    """The tree, then the conversation of each span, or of the `chosen` one alone."""
    trace = spans[0]
    took = duration(max(span.end_ns for span in spans) - min(span.start_ns for span in spans))
    yield [Words(f"trace {trace.trace_id.hex()}", "name"), Words(f"  {moment(trace.start_ns)}  {took}", "fact")]
    yield from _belongs_to(spans)
    yield from trace_lines(spans)
    shown = [branch.span for branch in tree(spans) if chosen in (None, branch.span.span_id)]
    contents = [valued(content) for content in store.contents(shown)]
    transcript = Transcript(contents)
    for span, content in zip(shown, contents, strict=True):
        about = [] if chosen is None else list(_attributes(span))
        said = [*about, *transcript.lines(content), *_errors(span)]
        if said:
            yield []
            yield [Words(f"── {escaped(span.name, one_line=True)}", "name"), Words(f"  span {span.span_id.hex()}", "faint")]
            yield from said


def _belongs_to(spans: Sequence[StoredSpan]) -> Iterator[Line]:
    """The conversation, user and tags that the spans carry."""
    for title, name in (("conversation", semconv.CONVERSATION_ID), ("user", semconv.USER_ID), ("tags", semconv.TAGS)):
        said = dict.fromkeys(
            str(one)
            for span in spans
            if (value := span.attributes.get(name)) is not None
            for one in (value if isinstance(value, list) else [value])
        )
        if said:
            yield [Words(f"{title} ", "faint"), Words(escaped(", ".join(said), one_line=True), "fact")]


def as_json(store: SpanStore, spans: Sequence[StoredSpan], chosen: bytes | None) -> dict[str, Any]:
    """Everything the store has of these spans."""
    shown = [span for span in spans if chosen in (None, span.span_id)]
    return {
        "trace_id": spans[0].trace_id.hex(),
        "spans": [_span_as_json(store, span, content) for span, content in zip(shown, store.contents(shown), strict=True)],
        **({"absent": dict(store.lacks)} if store.lacks else {}),
    }


def _span_as_json(store: SpanStore, span: StoredSpan, content: Mapping[str, Pieces]) -> dict[str, Any]:
    raw = store.exchange(span)
    return {
        "span_id": span.span_id.hex(),
        "parent_span_id": span.parent_span_id.hex() if span.parent_span_id else None,
        "name": span.name,
        "kind": span.kind,
        "scope": span.scope,
        "start_time_unix_nano": span.start_ns,
        "end_time_unix_nano": span.end_ns,
        "status": span.status,
        "status_description": span.status_description,
        "run_id": span.run_id,
        "sequence": span.sequence,
        "attributes": span.attributes,
        "content": valued(content),
        "events": span.events,
        "links": span.links,
        "resource": span.resource,
        "exchange": raw
        and {
            "request": _loaded(raw.request),
            "response": _loaded(raw.response),
            "events": [{"offset_ns": offset, "event": _loaded(event)} for offset, event in raw.events],
            "read_to": raw.read_to,
            "missing": raw.missing,
        },
    }


def _attributes(span: StoredSpan) -> Iterator[Line]:
    for name, value in sorted(span.attributes.items()):
        yield [Words(f"  {escaped(name, one_line=True)} ", "faint"), Words(written(value).replace("\n", "\\n"), "fact")]


def _errors(span: StoredSpan) -> Iterator[Line]:
    for event in span.events:
        attributes = event.get("attributes") or {}
        if event.get("name") == "exception":
            said = (
                attributes.get("exception.stacktrace")
                or f"{attributes.get('exception.type')}: {attributes.get('exception.message')}"
            )
            yield [Words("error", "error")]
            for line in written(said).rstrip("\n").split("\n"):
                yield [Words(f"  {line}", "error")]


def _loaded(encoded: bytes | None) -> Any:
    if encoded is None:
        return None
    try:
        return values.loads(encoded)
    except ValueError:
        return encoded.decode("utf-8", "backslashreplace")
