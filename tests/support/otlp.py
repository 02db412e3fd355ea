"""A local OpenTelemetry collector that understands OTLP over HTTP, to see what really leaves the process."""

from __future__ import annotations

import gzip
from collections.abc import Iterator, Mapping
from typing import Any

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest, ExportTraceServiceResponse
from opentelemetry.proto.common.v1.common_pb2 import AnyValue

from support.wire import Answer, Received, Server

TAKEN = Answer(b"", content_type="application/x-protobuf")


def partly(rejected: int, why: str = "too old") -> Answer:
    """Took some of it."""
    said = ExportTraceServiceResponse()
    said.partial_success.rejected_spans = rejected
    said.partial_success.error_message = why
    return Answer(said.SerializeToString(), content_type="application/x-protobuf")


class Collector:
    """Takes whatever is exported to `url`."""

    def __init__(self) -> None:
        self.server = Server()
        self.server.serve(TAKEN)

    @property
    def url(self) -> str:
        return self.server.url

    def traces(self) -> list[ExportTraceServiceRequest]:
        """The requests with spans, in order."""
        return [ExportTraceServiceRequest.FromString(_body(request)) for request in self._received("/v1/traces")]

    def spans(self) -> list[dict[str, Any]]:
        """Name, ids and attributes of every span received, in order."""
        return [
            {
                "name": span.name,
                "trace_id": span.trace_id.hex(),
                "span_id": span.span_id.hex(),
                "parent_id": span.parent_span_id.hex(),
                "scope": scoped.scope.name,
                "attributes": _attributes(span.attributes),
                "resource": _attributes(resource.resource.attributes),
            }
            for request in self.traces()
            for resource in request.resource_spans
            for scoped in resource.scope_spans
            for span in scoped.spans
        ]

    def metrics(self) -> list[str]:
        """Names of the metrics received."""
        return [
            metric.name
            for request in self._received("/v1/metrics")
            for resource in ExportMetricsServiceRequest.FromString(_body(request)).resource_metrics
            for scoped in resource.scope_metrics
            for metric in scoped.metrics
        ]

    def events(self) -> list[str]:
        """Names of the events received."""
        return [
            record.event_name
            for request in self._received("/v1/logs")
            for resource in ExportLogsServiceRequest.FromString(_body(request)).resource_logs
            for scoped in resource.scope_logs
            for record in scoped.log_records
        ]

    def sizes(self) -> list[tuple[int, int]]:
        """Bytes and spans of each request for traces, uncompressed."""
        bodies = [_body(request) for request in self._received("/v1/traces")]
        return [
            (
                len(body),
                sum(
                    len(scoped.spans)
                    for resource in ExportTraceServiceRequest.FromString(body).resource_spans
                    for scoped in resource.scope_spans
                ),
            )
            for body in bodies
        ]

    def headers(self) -> Mapping[str, str]:
        return self.server.received[0].headers

    def close(self) -> None:
        self.server.close()

    def _received(self, path: str) -> Iterator[Received]:
        return (request for request in list(self.server.received) if request.path.endswith(path))


def _body(request: Received) -> bytes:
    return gzip.decompress(request.body) if request.headers.get("content-encoding") == "gzip" else request.body


def _attributes(pairs: Any) -> dict[str, Any]:
    return {pair.key: _value(pair.value) for pair in pairs}


def _value(value: AnyValue) -> Any:
    kind = value.WhichOneof("value")
    return [_value(item) for item in value.array_value.values] if kind == "array_value" else kind and getattr(value, kind)
