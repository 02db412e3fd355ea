"""What is measured: the conventions' instruments with their units, buckets and attributes, once for each operation."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader

import genba
from genba import harmless, semconv
from genba.conversation import Response, Usage
from support.spans import Spans

SECONDS = (0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92)
TOKENS = tuple(4**power for power in range(14))
AGENT_SECONDS = (0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8, 25.6, 51.2, 102.4, 204.8, 409.6)
CALLS = (1, 2, 4, 8, 16, 32, 64, 128)
CALL = {
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": "acme",
    "gen_ai.request.model": "acme-1",
    "gen_ai.response.model": "acme-1-b",
}


class Meters:
    """Meters in memory."""

    def __init__(self) -> None:
        self.reader = InMemoryMetricReader()
        self.provider = MeterProvider([self.reader])

    def collect(self) -> dict[str, Any]:
        assert genba.flush(timeout=5)
        data = self.reader.get_metrics_data()
        return {
            metric.name: metric
            for resource in (data.resource_metrics if data else ())
            for scope in resource.scope_metrics
            for metric in scope.metrics
            if metric.name not in semconv.OWN_METRICS
        }


@pytest.fixture
def meters() -> Iterator[Meters]:
    meters = Meters()
    yield meters
    meters.provider.shutdown()


@pytest.fixture
def measured(meters: Meters, start_tracing: Callable[..., Spans]) -> Callable[..., dict[str, Any]]:
    """Runs something under genba; gives the metrics by name."""

    def run(work: Callable[[], None], **options: Any) -> dict[str, Any]:
        start_tracing(meter_provider=meters.provider, **options)
        work()
        return meters.collect()

    return run


def call(usage: Usage | None = None) -> None:
    with genba.inference(provider="acme", model="acme-1") as invocation:
        invocation.request(messages="Why?")
        invocation.response(Response(model="acme-1-b", usage=usage))


def only(metric: Any) -> Any:
    (point,) = metric.data.data_points
    return point


def split(metric: Any) -> dict[str, int]:
    return {point.attributes["gen_ai.token.modality"]: point.value for point in metric.data.data_points}


def test_a_call_is_measured_once(measured: Callable[..., dict[str, Any]]) -> None:
    found = measured(lambda: call(Usage(input_tokens=10, output_tokens=20)))
    assert {name: metric.unit for name, metric in found.items()} == {
        "gen_ai.client.inference.duration": "s",
        "gen_ai.client.inference.operation.input_tokens": "{token}",
        "gen_ai.client.inference.operation.output_tokens": "{token}",
        "gen_ai.client.inference.usage.input_tokens": "{token}",
        "gen_ai.client.inference.usage.output_tokens": "{token}",
    }
    duration = only(found["gen_ai.client.inference.duration"])
    assert duration.count == 1
    assert dict(duration.attributes) == CALL
    assert tuple(duration.explicit_bounds) == SECONDS
    tokens = only(found["gen_ai.client.inference.operation.input_tokens"])
    assert (tokens.sum, dict(tokens.attributes), tuple(tokens.explicit_bounds)) == (10, CALL, TOKENS)


def test_an_unknown_count_is_not_zero(measured: Callable[..., dict[str, Any]]) -> None:
    assert list(measured(call)) == ["gen_ai.client.inference.duration"]


def test_the_modalities_of_a_count_add_up_to_it(measured: Callable[..., dict[str, Any]]) -> None:
    usage = Usage(
        input_tokens=10, output_tokens=20, text_input_tokens=6, image_input_tokens=3, audio_output_tokens=20, cache_read_input_tokens=5,
        text_cache_read_input_tokens=4, reasoning_output_tokens=0,
    )  # fmt: skip
    found = measured(lambda: call(usage))
    base = "gen_ai.client.inference.usage."
    assert split(found[f"{base}input_tokens"]) == {"text": 6, "image": 3, "unknown": 1}
    assert split(found[f"{base}output_tokens"]) == {"audio": 20}
    assert split(found[f"{base}cache_read.input_tokens"]) == {"text": 4, "unknown": 1}
    assert split(found[f"{base}reasoning.output_tokens"]) == {"unknown": 0}


def test_a_failure_is_measured_with_its_type(measured: Callable[..., dict[str, Any]]) -> None:
    def work() -> None:
        with pytest.raises(TimeoutError), genba.inference(provider="acme", model="acme-1"):
            raise TimeoutError

    point = only(measured(work)["gen_ai.client.inference.duration"])
    assert point.attributes["error.type"] == "TimeoutError"


def test_a_stream_measures_its_first_chunk_and_the_time_between_chunks(measured: Callable[..., dict[str, Any]]) -> None:
    @genba.inference(provider="acme", model="acme-1")
    def stream(prompt: str) -> Iterator[str]:
        yield from ("Be", "cause", ".")

    found = measured(lambda: list(stream("Why?")) and None)
    assert only(found["gen_ai.client.inference.time_to_first_chunk"]).count == 1
    between = only(found["gen_ai.client.inference.time_per_output_chunk"])
    assert between.count == 2
    assert tuple(between.explicit_bounds) == SECONDS


def test_a_tool_is_measured_under_its_agent(measured: Callable[..., dict[str, Any]]) -> None:
    def work() -> None:
        with genba.agent("planner"), genba.tool("weather"):
            pass

    found = measured(work)
    tool = only(found["gen_ai.execute_tool.duration"])
    assert dict(tool.attributes) == {"gen_ai.tool.name": "weather", "gen_ai.tool.type": "function", "gen_ai.agent.name": "planner"}
    assert tuple(tool.explicit_bounds) == SECONDS


def test_a_tool_that_two_tell_of_is_measured_and_counted_once(measured: Callable[..., dict[str, Any]]) -> None:
    @genba.tool
    def weather() -> None: ...

    def work() -> None:
        with genba.agent("planner"), genba.tool("weather"):
            weather()

    found = measured(work)
    assert only(found["gen_ai.execute_tool.duration"]).count == 1
    assert only(found["gen_ai.invoke_agent.tool_calls"]).sum == 1


def test_an_agent_counts_the_calls_that_were_made_for_it(measured: Callable[..., dict[str, Any]]) -> None:
    def work() -> None:
        with genba.agent("planner"):
            call()
            with genba.tool("weather"):
                call()  # a model call inside a tool is made for the agent as well
            with genba.workflow("steps"):
                call()
            with genba.agent("helper"):
                call()

    found = measured(work)

    def by_name(metric: str) -> dict[str, Any]:
        return {point.attributes["gen_ai.agent.name"]: point for point in found[metric].data.data_points}

    assert {name: point.sum for name, point in by_name("gen_ai.invoke_agent.inference_calls").items()} == {
        "planner": 3,
        "helper": 1,
    }
    assert {name: point.sum for name, point in by_name("gen_ai.invoke_agent.tool_calls").items()} == {"planner": 1, "helper": 0}
    assert tuple(by_name("gen_ai.invoke_agent.tool_calls")["planner"].explicit_bounds) == CALLS
    assert tuple(by_name("gen_ai.invoke_agent.duration")["planner"].explicit_bounds) == AGENT_SECONDS
    assert found["gen_ai.invoke_agent.inference_calls"].unit == "{inference_call}"
    assert found["gen_ai.invoke_agent.tool_calls"].unit == "{tool_call}"


def test_a_decorated_function_that_is_no_operation_is_not_measured(measured: Callable[..., dict[str, Any]]) -> None:
    def work() -> None:
        with genba.observe("step"):
            pass

    assert measured(work) == {}


def test_the_names_of_1_37(measured: Callable[..., dict[str, Any]]) -> None:
    @genba.inference(provider="acme", model="acme-1")
    def stream(prompt: str) -> Iterator[str]:
        yield from ("Be", "cause.")

    def work() -> None:
        call(Usage(input_tokens=10, output_tokens=20))
        list(stream("Why?"))
        with genba.workflow("steps"):
            pass

    found = measured(work, semconv="1.37")
    assert sorted(found) == [
        "gen_ai.client.operation.duration",
        "gen_ai.client.operation.time_per_output_chunk",
        "gen_ai.client.operation.time_to_first_chunk",
        "gen_ai.client.token.usage",
        "gen_ai.invoke_workflow.duration",
    ]
    kinds = {point.attributes["gen_ai.token.type"]: point.sum for point in found["gen_ai.client.token.usage"].data.data_points}
    assert kinds == {"input": 10, "output": 20}


def test_without_a_meter_provider_nothing_is_measured(spans: Spans, meters: Meters) -> None:
    call(Usage(input_tokens=10))
    assert meters.collect() == {}
    assert len(spans.all()) == 1


@pytest.mark.hostile
def test_a_meter_that_breaks_costs_the_host_nothing(start_tracing: Callable[..., Spans]) -> None:
    class Broken(MeterProvider):
        def get_meter(self, *args: Any, **kwargs: Any) -> Any:
            class Meter:
                def __getattr__(self, name: str) -> Any:
                    raise RuntimeError(name)

            return Meter()

    provider = Broken()
    spans = start_tracing(meter_provider=provider)
    harmless.forget()
    call()
    genba.flush(timeout=5)
    provider.shutdown()
    assert len(spans.all()) == 1
    assert genba.doctor().failures["recording metrics and events"][0] == 1
