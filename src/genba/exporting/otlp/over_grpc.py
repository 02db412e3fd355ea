"""Send requests over gRPC, by way of OpenTelemetry's exporter: its channel, headers, certificates and compression.

Of the exporter its channel is used and not `export`, which would sleep between its tries on our one thread. What is a failure for
good and what is not is in the OTLP specification, and differs from what the exporter does for RESOURCE_EXHAUSTED.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import grpc
from google.rpc.error_details_pb2 import RetryInfo
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from .answers import LONGEST_WAIT, Answer
from .target import Target

STEP = 0.05
"""Seconds between two looks at what else there is to do."""
_LATER = frozenset(("CANCELLED", "DEADLINE_EXCEEDED", "ABORTED", "OUT_OF_RANGE", "UNAVAILABLE", "DATA_LOSS"))


class OverGrpc:
    """The way to a server by gRPC."""

    def __init__(self, target: Target, timeout: float | None = None) -> None:
        headers = {name.lower(): value for name, value in target.headers.items()}
        self._exporter: Any = OTLPSpanExporter(
            endpoint=None if target.uses_standard_variables else target.url, headers=headers or None, timeout=timeout
        )

    def send(self, request: bytes, meanwhile: Callable[[], None]) -> Answer:
        """Send it once."""
        exporter = self._exporter
        # Names that the exporter has had since its beginning; it shows its channel in no other way.
        call = exporter._client.Export.future(  # noqa: SLF001
            ExportTraceServiceRequest.FromString(request),
            metadata=exporter._headers,  # noqa: SLF001
            timeout=float(exporter._timeout),  # noqa: SLF001
        )
        try:
            response = _waited(call, meanwhile)
        except grpc.RpcError as error:
            return _refusal(error)
        partial = response.partial_success
        return Answer("taken", partial.error_message, rejected=max(partial.rejected_spans, 0))

    def close(self) -> None:
        """Close the channel."""
        self._exporter.shutdown()


def _refusal(error: Any) -> Answer:
    code = error.code().name
    after = _delay(error)
    reason = f"gRPC {code} {(error.details() or '')[:200]}".strip()
    if code == "RESOURCE_EXHAUSTED":
        # Without a time it is no "later" but a "too large".
        return Answer("too large", reason) if after is None else Answer("later", reason, after=after)
    if code in _LATER:
        return Answer("later", reason, after=after)
    return Answer("never", reason)


def _delay(error: Any) -> float | None:
    told: Any
    for name, value in error.trailing_metadata() or ():
        if name == "google.rpc.retryinfo-bin":
            told = RetryInfo()
            told.ParseFromString(value)
        elif name == "grpc-status-details-bin":
            told = _in_details(value)
        else:
            continue
        if told is not None:
            seconds = float(told.retry_delay.seconds) + float(told.retry_delay.nanos) / 1e9
            return min(max(seconds, 0.0), LONGEST_WAIT)
    return None


def _in_details(value: bytes) -> Any:
    from google.rpc.status_pb2 import Status

    told = RetryInfo()
    return next((told for detail in Status.FromString(value).details if detail.Unpack(told)), None)


def _waited(call: Any, meanwhile: Callable[[], None]) -> Any:
    """The result of a call, with other work done until it is there."""
    while True:
        try:
            return call.result(timeout=STEP)
        except grpc.FutureTimeoutError:
            try:
                meanwhile()
            except BaseException:
                call.cancel()
                raise
