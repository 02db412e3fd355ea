"""Real servers: what arrives, read back through their own APIs. `nox -s backends` has them; each is left out where it is not installed.

The folders that hold their programs are named by `GENBA_BACKENDS`, separated as in PATH.
"""

from __future__ import annotations

import base64
import json
import os
import shutil
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import genba

pytestmark = pytest.mark.backends
PATIENCE = 180.0


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def fetched(url: str) -> Any:
    with urllib.request.urlopen(url, timeout=10) as answer:
        body = answer.read()
    return json.loads(body) if body[:1] in (b"{", b"[") else body


def until(what: Callable[[], Any], seconds: float = 30.0) -> Any:
    end = time.monotonic() + seconds
    while True:
        try:
            found = what()
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            found = None
        if found:
            return found
        assert time.monotonic() < end, "it never came to that"
        time.sleep(0.2)


def program(name: str) -> str:
    found = shutil.which(name, path=os.pathsep.join([os.environ.get("GENBA_BACKENDS", ""), os.environ.get("PATH", "")]))
    if found is None:
        pytest.skip(f"{name} is not installed here")
    return found


def started(folder: Path, ready: str, *words: str, **environment: str) -> subprocess.Popen[bytes]:
    log = (folder / "server.log").open("wb")
    process = subprocess.Popen(words, cwd=folder, stdout=log, stderr=log, env={**os.environ, **environment}, start_new_session=True)
    until(lambda: fetched(ready) is not None, PATIENCE)
    return process


def stopped(process: subprocess.Popen[bytes]) -> None:
    os.killpg(process.pid, signal.SIGTERM)
    try:
        process.wait(20)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(20)


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.chdir(tmp_path)
    for signal_name in ("METRICS", "LOGS"):
        monkeypatch.setenv(f"OTEL_{signal_name}_EXPORTER", "none")
    yield
    genba.uninstrument()


def work() -> None:
    """An agent that asks a model, which calls a tool."""

    @genba.tool
    def weather(city: str) -> dict[str, int]:
        return {"degrees": 21}

    @genba.agent("reporter")
    def report() -> None:
        with genba.inference(provider="acme", model="acme-1") as invocation:
            invocation.request(messages=[{"role": "user", "content": "How warm is it in Ulm?"}], temperature=0.5)
            invocation.response("It is 21 degrees.")
            invocation.usage(input_tokens=11, output_tokens=7)
        weather("Ulm")

    report()
    until(lambda: genba.flush(5))


@pytest.fixture(scope="module")
def ports(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[int, int]]:
    http, grpc, agent = free_port(), free_port(), free_port()
    process = started(
        tmp_path_factory.mktemp("agent"), f"http://127.0.0.1:{agent}/info", program("ddapm-test-agent"), "--host", "127.0.0.1",
        "--port", str(agent), "--otlp-http-port", str(http), "--otlp-grpc-port", str(grpc), "--disable-llmobs-data-forwarding",
    )  # fmt: skip
    yield http, grpc
    stopped(process)


