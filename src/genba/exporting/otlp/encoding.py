"""Finished spans as OTLP's bytes, by OpenTelemetry's own encoder, and entries of the spool as a request again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, Span
from opentelemetry.sdk.trace import ReadableSpan

from ... import harmless, semconv
from ...spooling.entries import Entry

LAST = frozenset((*semconv.CONTENT, semconv.RETRIEVAL_QUERY_TEXT))
OVERHEAD = 64
"""Bytes that frame a span in a request, at most, besides its resource and scope."""


def entries(spans: Sequence[ReadableSpan]) -> list[Entry]:
    """The spans, encoded. One that cannot be encoded costs itself, not its batch."""
    try:
        return list(_entries(encode_spans(spans)))
    except Exception:  # noqa: BLE001  # one of them; found out below
        encoded: list[Entry] = []
        for span in spans:
            with harmless.guard("encoding a span as OTLP"):
                encoded.extend(_entries(encode_spans([span])))
        return encoded


def request(parts: Iterable[tuple[bytes, Span]], resource: Mapping[str, str]) -> bytes:
    """Spans, each with its entry's header, as one request; the destination's own resource attributes are added."""
    made = ExportTraceServiceRequest()
    by_header: dict[bytes, Any] = {}
    for header, span in parts:
        group = by_header.get(header)
        if group is None:
            group = by_header[header] = made.resource_spans.add()
            group.MergeFromString(header)
            for name, value in resource.items():
                group.resource.attributes.add(key=name).value.string_value = value
        group.scope_spans[0].spans.append(span)
    return bytes(made.SerializeToString())


def _entries(encoded: ExportTraceServiceRequest) -> Iterable[Entry]:
    for of_resource in encoded.resource_spans:
        for of_scope in of_resource.scope_spans:
            head = ResourceSpans(resource=of_resource.resource, schema_url=of_resource.schema_url)
            head.scope_spans.add(scope=of_scope.scope, schema_url=of_scope.schema_url)
            header = head.SerializeToString()
            for span in of_scope.spans:
                _put_content_last(span)
                yield Entry(span.end_time_unix_nano, header, span.SerializeToString())


def _put_content_last(span: Any) -> None:
    """Some backends cut the attributes of a span where they get too long: identifiers and usage must come before what was said."""
    is_content = [pair.key in LAST for pair in span.attributes]
    if is_content != sorted(is_content):
        ordered = [pair for _, pair in sorted(zip(is_content, span.attributes, strict=True), key=lambda one: one[0])]
        copies = [type(pair).FromString(pair.SerializeToString()) for pair in ordered]
        del span.attributes[:]
        span.attributes.extend(copies)
