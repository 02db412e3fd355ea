"""Meters and logs in memory: what is told beside the spans."""

from __future__ import annotations

from typing import Any

from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter, SimpleLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader

import genba


class Signals:
    """Meters and logs in memory."""

    def __init__(self) -> None:
        self.reader = InMemoryMetricReader()
        self.meters = MeterProvider([self.reader], shutdown_on_exit=False)
        self.exporter = InMemoryLogRecordExporter()
        self.loggers = LoggerProvider(shutdown_on_exit=False)
        self.loggers.add_log_record_processor(SimpleLogRecordProcessor(self.exporter))

    def metrics(self) -> Any:
        assert genba.flush(timeout=5)
        return self.reader.get_metrics_data()

    def logs(self) -> list[Any]:
        assert genba.flush(timeout=5)
        return list(self.exporter.get_finished_logs())

    def events(self, name: str) -> list[Any]:
        return [logged.log_record for logged in self.logs() if logged.log_record.event_name == name]
