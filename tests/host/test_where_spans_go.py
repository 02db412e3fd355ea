"""Whether the application sets up OpenTelemetry before genba, after it, or never: its spans go where it wants, and the order does not matter."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from support import openai_wire, stored
from support.otlp import Collector
from support.programs import CALL, PIPELINE, run
from support.wire import Server

pytest.importorskip("openai")
NAME = f"chat {openai_wire.MODEL}"
SET = 'trace.set_tracer_provider(pipeline("spans.jsonl"))'
START = PIPELINE + CALL + "\nimport sys, genba\nfrom opentelemetry import trace\nurl = sys.argv[1]\n"


@pytest.fixture(autouse=True)
def serving(server: Server) -> None:
    server.serve(openai_wire.chat_handler)


@pytest.fixture
def collector() -> Iterator[Collector]:
    collector = Collector()
    yield collector
    collector.close()


def names(spans: list[dict[str, Any]]) -> list[str]:
    return [span["name"] for span in spans]


@pytest.mark.parametrize(
    ("order", "program"),
    [
        ("before", f"{SET}\ngenba.init()\ncall(url)"),
        ("after", f"genba.init()\n{SET}\ncall(url)"),
        ("between", f"genba.init()\nimport openai\n{SET}\ncall(url)"),
        ("passed", 'genba.init(tracer_provider=pipeline("spans.jsonl"))\ncall(url)'),
        (
            "passed over the global",
            'trace.set_tracer_provider(pipeline("other.jsonl"))\ngenba.init(tracer_provider=pipeline("spans.jsonl"))\ncall(url)',
        ),
    ],
)
def test_spans_go_to_the_application_s_pipeline_and_nowhere_else(order: str, program: str, server: Server, tmp_path: Path) -> None:
    ran = run(START + program, server.url, folder=tmp_path)
    assert names(ran.spans()) == [NAME]
    assert names(ran.spans("other.jsonl")) == []
    assert not (tmp_path / ".genba").exists() or stored.names(tmp_path) == []
    assert ran.spans()[0]["resource"]["attributes"]["service.name"] == "app"


def test_without_a_pipeline_spans_go_to_the_embedded_store_and_the_global_provider_is_left_alone(
    server: Server, tmp_path: Path
) -> None:
    program = "genba.init()\ncall(url)\nprint(type(trace.get_tracer_provider()).__name__)"
    ran = run(START + program, server.url, folder=tmp_path)
    assert ran.out.strip() == "ProxyTracerProvider"
    assert len(stored.names(tmp_path)) == 1
    assert (tmp_path / ".genba" / ".gitignore").read_text().strip() == "*"


def test_spans_made_before_the_application_s_pipeline_are_not_lost(server: Server, tmp_path: Path) -> None:
    program = f"genba.init()\ncall(url, 'first')\n{SET}\ncall(url, 'second')"
    ran = run(START + program, server.url, folder=tmp_path)
    assert names(ran.spans()) == ["chat second"]
    assert len(stored.names(tmp_path)) == 1


def test_the_global_provider_is_set_only_when_asked(server: Server, tmp_path: Path) -> None:
    program = "genba.init(set_global=True)\ncall(url)\nprint(type(trace.get_tracer_provider()).__name__)"
    ran = run(START + program, server.url, folder=tmp_path)
    assert ran.out.strip() != "ProxyTracerProvider"
    assert len(stored.names(tmp_path)) == 1


def test_a_store_asked_for_is_written_beside_the_application_s_pipeline(server: Server, tmp_path: Path) -> None:
    program = f"{SET}\ngenba.init(store='.genba/genba.db')\ncall(url)"
    ran = run(START + program, server.url, folder=tmp_path)
    assert names(ran.spans()) == [NAME]
    assert len(stored.names(tmp_path)) == 1


@pytest.mark.parametrize("first", ["vendor", "genba"])
def test_another_vendor_s_pipeline_beside_ours_gets_what_it_made_and_ours_what_we_made(
    first: str, server: Server, tmp_path: Path
) -> None:
    """The vendor keeps a provider of its own, sets it globally as most do, and makes spans around ours."""
    vendor = 'vendor = pipeline("vendor.jsonl", "vendor")\ntrace.set_tracer_provider(vendor)'
    init = 'genba.init(tracer_provider=pipeline("spans.jsonl"), store="off")'
    lines = [vendor, init] if first == "vendor" else [init, vendor]
    use = 'with vendor.get_tracer("vendor").start_as_current_span("theirs"):\n    call(url)'
    ran = run(START + "\n".join([*lines, use]), server.url, folder=tmp_path)
    assert names(ran.spans()) == [NAME]
    assert names(ran.spans("vendor.jsonl")) == ["theirs"]
    [ours], [theirs] = ran.spans(), ran.spans("vendor.jsonl")
    assert ours["parent_id"] == theirs["context"]["span_id"]
    assert ours["context"]["trace_id"] == theirs["context"]["trace_id"]


def test_a_vendor_s_span_processor_that_raises_does_not_reach_the_host(server: Server, tmp_path: Path) -> None:
    program = """