class TestDatadog:
    def spans(self, http: int) -> list[dict[str, Any]]:
        return [
            span
            for request in fetched(f"http://127.0.0.1:{http}/test/session/traces")
            for one in request.get("resource_spans", [])
            for scoped in one.get("scope_spans", [])
            for span in scoped.get("spans", [])
        ]

    @pytest.mark.parametrize("protocol", ["http/protobuf", "grpc"])
    def test_the_tree_arrives_over_both_transports(
        self, ports: tuple[int, int], protocol: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        http, grpc = ports
        if protocol == "grpc":
            pytest.importorskip("grpc")
        fetched(f"http://127.0.0.1:{http}/test/session/clear")
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{http if protocol != 'grpc' else grpc}")
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_PROTOCOL", protocol)
        genba.init()
        work()
        spans = {span["name"]: span for span in until(lambda: self.spans(http))}
        assert set(spans) == {"invoke_agent reporter", "chat acme-1", "execute_tool weather"}
        top = spans["invoke_agent reporter"]["span_id"]
        assert spans["chat acme-1"]["parent_span_id"] == spans["execute_tool weather"]["parent_span_id"] == top
        assert len(base64.b64decode(top)) == 8
        attributes = {pair["key"]: pair["value"] for pair in spans["chat acme-1"]["attributes"]}
        assert attributes["gen_ai.usage.input_tokens"]["int_value"] == "11"
        assert "Ulm" in attributes["gen_ai.input.messages"]["string_value"]

    def test_by_the_preset_of_the_agent(self, ports: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
        http, _ = ports
        fetched(f"http://127.0.0.1:{http}/test/session/clear")
        monkeypatch.setenv("GENBA_DATADOG_AGENT_URL", f"http://127.0.0.1:{http}")
        genba.init(export="datadog-agent")
        work()
        assert len(until(lambda: self.spans(http))) == 3

    def test_through_rotel_in_the_middle(self, ports: tuple[int, int], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        http, _ = ports
        fetched(f"http://127.0.0.1:{http}/test/session/clear")
        mine, other = free_port(), free_port()
        rotel = subprocess.Popen(
            [
                program("rotel-agent"), "start", "--otlp-grpc-endpoint", f"127.0.0.1:{other}", "--otlp-http-endpoint", f"127.0.0.1:{mine}",
                "--exporter", "otlp", "--otlp-exporter-endpoint", f"http://127.0.0.1:{http}", "--otlp-exporter-protocol", "http",
                "--pid-file", str(tmp_path / "pid"), "--log-file", str(tmp_path / "log"),
            ],
            start_new_session=True,
        )  # fmt: skip
        try:
            monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{mine}")
            genba.init()
            work()  # it may not be there yet: then they wait
            assert len(until(lambda: self.spans(http))) == 3
        finally:
            genba.uninstrument()
            stopped(rotel)


class TestPhoenix:
    def test_messages_usage_tool_and_tree_are_read_back(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        port, grpc = free_port(), free_port()
        base = f"http://127.0.0.1:{port}"
        process = started(
            tmp_path, f"{base}/healthz", program("phoenix"), "serve", PHOENIX_WORKING_DIR=str(tmp_path / "phoenix"), PHOENIX_HOST="127.0.0.1",
            PHOENIX_PORT=str(port), PHOENIX_GRPC_PORT=str(grpc), PHOENIX_TELEMETRY_ENABLED="false",
        )  # fmt: skip
        try:
            monkeypatch.setenv("PHOENIX_COLLECTOR_ENDPOINT", base)
            monkeypatch.setenv("PHOENIX_PROJECT_NAME", "genba")
            genba.init(export="phoenix")
            work()
            found = until(
                lambda: (data := fetched(f"{base}/v1/projects/genba/spans?limit=100")["data"]) and len(data) == 3 and data
            )
        finally:
            stopped(process)
        spans = {span["name"]: span for span in found}
        assert {name: span["span_kind"] for name, span in spans.items()} == {
            "invoke_agent reporter": "AGENT", "chat acme-1": "LLM", "execute_tool weather": "TOOL",
        }  # fmt: skip
        top = spans["invoke_agent reporter"]["context"]["span_id"]
        assert spans["chat acme-1"]["parent_id"] == spans["execute_tool weather"]["parent_id"] == top
        chat = json.dumps(spans["chat acme-1"]["attributes"])
        assert "How warm is it in Ulm?" in chat
        assert "It is 21 degrees." in chat
        assert spans["chat acme-1"]["attributes"]["llm.token_count.prompt"] == 11
        assert "21" in json.dumps(spans["execute_tool weather"]["attributes"])


class TestMlflow:
    def test_messages_usage_tool_and_tree_are_read_back(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        port = free_port()
        base = f"http://127.0.0.1:{port}"
        process = started(
            tmp_path, f"{base}/health", program("mlflow"), "server", "--host", "127.0.0.1", "--port", str(port), "--backend-store-uri",
            f"sqlite:///{tmp_path}/mlf.db", "--artifacts-destination", str(tmp_path / "art"), "--workers", "1",
            MLFLOW_SERVER_ENABLE_JOB_EXECUTION="false",
        )  # fmt: skip
        try:
            monkeypatch.setenv("MLFLOW_TRACKING_URI", base)
            genba.init(export=["mlflow", "jsonl:spans.jsonl"])
            work()
            trace = json.loads(Path("spans.jsonl").read_text().splitlines()[0])["trace_id"]
            found = until(lambda: fetched(f"{base}/api/3.0/mlflow/traces/get?trace_id=tr-{trace}"))
        finally:
            stopped(process)
        said = json.dumps(found)
        spans = {span["name"]: span for span in found["trace"]["spans"]}
        assert set(spans) == {"invoke_agent reporter", "chat acme-1", "execute_tool weather"}
        top = spans["invoke_agent reporter"]["span_id"]
        assert spans["chat acme-1"]["parent_span_id"] == spans["execute_tool weather"]["parent_span_id"] == top
        for words in ("How warm is it in Ulm?", "It is 21 degrees.", "CHAT_MODEL", "TOOL", "AGENT"):
            assert words in said
        assert "mlflow.chat.tokenUsage" in said
