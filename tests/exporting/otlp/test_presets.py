"""Every backend that is known by name, against a local fake of it: address, headers, limits; and what it says when variables lack."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pytest

import genba
from genba.exporting.otlp import presets
from genba.exporting.otlp.presets import ELSEWHERE, PRESETS, target, traces_url, variables
from support.otlp import Collector
from support.stored import names

pytest.importorskip("opentelemetry.exporter.otlp.proto.http")

BASE = {
    "phoenix": "PHOENIX_COLLECTOR_ENDPOINT",
    "mlflow": "MLFLOW_TRACKING_URI",
    "langfuse": "LANGFUSE_BASE_URL",
    "langsmith": "LANGSMITH_ENDPOINT",
    "datadog": "GENBA_DATADOG_URL",
    "datadog-agent": "GENBA_DATADOG_AGENT_URL",
    "grafana": "GRAFANA_OTLP_ENDPOINT",
    "honeycomb": "HONEYCOMB_API_ENDPOINT",
    "newrelic": "NEW_RELIC_OTLP_ENDPOINT",
    "sentry": "SENTRY_OTLP_ENDPOINT",
    "dynatrace": "DT_ENDPOINT",
    "elastic": "ELASTIC_OTLP_ENDPOINT",
    "signoz": "SIGNOZ_ENDPOINT",
    "weave": "WF_TRACE_SERVER_URL",
    "braintrust": "BRAINTRUST_API_URL",
    "opik": "OPIK_URL_OVERRIDE",
    "laminar": "LMNR_BASE_URL",
    "openlit": "OPENLIT_OTLP_ENDPOINT",
}
PATHS = {
    "langfuse": "/api/public/otel/v1/traces",
    "langsmith": "/otel/v1/traces",
    "dynatrace": "/api/v2/otlp/v1/traces",
    "weave": "/agents/otel/v1/traces",
    "braintrust": "/otel/v1/traces",
    "opik": "/v1/private/otel/v1/traces",
}
HEADERS = {
    "mlflow": {"x-mlflow-experiment-id": "0"},
    "langfuse": {"authorization": "Basic " + base64.b64encode(b"my LANGFUSE_PUBLIC_KEY:my LANGFUSE_SECRET_KEY").decode()},
    "langsmith": {"x-api-key": "my LANGSMITH_API_KEY"},
    "datadog": {"dd-api-key": "my DD_API_KEY", "dd-otlp-source": "llmobs"},
    "grafana": {"authorization": "Basic " + base64.b64encode(b"my GRAFANA_INSTANCE_ID:my GRAFANA_API_TOKEN").decode()},
    "honeycomb": {"x-honeycomb-team": "my HONEYCOMB_API_KEY"},
    "newrelic": {"api-key": "my NEW_RELIC_LICENSE_KEY"},
    "sentry": {"x-sentry-auth": "sentry sentry_key=my SENTRY_PUBLIC_KEY"},
    "dynatrace": {"authorization": "Api-Token my DT_API_TOKEN"},
    "elastic": {"authorization": "ApiKey my ELASTIC_API_KEY"},
    "weave": {"wandb-api-key": "my WANDB_API_KEY"},
    "braintrust": {"authorization": "Bearer my BRAINTRUST_API_KEY", "x-bt-parent": "my BRAINTRUST_PARENT"},
    "laminar": {"authorization": "Bearer my LMNR_PROJECT_API_KEY"},
}


@pytest.fixture
def collector(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Collector]:
    collector = Collector()
    monkeypatch.chdir(tmp_path)
    yield collector
    genba.uninstrument()
    collector.close()


def log_in(name: str, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    needed, _ = variables(name)
    for variable in needed:
        monkeypatch.setenv(variable, f"my {variable}")
    monkeypatch.setenv(BASE[name], url)


def ask(said: str, **more: object) -> None:
    with genba.inference(provider="acme", model="acme-1") as invocation:
        invocation.request(messages=[{"role": "user", "content": said}], **more)
        invocation.response("Because.")
        invocation.usage(input_tokens=3, output_tokens=2)


@pytest.mark.parametrize("name", PRESETS)
def test_a_backend_gets_what_it_wants_and_no_more_than_it_takes(
    name: str, collector: Collector, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    log_in(name, collector.url, monkeypatch)
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer%20for-somebody-else,x-secret=1")
    genba.init(export=["store", name])
    big = "".join(chr(97 + at % 26) for at in range(600_000))
    for _ in range(12):
        ask(big)
    ask("short")
    assert genba.flush(20), genba.doctor()
    limits = PRESETS[name].limits
    assert {request.path for request in collector.server.received} == {PATHS.get(name, "/v1/traces")}
    headers = {key.lower(): value for key, value in collector.headers().items()}
    expected = HEADERS.get(name, {})
    assert {key: headers.get(key) for key in expected} == expected
    assert "for-somebody-else" not in headers.get("authorization", "")
    assert "x-secret" not in headers, "what the standard's variables hold is for another server"
    assert all(size <= limits.max_request_bytes for size, _ in collector.sizes())
    spans = collector.spans()
    assert len(spans) == 13
    most = limits.max_attribute_bytes or 1 << 30
    for span in spans:
        attributes = span["attributes"]
        assert max(len(value.encode()) for value in attributes.values() if isinstance(value, str)) <= most
        assert json.loads(attributes["gen_ai.input.messages"])[0]["role"] == "user", "shortened or not, it is JSON"
        order = list(attributes)
        assert order.index("gen_ai.usage.input_tokens") < order.index("gen_ai.input.messages")
    assert len(names(tmp_path)) == 13, "the store has them too"
    assert genba.doctor().dropped == {}


def test_every_backend_is_tested_here() -> None:
    assert set(BASE) == set(PRESETS)


def test_a_shortened_text_tells_its_length_and_hash_and_other_destinations_have_the_whole(
    collector: Collector, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    log_in("newrelic", collector.url, monkeypatch)
    genba.init(export=["jsonl:whole.jsonl", "newrelic"])
    ask("ä" * 50_000)
    assert genba.flush(10)
    (span,) = collector.spans()
    attributes = span["attributes"]
    (message,) = json.loads(attributes["gen_ai.input.messages"])
    text = message["parts"][0]["content"]
    assert text.startswith("ää")
    assert text.endswith("ää")
    assert "50000 characters" in text
    (line,) = (tmp_path / "whole.jsonl").read_text().splitlines()
    whole = json.dumps(json.loads(line)["attributes"]["gen_ai.input.messages"], ensure_ascii=False, separators=(",", ":"))
    assert "ä" * 50_000 in whole
    (cut,) = json.loads(attributes["genba.content.shortened"])
    assert cut == {"path": "gen_ai.input.messages", "length": len(whole), "sha256": sha256(whole.encode()).hexdigest()}
    assert attributes["gen_ai.usage.input_tokens"] == 3


def test_a_reader_that_looks_for_other_names_finds_them(collector: Collector, monkeypatch: pytest.MonkeyPatch) -> None:
    log_in("langsmith", collector.url, monkeypatch)
    genba.init(export="langsmith")
    ask("Why?")
    assert genba.flush(10)
    attributes = collector.spans()[0]["attributes"]
    assert attributes["gen_ai.system"] == attributes["gen_ai.provider.name"] == "acme"
    assert attributes["langsmith.span.kind"] == "llm"


def test_where_the_project_is_a_resource_attribute_it_is_one(collector: Collector, monkeypatch: pytest.MonkeyPatch) -> None:
    log_in("weave", collector.url, monkeypatch)
    genba.init(export="weave", service_name="shop")
    ask("Why?")
    assert genba.flush(10)
    resource = collector.spans()[0]["resource"]
    assert (resource["wandb.project"], resource["wandb.entity"]) == ("my WANDB_PROJECT", "my WANDB_ENTITY")
    assert resource["service.name"] == "shop"


def test_what_is_too_old_for_a_backend_is_set_aside(collector: Collector, monkeypatch: pytest.MonkeyPatch) -> None:
    log_in("dynatrace", collector.url, monkeypatch)
    changed = PRESETS["dynatrace"]._replace(limits=PRESETS["dynatrace"].limits.__class__(max_age=0.0))
    monkeypatch.setattr(presets, "PRESETS", {**PRESETS, "dynatrace": changed})
    genba.init(export="dynatrace")
    ask("Why?")
    assert genba.flush(10)
    assert not collector.server.received
    ((reason, number),) = genba.doctor().dropped.items()
    assert reason.startswith("dynatrace: older than")
    assert number == 1


@pytest.mark.parametrize("name", [name for name in PRESETS if variables(name)[0]])
def test_a_variable_that_is_missing_is_named_and_nothing_begins(name: str) -> None:
    with pytest.raises(genba.SettingsError) as error:
        genba.init(export=name)
    for variable in variables(name)[0]:
        assert variable in str(error.value)
    assert not genba.doctor().is_running


@pytest.mark.parametrize("name", ELSEWHERE)
def test_a_backend_that_a_key_is_not_enough_for_says_what_to_do(name: str) -> None:
    with pytest.raises(genba.SettingsError, match=r"export|Collector"):
        genba.init(export=name)


def test_a_misspelt_backend_is_told_which_there_are() -> None:
    with pytest.raises(genba.SettingsError, match="langfuse"):
        genba.init(export="langfuze")


def test_the_path_of_the_traces_is_added_once() -> None:
    assert traces_url("https://a.example") == "https://a.example/v1/traces"
    assert traces_url("https://a.example/otel/") == "https://a.example/otel/v1/traces"
    assert traces_url("https://a.example/otel/v1/traces") == "https://a.example/otel/v1/traces"


def test_no_secret_is_in_the_key_by_which_a_spool_knows_its_destination() -> None:
    one = target("langfuse", {"LANGFUSE_PUBLIC_KEY": "pk-1", "LANGFUSE_SECRET_KEY": "sk-1"})
    other = target("langfuse", {"LANGFUSE_PUBLIC_KEY": "pk-1", "LANGFUSE_SECRET_KEY": "sk-2"})
    assert one.key != other.key
    assert "sk-1" not in one.key
    assert one.key == target("langfuse", {"LANGFUSE_PUBLIC_KEY": "pk-1", "LANGFUSE_SECRET_KEY": "sk-1"}).key