from opentelemetry.sdk.trace import SpanProcessor
class Rude(SpanProcessor):
    def on_start(self, span, parent_context=None): raise RuntimeError("rude start")
    def on_end(self, span): raise RuntimeError("rude end")
provider = pipeline("spans.jsonl")
provider.add_span_processor(Rude())
genba.init(tracer_provider=provider, store="off")
print(call(url).choices[0].message.content)
"""
    ran = run(START + program, server.url, folder=tmp_path, fails=True)
    assert ran.code == 0, ran.err
    assert ran.out.strip() == "".join(openai_wire.ANSWER)


@pytest.mark.parametrize("set_up", ["genba.init()", f"{SET}\ngenba.init()"])
def test_a_disabled_sdk_makes_no_span_and_writes_no_file(set_up: str, server: Server, tmp_path: Path) -> None:
    ran = run(START + set_up + "\nprint(call(url).id)", server.url, folder=tmp_path, OTEL_SDK_DISABLED="true")
    assert ran.out.strip() == "chatcmpl-wire"
    assert ran.spans() == []
    assert not (tmp_path / ".genba").exists()


def test_an_exporter_of_none_makes_no_file(server: Server, tmp_path: Path) -> None:
    ran = run(START + "genba.init()\nprint(call(url).id)", server.url, folder=tmp_path, OTEL_TRACES_EXPORTER="none")
    assert ran.out.strip() == "chatcmpl-wire"
    assert not (tmp_path / ".genba").exists()


def test_the_console_exporter_prints_a_readable_tree(server: Server, tmp_path: Path) -> None:
    program = "genba.init(export='console')\nwith genba.agent('planner'):\n    call(url)\ngenba.flush()"
    ran = run(START + program, server.url, folder=tmp_path)
    said = ran.out + ran.err
    assert "{" not in said.partition("invoke_agent planner")[0]
    assert said.index("invoke_agent planner") < said.index(NAME)


def test_the_standard_s_console_exporter_is_used_when_the_environment_asks_for_it(server: Server, tmp_path: Path) -> None:
    program = "genba.init()\nwith genba.agent('planner'):\n    call(url)\ngenba.flush()"
    ran = run(START + program, server.url, folder=tmp_path, OTEL_TRACES_EXPORTER="console")
    assert "invoke_agent planner" in ran.out
    assert NAME in ran.out


def test_jsonl_writes_a_line_a_span(server: Server, tmp_path: Path) -> None:
    program = "genba.init(export='jsonl:out.jsonl')\ncall(url)\ncall(url)"
    run(START + program, server.url, folder=tmp_path)
    lines = (tmp_path / "out.jsonl").read_text().splitlines()
    assert len(lines) == 2
    assert all(json.loads(line)["name"] == NAME for line in lines)


@pytest.mark.parametrize("variable", ["OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"])
def test_an_otlp_endpoint_in_the_environment_is_exported_to(
    variable: str, server: Server, collector: Collector, tmp_path: Path
) -> None:
    endpoint = collector.url + ("/v1/traces" if "TRACES" in variable else "")
    run(
        START + "genba.init()\nwith genba.agent('planner'):\n    call(url)",
        server.url,
        folder=tmp_path,
        **{variable: endpoint, "OTEL_EXPORTER_OTLP_HEADERS": "x-team=bees", "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf"},
        OTEL_SERVICE_NAME="hive",
        OTEL_RESOURCE_ATTRIBUTES="deployment.environment.name=test",
    )
    spans = {span["name"]: span for span in collector.spans()}
    assert sorted(spans) == [NAME, "invoke_agent planner"]
    assert spans[NAME]["parent_id"] == spans["invoke_agent planner"]["span_id"]
    assert spans[NAME]["resource"]["service.name"] == "hive"
    assert spans[NAME]["resource"]["deployment.environment.name"] == "test"
    assert json.loads(spans[NAME]["attributes"]["gen_ai.output.messages"])[0]["parts"][0]["content"] == "".join(openai_wire.ANSWER)
    assert collector.headers()["x-team"] == "bees"


def test_an_unreachable_collector_costs_no_exception_and_a_bounded_exit(server: Server, tmp_path: Path) -> None:
    program = "genba.init()\nprint(call(url).id)\nprint(genba.flush(timeout=0.5) is not None)"
    ran = run(START + program, server.url, folder=tmp_path, fails=True, limit=12, OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:9")
    assert ran.code == 0, ran.err
    assert ran.out.splitlines()[0] == "chatcmpl-wire"


def test_without_the_extra_an_otlp_endpoint_is_an_error_that_says_what_to_install(server: Server, tmp_path: Path) -> None:
    missing = """
