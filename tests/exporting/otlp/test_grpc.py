"""The same over gRPC: what each status means, and no message too large."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

import genba
from genba.spooling import dead

grpc = pytest.importorskip("grpc")
pytest.importorskip("opentelemetry.exporter.otlp.proto.grpc")


class Grpc:
    """A collector that answers as it is told."""

    def __init__(self) -> None:
        from opentelemetry.proto.collector.trace.v1 import trace_service_pb2_grpc as services
        from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

        self.requests: list[Any] = []
        self.metadata: list[dict[str, Any]] = []
        self.answers: deque[tuple[Any, tuple[Any, ...]]] = deque()
        outer = self

        class Service(services.TraceServiceServicer):
            def Export(self, request: Any, context: Any) -> Any:  # noqa: N802
                outer.requests.append(request)
                outer.metadata.append(dict(context.invocation_metadata()))
                if outer.answers:
                    code, trailing = outer.answers.popleft()
                    if code == "hang":
                        time.sleep(3)
                    else:
                        context.set_trailing_metadata(trailing)
                        context.abort(code, "not so")
                return ExportTraceServiceResponse()

        self._server = grpc.server(ThreadPoolExecutor(4))
        services.add_TraceServiceServicer_to_server(Service(), self._server)
        self.port = self._server.add_insecure_port("127.0.0.1:0")
        self._server.start()

    def spans(self) -> list[Any]:
        return [
            span
            for request in self.requests
            for of_resource in request.resource_spans
            for of_scope in of_resource.scope_spans
            for span in of_scope.spans
        ]

    def close(self) -> None:
        self._server.stop(0).wait()


@pytest.fixture
def collector(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Grpc]:
    collector = Grpc()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{collector.port}")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")
    for signal in ("METRICS", "LOGS"):
        monkeypatch.setenv(f"OTEL_{signal}_EXPORTER", "none")
    yield collector
    genba.uninstrument()
    collector.close()


def ask(said: str = "Why?", number: int = 1) -> None:
    for _ in range(number):
        with genba.inference(provider="acme", model="acme-1") as invocation:
            invocation.request(messages=said)
            invocation.response("Because.")


def until(what: Any) -> None:
    end = time.monotonic() + 20
    while not what():
        assert time.monotonic() < end, genba.doctor()
        time.sleep(0.02)


def retry_info(seconds: int) -> tuple[Any, ...]:
    from google.protobuf.duration_pb2 import Duration
    from google.rpc.error_details_pb2 import RetryInfo

    return (("google.rpc.retryinfo-bin", RetryInfo(retry_delay=Duration(seconds=seconds)).SerializeToString()),)


def test_spans_arrive_with_the_headers_of_the_environment(collector: Grpc, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer%20abc")
    genba.init()
    ask(number=3)
    assert genba.flush(5)
    assert len(collector.spans()) == 3
    assert collector.metadata[0]["authorization"] == "Bearer abc"


@pytest.mark.parametrize("code", ["UNAVAILABLE", "ABORTED", "DEADLINE_EXCEEDED", "CANCELLED", "OUT_OF_RANGE", "DATA_LOSS"])
def test_a_passing_failure_is_tried_again(collector: Grpc, code: str) -> None:
    collector.answers.append((grpc.StatusCode[code], ()))
    genba.init()
    ask()
    until(lambda: genba.doctor().counts.get("exported to otlp") == 1)
    assert len(collector.requests) == 2
    assert genba.doctor().dropped == {}


@pytest.mark.parametrize("code", ["INVALID_ARGUMENT", "PERMISSION_DENIED", "UNAUTHENTICATED", "UNIMPLEMENTED"])
def test_a_failure_for_good_is_set_aside(collector: Grpc, code: str, tmp_path: Path) -> None:
    collector.answers.append((grpc.StatusCode[code], ()))
    genba.init()
    ask()
    assert genba.flush(5)
    assert [letter.reason for letter in dead.letters(tmp_path / ".genba" / "spool")] == [f"gRPC {code} not so"]
    assert len(collector.requests) == 1


def test_exhausted_means_later_only_where_it_says_when(collector: Grpc) -> None:
    collector.answers.append((grpc.StatusCode.RESOURCE_EXHAUSTED, retry_info(3600)))
    genba.init()
    ask()
    assert genba.flush(1).spooled == 1
    assert len(collector.requests) == 1


def test_exhausted_without_a_time_means_too_much_at_once(collector: Grpc) -> None:
    collector.answers.append((grpc.StatusCode.RESOURCE_EXHAUSTED, ()))
    genba.init()
    ask(number=8)
    assert genba.flush(5)
    sizes = [
        sum(len(scoped.spans) for one in request.resource_spans for scoped in one.scope_spans) for request in collector.requests
    ]
    assert sizes[0] == 8
    assert max(sizes[1:]) <= 4
    assert sum(sizes[1:]) == 8


def test_no_message_is_over_the_4_mib_that_servers_take(collector: Grpc) -> None:
    genba.init()
    ask("".join(chr(97 + at % 26) for at in range(900_000)), 8)
    assert genba.flush(10)
    assert len(collector.spans()) == 8
    assert max(request.ByteSize() for request in collector.requests) <= 4_000_000


def test_a_server_that_hangs_is_not_waited_for(collector: Grpc, monkeypatch: pytest.MonkeyPatch) -> None:
    collector.answers.append(("hang", ()))
    genba.init(export=["store", "otlp"])
    ask()
    until(lambda: collector.requests)
    ask()
    until(lambda: genba.doctor().counts.get("exported to store") == 2)
    assert genba.shutdown(0.3).spooled == 2
