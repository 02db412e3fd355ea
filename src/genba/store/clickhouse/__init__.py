"""Spans that an OpenTelemetry Collector keeps in ClickHouse, asked for as those of the embedded store are. Writing is the collector's."""