class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.startswith("opentelemetry.exporter"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Missing())
"""
    endpoint = "http://127.0.0.1:9"
    ran = run(START + missing + "genba.init()", server.url, folder=tmp_path, fails=True, OTEL_EXPORTER_OTLP_ENDPOINT=endpoint)
    assert ran.code != 0
    assert "pip install 'genba[otlp]'" in ran.err.replace('"', "'")


@pytest.mark.parametrize("sampler", ["always_off", "traceidratio"])
def test_a_sampled_out_call_does_no_work_on_content(sampler: str, server: Server, tmp_path: Path) -> None:
    """An argument that counts how often it is looked at stands for all content."""
    program = """
looked = []
class Watched(dict):
    def items(self): looked.append("items"); return super().items()
    def __iter__(self): looked.append("iter"); return super().__iter__()
    def __repr__(self): looked.append("repr"); return "x"
genba.init(tracer_provider=pipeline("spans.jsonl"), store="off")
@genba.observe
def function(value): return value
@genba.inference(provider="acme", model="acme-1")
def call_model(messages): return messages
watched = Watched(role="user", content="hi")
assert function(watched) is watched
assert call_model([watched])[0] is watched
print(call(url).id, len(looked))
"""
    environment = {"OTEL_TRACES_SAMPLER": sampler, "OTEL_TRACES_SAMPLER_ARG": "0.0"}
    ran = run(START + program, server.url, folder=tmp_path, **environment)
    assert ran.out.split() == ["chatcmpl-wire", "0"]
    assert ran.spans() == []


def test_the_standard_s_limits_on_attributes_are_obeyed_and_what_identifies_a_call_is_kept(server: Server, tmp_path: Path) -> None:
    program = 'genba.init(tracer_provider=pipeline("spans.jsonl"), store="off")\ncall(url)'
    limits = {"OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT": "16", "OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT": "200"}
    [span] = run(START + program, server.url, folder=tmp_path, **limits).spans()
    told = span["attributes"]
    assert len(told) <= 16
    assert all(len(value) <= 200 for value in told.values() if isinstance(value, str))
    for name in (
        "gen_ai.operation.name",
        "gen_ai.provider.name",
        "gen_ai.request.model",
        "genba.outcome",
        "gen_ai.usage.input_tokens",
    ):
        assert name in told


@pytest.mark.parametrize("word", ["NO_CONTENT", "no_content", "EVENT_ONLY", "nonsense"])
def test_content_can_be_kept_off_spans_by_the_standard_s_variable(word: str, server: Server, tmp_path: Path) -> None:
    program = 'genba.init(tracer_provider=pipeline("spans.jsonl"), store="off")\ncall(url)'
    environment = {"OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT": word}
    [span] = run(START + program, server.url, folder=tmp_path, **environment).spans()
    written = json.dumps(span)
    assert "honey" not in written.lower()
    assert span["attributes"]["gen_ai.usage.input_tokens"] == 20


def test_metrics_go_to_the_application_s_meter_provider_whenever_it_is_set(server: Server, tmp_path: Path) -> None:
    program = """
from opentelemetry import metrics
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
genba.init(store="off", tracer_provider=pipeline("spans.jsonl"))
reader = InMemoryMetricReader()
metrics.set_meter_provider(MeterProvider([reader]))
call(url)
genba.flush()
data = reader.get_metrics_data()
print(*sorted(m.name for r in data.resource_metrics for s in r.scope_metrics for m in s.metrics))
"""
    assert "gen_ai.client.inference.duration" in run(START + program, server.url, folder=tmp_path).out.split()
