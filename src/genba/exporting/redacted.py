"""Spans on their way out of genba's own pipeline, redacted, whoever made them.

Our own were redacted when they were rendered, and what they have besides (see `recording.leaving`). Of others, copies go out: the app's
own span is not changed, since other processors may hold it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import orjson
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import Link, SpanContext, Status, TraceState

from .. import harmless, semconv
from ..recording.pending import invocation_of
from ..redacting.finding import FAILED, Findings, RedactionError

if TYPE_CHECKING:
    from ..redacting.redactor import Redactor


def redacted(spans: Sequence[ReadableSpan], redactor: Redactor) -> list[ReadableSpan]:
    """What of these spans may leave. One that cannot be redacted leaves without anything that was said in it."""
    return [_redacted(span, redactor) for span in spans]


class Redacting(SpanExporter):
    """An exporter that is given redacted spans."""

    def __init__(self, inner: SpanExporter, redactor: Redactor) -> None:
        self._inner = inner
        self._redactor = redactor

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Redact, and export."""
        return self._inner.export(redacted(spans, self._redactor))

    def shutdown(self) -> None:
        """Shut the exporter down."""
        self._inner.shutdown()

    def force_flush(self, timeout_millis: int = 30000) -> bool:
        """Flush the exporter."""
        return self._inner.force_flush(timeout_millis)


def _redacted(span: ReadableSpan, redactor: Redactor) -> ReadableSpan:
    try:
        is_ours = invocation_of(span) is not None
        findings = Findings()
        attributes: Any = span._attributes if is_ours else redactor.attributes(span.attributes or {}, findings)  # noqa: SLF001
        events = [
            Event(
                event.name if is_ours else redactor.text(event.name, "event.name", findings),
                event.attributes if is_ours else redactor.attributes(event.attributes or {}, findings),
                event.timestamp,
            )
            for event in span.events
        ]
        status = span.status
        if status.description and not is_ours:
            status = Status(status.status_code, redactor.text(status.description, "status.description", findings))
        name = redactor.name(span.name) if is_ours else redactor.text(span.name, "name", findings)
        links = [
            Link(
                _context(link.context, redactor),
                link.attributes if is_ours else redactor.attributes(link.attributes or {}, findings),
            )
            for link in span.links
        ]
        if findings:
            attributes = {**attributes, semconv.REDACTED: counted(findings)}
        return _copy(span, name, attributes, events, links, status, redactor)
    except Exception as error:  # noqa: BLE001  # fails closed
        harmless.failed("redacting a span", RedactionError(type(error).__name__))
        return _copy(span, FAILED, {semconv.REDACTED: '{"failed":1}'}, [], [], Status(span.status.status_code), None)


def counted(findings: Findings) -> str:
    """The value of `genba.redacted`."""
    return orjson.dumps(findings.counts, option=orjson.OPT_SORT_KEYS).decode()


def _copy(
    span: ReadableSpan,
    name: str,
    attributes: Any,
    events: Sequence[Event],
    links: Sequence[Link],
    status: Status,
    redactor: Redactor | None,
) -> ReadableSpan:
    return ReadableSpan(
        name=name,
        context=_context(span.context, redactor),
        parent=_context(span.parent, redactor),
        resource=_resource(span.resource, redactor),
        attributes=attributes,
        events=events,
        links=links,
        kind=span.kind,
        status=status,
        start_time=span.start_time,
        end_time=span.end_time,
        instrumentation_scope=_scope(span.instrumentation_scope, redactor),
    )


def _context(context: Any, redactor: Redactor | None) -> Any:
    """The context, without those entries of its trace state in which something was found."""
    if context is None or not context.trace_state:
        return context
    kept = [
        (key, value)
        for key, value in context.trace_state.items()
        if redactor is not None and not redactor.matches(value) and not redactor.matches(key)
    ]
    if len(kept) == len(context.trace_state):
        return context
    return SpanContext(context.trace_id, context.span_id, context.is_remote, context.trace_flags, TraceState(kept))


_resources: dict[int, tuple[Any, Any, Resource]] = {}


def _resource(resource: Resource, redactor: Redactor | None) -> Resource:
    """The resource, redacted once: the same object for the same one, as those who write it down rely on that."""
    if redactor is None:
        return Resource({})
    known = _resources.get(id(resource))
    if known is None or known[0] is not resource or known[1] is not redactor:
        before = dict(resource.attributes)
        attributes = redactor.attributes(before, Findings())
        words = before.get("process.command_args")
        if isinstance(words, (list, tuple)) and all(isinstance(word, str) for word in words):
            attributes["process.command_args"] = tuple(redactor.command(words))
        kept = resource if attributes == before else Resource(attributes, resource.schema_url)
        if len(_resources) > 100:
            _resources.clear()
        known = _resources[id(resource)] = (resource, redactor, kept)
    return known[2]


def _scope(scope: InstrumentationScope | None, redactor: Redactor | None) -> InstrumentationScope | None:
    if scope is None:
        return None
    if redactor is None:
        return InstrumentationScope("")
    name = redactor.name(scope.name)
    attributes = redactor.attributes(scope.attributes or {}, Findings()) if scope.attributes else None
    if name == scope.name and attributes == (scope.attributes or None):
        return scope
    return InstrumentationScope(name, scope.version, scope.schema_url, attributes)
