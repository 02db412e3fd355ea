"""The exporters that OpenTelemetry's own variables ask for: OTLP and whatever else is installed under its entry points."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from importlib import import_module, metadata, util
from typing import Any

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from opentelemetry.util.re import parse_env_headers

from ..recording.ledger import Ledger
from ..settings import SettingsError
from .destinations import sequence_of
from .otlp.presets import traces_url
from .otlp.target import Protocol, Target

_PACKAGES = {
    "http/protobuf": ("opentelemetry.exporter.otlp.proto.http", "otlp"),
    "grpc": ("opentelemetry.exporter.otlp.proto.grpc", "otlp-grpc"),
}
_CLASSES = {
    "traces": ("trace_exporter", "OTLPSpanExporter"),
    "metrics": ("metric_exporter", "OTLPMetricExporter"),
    "logs": ("_log_exporter", "OTLPLogExporter"),
}


def asked_for(signal: str, environ: Mapping[str, str] | None = None) -> list[str] | None:
    """The exporters that the environment names for `traces`, `metrics` or `logs`; None if it says nothing, empty for `none`."""
    env = os.environ if environ is None else environ
    said = env.get(f"OTEL_{signal.upper()}_EXPORTER", "").strip()
    if said:
        return [word.strip() for word in said.split(",") if word.strip() and word.strip() != "none"]
    if env.get("OTEL_EXPORTER_OTLP_ENDPOINT") or env.get(f"OTEL_EXPORTER_OTLP_{signal.upper()}_ENDPOINT"):
        return ["otlp"]
    return None


def exporter(name: str, signal: str) -> Any:
    """A new exporter of that name.

    Raises:
        SettingsError: it is not installed, or its package does not load.
    """
    return _otlp(signal) if name == "otlp" else _by_entry_point(name, signal)


def otlp_target() -> Target:
    """Where OpenTelemetry's own variables say that OTLP goes.

    Raises:
        SettingsError: the exporter is not installed, or the protocol is none that it has.
    """
    package = _otlp_package("traces")
    protocol: Protocol = "grpc" if package == _PACKAGES["grpc"][0] else "http/protobuf"
    said = _said("HEADERS")
    url = os.environ.get("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "").strip()
    if not url:
        base = os.environ.get("OTEL_EXPORTER_OTLP_ENDPOINT", "").strip()
        url = (base or "http://localhost:4317") if protocol == "grpc" else traces_url(base or "http://localhost:4318")
    return Target("otlp", url, protocol, parse_env_headers(said, liberal=True) if said else {}, uses_standard_variables=True)


def check_http() -> None:
    """Whether OTLP over HTTP is installed, for the destinations that are known by name.

    Raises:
        SettingsError: it is not.
    """
    package, extra = _PACKAGES["http/protobuf"]
    if not _is_installed(package):
        raise SettingsError(f"Spans are to go out as OTLP, but the exporter is not installed. Run: pip install 'genba[{extra}]'")


def _said(what: str) -> str:
    return os.environ.get(f"OTEL_EXPORTER_OTLP_TRACES_{what}") or os.environ.get(f"OTEL_EXPORTER_OTLP_{what}") or ""


def check(name: str, signal: str) -> None:
    """Whether `exporter` would find it, without loading it.

    Raises:
        SettingsError: it is not installed.
    """
    if name == "otlp":
        _otlp_package(signal)
    else:
        _entry_point(name, signal)


def _otlp(signal: str) -> Any:
    module, name = _CLASSES[signal]
    return getattr(import_module(f"{_otlp_package(signal)}.{module}"), name)()


def _otlp_package(signal: str) -> str:
    said = os.environ.get(f"OTEL_EXPORTER_OTLP_{signal.upper()}_PROTOCOL") or os.environ.get("OTEL_EXPORTER_OTLP_PROTOCOL")
    if said and said not in _PACKAGES:
        raise SettingsError(f"OTEL_EXPORTER_OTLP_PROTOCOL={said!r} is not supported. Use 'http/protobuf' or 'grpc'.")
    for protocol in [said] if said else list(_PACKAGES):
        package, _ = _PACKAGES[protocol]
        if _is_installed(package):
            return package
    _, extra = _PACKAGES[said or "http/protobuf"]
    raise SettingsError(
        f"Spans are to go out as OTLP (because of OTEL_EXPORTER_OTLP_ENDPOINT, OTEL_{signal.upper()}_EXPORTER or export='otlp'), "
        f"but the exporter is not installed. Run: pip install 'genba[{extra}]'"
    )


def _is_installed(package: str) -> bool:
    try:
        return util.find_spec(package) is not None
    except ModuleNotFoundError:
        return False


def _by_entry_point(name: str, signal: str) -> Any:
    return _entry_point(name, signal).load()()


def _entry_point(name: str, signal: str) -> metadata.EntryPoint:
    found = list(metadata.entry_points(group=f"opentelemetry_{signal}_exporter", name=name))
    if not found:
        raise SettingsError(
            f"OTEL_{signal.upper()}_EXPORTER names {name!r}, and no installed package provides that exporter. "
            "Install the package that does, or use 'otlp', 'console' or 'none'."
        )
    return found[0]


class Counting(SpanExporter):
    """An exporter, with its results counted."""

    def __init__(self, inner: SpanExporter, name: str, ledger: Ledger) -> None:
        self._inner = inner
        self._name = name
        self._ledger = ledger

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Export, and count."""
        result = SpanExportResult.FAILURE
        try:
            result = self._inner.export(spans)
        finally:
            if result is SpanExportResult.SUCCESS:
                self._ledger.exported[self._name] += len(spans)
            else:
                self._ledger.lose(map(sequence_of, spans), "export failed", self._name)
        return result

    def shutdown(self) -> None:
        """Shut the exporter down."""
        self._inner.shutdown()

    def force_flush(self, timeout_millis: int = 30000) -> bool:
        """Flush the exporter."""
        return self._inner.force_flush(timeout_millis)
