"""Send requests over HTTP, by way of OpenTelemetry's exporter: its endpoint, headers, certificates and compression.

The exporter is asked to export nothing, and its session puts our bytes in the place of the nothing. So everything that the exporter
knows counts, and nothing that it does: it would encode anew, and sleep between its tries on our one thread.
"""

from __future__ import annotations

import gzip
import os
import zlib
from collections.abc import Callable, Mapping
from importlib import metadata
from typing import Any

import requests
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from .answers import Answer, of_status
from .patience import PatientAdapter, Waiting
from .target import Target

CONNECT_TIMEOUT = 2.0
"""Seconds. Nothing else is done while a connection is made, so this is short."""
MOST_ANSWER = 64 << 10
_PROVIDER = "OTEL_PYTHON_EXPORTER_OTLP_{}CREDENTIAL_PROVIDER"
_KEPT = ("content-type", "content-encoding", "user-agent")
"""What the exporter says of a request itself."""


class OverHttp:
    """The way to a server by HTTP."""

    def __init__(self, target: Target, timeout: float | None = None) -> None:
        self._session = _Session(target)
        self._exporter: Any = OTLPSpanExporter(
            endpoint=target.url, headers=dict(target.headers), timeout=timeout, session=self._session
        )

    def send(self, request: bytes, meanwhile: Callable[[], None]) -> Answer:
        """Send it once."""
        session = self._session
        session.payload, session.waiting.meanwhile = request, meanwhile
        session.outcome = None
        self._exporter.export(())
        return _answer(session.outcome)

    def close(self) -> None:
        """Close the connections."""
        self._exporter.shutdown()
        self._session.close()


class _Session(requests.Session):
    """The exporter's session: what it is to send is replaced, what comes back is kept, and the exporter hears that all is well."""

    def __init__(self, target: Target) -> None:
        super().__init__()
        self.waiting = Waiting()
        self.payload = b""
        self.outcome: requests.Response | Exception | None = None
        self._target = target
        self._behind = _credential_session() if target.uses_standard_variables else None
        """A session that knows how to log in, if the environment names one."""
        if self._behind is None:
            for scheme in ("http://", "https://"):
                self.mount(scheme, PatientAdapter(self.waiting))

    def request(self, method: Any, url: Any, **more: Any) -> requests.Response:  # type: ignore[override]
        """Send our bytes where the exporter would send its own."""
        headers = {**self.headers, **(more.pop("headers", None) or {})}
        if not self._target.uses_standard_variables:
            # The standard's variables are for another server: what they hold is not told to this one.
            known = {*_KEPT, *(name.lower() for name in self._target.headers)}
            headers = {name: value for name, value in headers.items() if name.lower() in known}
            self.verify, self.cert = True, None
            more.update(verify=None, cert=None)
        timeout = more.pop("timeout", None)
        self.waiting.timeout = float(timeout) if isinstance(timeout, (int, float)) else 10.0
        more["timeout"] = (min(CONNECT_TIMEOUT, self.waiting.timeout), self.waiting.timeout)
        more["data"] = _compressed(self.payload, headers)
        more["allow_redirects"] = False
        try:
            if self._behind is not None:
                self._behind.verify, self._behind.cert = self.verify, self.cert
                self.outcome = self._behind.request(method, url, headers=headers, **more)
            else:
                self.outcome = super().request(method, url, headers=headers, **more)
        except Exception as error:  # noqa: BLE001  # whatever it is, `send` looks at it
            self.outcome = error
        well = requests.Response()
        well.status_code = 200
        return well


def _compressed(payload: bytes, headers: Mapping[str, Any]) -> bytes:
    encoding = next((value for name, value in headers.items() if name.lower() == "content-encoding"), "")
    return gzip.compress(payload) if encoding == "gzip" else zlib.compress(payload) if encoding == "deflate" else payload


def _answer(outcome: requests.Response | Exception | None) -> Answer:
    if outcome is None:
        return Answer("later", "the exporter sent nothing")
    if isinstance(outcome, (requests.RequestException, OSError)):
        return Answer("later", _words(outcome))
    if isinstance(outcome, Exception):
        raise outcome
    return _read(outcome)


def _read(answer: requests.Response) -> Answer:
    body = answer.content[:MOST_ANSWER]
    if not 200 <= answer.status_code < 300:
        said = answer.reason or ""
        if answer.status_code < 500:
            text = (
                body.decode("utf-8", "ignore")
                if answer.headers.get("content-type", "").startswith(("text/plain", "application/json"))
                else ""
            )
            said = f"{said} {text[:200]}".strip()
        return of_status(answer.status_code, said, answer.headers.get("retry-after"))
    if not body or "protobuf" not in answer.headers.get("content-type", "protobuf"):
        return Answer("taken")
    try:
        partial = ExportTraceServiceResponse.FromString(body).partial_success
    except Exception:  # noqa: BLE001  # a success whose words nobody can read is one
        return Answer("taken")
    return Answer("taken", partial.error_message, rejected=max(partial.rejected_spans, 0))


def _credential_session() -> requests.Session | None:
    named = next(
        (os.environ[name] for name in (_PROVIDER.format("HTTP_"), _PROVIDER.format("HTTP_TRACES_")) if os.environ.get(name)), None
    )
    if named is None:
        return None
    for point in metadata.entry_points(group="opentelemetry_otlp_credential_provider", name=named):
        session = point.load()()
        return session if isinstance(session, requests.Session) else None
    return None


def _words(error: BaseException) -> str:
    """What happened, without the address: it may hold what nobody is to read."""
    root = error
    while (root.__cause__ or root.__context__) is not None:
        root = root.__cause__ or root.__context__  # type: ignore[assignment]
    if isinstance(error, requests.Timeout):
        return "no answer in time"
    return getattr(root, "strerror", None) or type(root).__name__
