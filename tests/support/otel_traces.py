"""What an OpenTelemetry Collector does with spans: OTLP requests become rows of ClickHouse's `otel_traces`.

The tables are those that its exporter makes (Map schema); each attribute's value becomes text as its `pcommon.Value.AsString` writes it.
"""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Iterable, Iterator
from datetime import datetime, timezone
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue

TABLES = (
    """
    CREATE TABLE IF NOT EXISTS {name} (
        Timestamp DateTime64(9) CODEC(Delta(8), ZSTD(1)),
        TraceId String CODEC(ZSTD(1)),
        SpanId String CODEC(ZSTD(1)),
        ParentSpanId String CODEC(ZSTD(1)),
        TraceState String CODEC(ZSTD(1)),
        SpanName LowCardinality(String) CODEC(ZSTD(1)),
        SpanKind LowCardinality(String) CODEC(ZSTD(1)),
        ServiceName LowCardinality(String) CODEC(ZSTD(1)),
        ResourceAttributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
        ScopeName String CODEC(ZSTD(1)),
        ScopeVersion String CODEC(ZSTD(1)),
        SpanAttributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
        Duration UInt64 CODEC(ZSTD(1)),
        StatusCode LowCardinality(String) CODEC(ZSTD(1)),
        StatusMessage String CODEC(ZSTD(1)),
        Events Nested (Timestamp DateTime64(9), Name LowCardinality(String), Attributes Map(LowCardinality(String), String)) CODEC(ZSTD(1)),
        Links Nested (TraceId String, SpanId String, TraceState String, Attributes Map(LowCardinality(String), String)) CODEC(ZSTD(1)),
        INDEX idx_trace_id TraceId TYPE bloom_filter(0.001) GRANULARITY 1,
        INDEX idx_res_attr_key mapKeys(ResourceAttributes) TYPE bloom_filter(0.01) GRANULARITY 1,
        INDEX idx_res_attr_value mapValues(ResourceAttributes) TYPE bloom_filter(0.01) GRANULARITY 1,
        INDEX idx_span_attr_key mapKeys(SpanAttributes) TYPE bloom_filter(0.01) GRANULARITY 1,
        INDEX idx_span_attr_value mapValues(SpanAttributes) TYPE bloom_filter(0.01) GRANULARITY 1,
        INDEX idx_duration Duration TYPE minmax GRANULARITY 1
    ) ENGINE = MergeTree
    PARTITION BY toDate(Timestamp)
    ORDER BY (ServiceName, SpanName, toDateTime(Timestamp))
    SETTINGS index_granularity = 8192, ttl_only_drop_parts = 1
    """,
    """
    CREATE TABLE IF NOT EXISTS {name}_trace_id_ts (
        TraceId String CODEC(ZSTD(1)),
        Start DateTime CODEC(Delta, ZSTD(1)),
        End DateTime CODEC(Delta, ZSTD(1)),
        INDEX idx_trace_id TraceId TYPE bloom_filter(0.01) GRANULARITY 1
    ) ENGINE = MergeTree PARTITION BY toDate(Start) ORDER BY (TraceId, Start) SETTINGS index_granularity = 8192
    """,
    """
    CREATE MATERIALIZED VIEW IF NOT EXISTS {name}_trace_id_ts_mv TO {name}_trace_id_ts AS
    SELECT TraceId, min(Timestamp) AS Start, max(Timestamp) AS End FROM {name} WHERE TraceId != '' GROUP BY TraceId
    """,
)
KINDS = ("Unspecified", "Internal", "Server", "Client", "Producer", "Consumer")
STATUSES = ("Unset", "Ok", "Error")


def rows(requests: Iterable[ExportTraceServiceRequest]) -> Iterator[dict[str, Any]]:
    """A row for each span."""
    for request in requests:
        for resource in request.resource_spans:
            about = _texts(resource.resource.attributes)
            for scoped in resource.scope_spans:
                for span in scoped.spans:
                    yield {
                        "Timestamp": time_text(span.start_time_unix_nano),
                        "TraceId": span.trace_id.hex(),
                        "SpanId": span.span_id.hex(),
                        "ParentSpanId": span.parent_span_id.hex(),
                        "TraceState": span.trace_state,
                        "SpanName": span.name,
                        "SpanKind": KINDS[span.kind],
                        "ServiceName": about.get("service.name", ""),
                        "ResourceAttributes": about,
                        "ScopeName": scoped.scope.name,
                        "ScopeVersion": scoped.scope.version,
                        "SpanAttributes": _texts(span.attributes),
                        "Duration": span.end_time_unix_nano - span.start_time_unix_nano,
                        "StatusCode": STATUSES[span.status.code],
                        "StatusMessage": span.status.message,
                        "Events.Timestamp": [time_text(event.time_unix_nano) for event in span.events],
                        "Events.Name": [event.name for event in span.events],
                        "Events.Attributes": [_texts(event.attributes) for event in span.events],
                        "Links.TraceId": [link.trace_id.hex() for link in span.links],
                        "Links.SpanId": [link.span_id.hex() for link in span.links],
                        "Links.TraceState": [link.trace_state for link in span.links],
                        "Links.Attributes": [_texts(link.attributes) for link in span.links],
                    }


def insert(rows: Iterable[dict[str, Any]], name: str = "otel_traces") -> str:
    """The statement that puts these rows into the table."""
    return f"INSERT INTO {name} FORMAT JSONEachRow\n" + "\n".join(json.dumps(row, ensure_ascii=False) for row in rows)


def _texts(pairs: Iterable[Any]) -> dict[str, str]:
    return {pair.key: _text(pair.value) for pair in pairs}


def _text(value: AnyValue) -> str:
    kind = value.WhichOneof("value")
    if kind in ("array_value", "kvlist_value"):
        return json.dumps(_plain(value), ensure_ascii=False, separators=(",", ":"))
    plain = _plain(value)
    if isinstance(plain, bool):
        return "true" if plain else "false"
    return _double(plain) if isinstance(plain, float) else "" if plain is None else str(plain)


def _plain(value: AnyValue) -> Any:
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return [_plain(item) for item in value.array_value.values]
    if kind == "kvlist_value":
        return {pair.key: _plain(pair.value) for pair in value.kvlist_value.values}
    if kind == "bytes_value":
        return base64.b64encode(value.bytes_value).decode()
    return kind and getattr(value, kind)


def _double(value: float) -> str:
    """As Go writes it: without an exponent where the number is neither huge nor tiny."""
    if not math.isfinite(value):
        return {math.inf: "+Inf", -math.inf: "-Inf"}.get(value, "NaN")
    said = repr(value)
    return said.removesuffix(".0") if "e" not in said else f"{value:.17g}"


def time_text(nanoseconds: int) -> str:
    """A moment, as ClickHouse reads it."""
    moment = datetime.fromtimestamp(nanoseconds // 1_000_000_000, timezone.utc)
    return f"{moment:%Y-%m-%d %H:%M:%S}.{nanoseconds % 1_000_000_000:09}"
