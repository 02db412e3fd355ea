"""A finished span as a row for the store, with the invocation's raw exchange where there is one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from opentelemetry.sdk.trace import ReadableSpan

from .. import harmless, semconv
from ..recording.invocation import Invocation
from ..recording.pending import invocation_of
from ..store.rows import RawExchange, SpanRow

CONTENT = frozenset(
    (
        semconv.INPUT_MESSAGES,
        semconv.OUTPUT_MESSAGES,
        semconv.SYSTEM_INSTRUCTIONS,
        semconv.TOOL_DEFINITIONS,
        semconv.TOOL_CALL_ARGUMENTS,
        semconv.TOOL_CALL_RESULT,
        semconv.RETRIEVAL_DOCUMENTS,
        semconv.INPUT,
        semconv.OUTPUT,
        *semconv.TOKEN_RECORDS,
    )
)
"""The attributes that hold what was said."""


def rows(spans: Sequence[ReadableSpan]) -> list[SpanRow]:
    """The spans, ready to be written. One that cannot be read costs itself, not its batch."""
    read: list[SpanRow] = []
    for span in spans:
        with harmless.guard("reading a finished span"):
            read.append(row(span))
    return read


def row(span: ReadableSpan) -> SpanRow:
    """`span`, ready to be stored."""
    context = span.get_span_context()
    if context is None:
        raise ValueError(f"the span {span.name!r} has no context, so it cannot be stored")
    invocation = invocation_of(span)
    ours = invocation if isinstance(invocation, Invocation) else None
    attributes = dict(span.attributes or {})
    singles = {name: _bytes(attributes.pop(name)) for name in CONTENT & attributes.keys()}
    lists: dict[str, list[bytes]] = {}
    if ours is not None:
        content = ours.rendered().content
        lists, singles = dict(content.lists), dict(content.singles)
    return SpanRow(
        trace_id=context.trace_id.to_bytes(16, "big"),
        span_id=context.span_id.to_bytes(8, "big"),
        parent_span_id=span.parent.span_id.to_bytes(8, "big") if span.parent is not None else None,
        name=span.name,
        kind=span.kind.name.lower(),
        scope=span.instrumentation_scope.name if span.instrumentation_scope is not None else "",
        start_ns=span.start_time or 0,
        end_ns=span.end_time or span.start_time or 0,
        status=span.status.status_code.name.lower(),
        status_description=span.status.description,
        run_id=_text(attributes.pop(semconv.RUN_ID, None)),
        sequence=attributes.get(semconv.CALL_SEQUENCE),  # type: ignore[arg-type]  # an int where it is ours
        attributes=attributes,
        content=lists,
        single_content=singles,
        events=_events(span, ours),
        links=[
            {
                "trace_id": f"{link.context.trace_id:032x}",
                "span_id": f"{link.context.span_id:016x}",
                "attributes": dict(link.attributes or {}),
            }
            for link in span.links
        ],
        resource=_resource(span),
        exchange=_exchange(ours),
    )


_resources: dict[int, tuple[Any, Mapping[str, Any]]] = {}


def _resource(span: ReadableSpan) -> Mapping[str, Any]:
    """The resource's attributes, the same object for the same resource: the store encodes it once then."""
    known = _resources.get(id(span.resource))
    if known is None or known[0] is not span.resource:
        _resources.clear()
        known = _resources[id(span.resource)] = (span.resource, dict(span.resource.attributes))
    return known[1]


def _events(span: ReadableSpan, ours: Invocation | None) -> list[dict[str, Any]]:
    events = [{"name": event.name, "time_ns": event.timestamp, "attributes": dict(event.attributes or {})} for event in span.events]
    if ours is not None and ours.error is not None and not any(event["name"] == "exception" for event in events):
        events.append({"name": "exception", "time_ns": ours.ended_ns, "attributes": ours.exception_attributes()})
    return events


def _exchange(ours: Invocation | None) -> RawExchange | None:
    raw = None
    if ours is not None:
        with harmless.guard("reading the raw exchange"):
            raw = ours.raw()
    if raw is None:
        return None
    return RawExchange(request=raw.request, response=raw.response, events=raw.events, read_to=raw.read_to)


def _bytes(value: Any) -> bytes:
    return value.encode("utf-8", "backslashreplace") if isinstance(value, str) else str(value).encode()


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None
