"""The metrics of the conventions: instrument, unit, bucket boundaries, attributes. What is measured is compared with this table."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from genba import semconv

SECONDS = (0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92)
TOKENS = (1, 4, 16, 64, 256, 1024, 4096, 16384, 65536, 262144, 1048576, 4194304, 16777216, 67108864)
AGENT_SECONDS = (0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8, 25.6, 51.2, 102.4, 204.8, 409.6)
CALLS = (1, 2, 4, 8, 16, 32, 64, 128)
CLIENT = ("gen_ai.operation.name", "gen_ai.provider.name")
ALLOWED = ("gen_ai.request.model", "gen_ai.response.model", "server.address", "server.port")


class Metric(NamedTuple):
    """What a metric must look like."""

    unit: str
    buckets: tuple[float, ...] | None
    required: tuple[str, ...]
    optional: tuple[str, ...]


METRICS = {
    "gen_ai.client.inference.duration": Metric("s", SECONDS, CLIENT, (*ALLOWED, "error.type")),
    "gen_ai.client.inference.time_to_first_chunk": Metric("s", SECONDS, CLIENT, ALLOWED),
    "gen_ai.client.inference.time_per_output_chunk": Metric("s", SECONDS, CLIENT, ALLOWED),
    "gen_ai.client.inference.operation.input_tokens": Metric("{token}", TOKENS, CLIENT, ALLOWED),
    "gen_ai.client.inference.operation.output_tokens": Metric("{token}", TOKENS, CLIENT, ALLOWED),
    **{
        f"gen_ai.client.inference.usage.{kind}": Metric("{token}", None, (*CLIENT, "gen_ai.token.modality"), ALLOWED)
        for kind in (
            "input_tokens",
            "output_tokens",
            "cache_read.input_tokens",
            "cache_write.input_tokens",
            "reasoning.output_tokens",
        )
    },
    "gen_ai.client.operation.duration": Metric("s", SECONDS, CLIENT[:1], (*ALLOWED, "gen_ai.provider.name", "error.type")),
    "gen_ai.execute_tool.duration": Metric(
        "s", SECONDS, ("gen_ai.tool.name",), ("error.type", "gen_ai.agent.name", "gen_ai.tool.type")
    ),
    "gen_ai.invoke_agent.duration": Metric("s", AGENT_SECONDS, (), ("error.type", "gen_ai.agent.name", "gen_ai.request.model")),
    "gen_ai.invoke_agent.inference_calls": Metric("{inference_call}", CALLS, (), ("gen_ai.agent.name",)),
    "gen_ai.invoke_agent.tool_calls": Metric("{tool_call}", CALLS, (), ("gen_ai.agent.name",)),
}
"""The newest names. Embeddings are still measured by `gen_ai.client.operation.duration`: their own metric is not confirmed."""


def measured(data: Any) -> dict[str, Any]:
    """Metrics by name, from what a reader collected."""
    resources = data.resource_metrics if data else ()
    return {
        metric.name: metric
        for resource in resources
        for scope in resource.scope_metrics
        for metric in scope.metrics
        if metric.name not in semconv.OWN_METRICS  # what genba tells of itself is in no convention
    }


def points(data: Any, name: str) -> list[Any]:
    metric = measured(data).get(name)
    return list(metric.data.data_points) if metric else []


def wrong_with_metrics(data: Any) -> Iterator[str]:
    """What is measured otherwise than the table says."""
    for name, metric in measured(data).items():
        if not name.startswith("gen_ai."):
            continue
        expected = METRICS.get(name)
        if expected is None:
            yield f"{name} is no metric of the conventions"
            continue
        if metric.unit != expected.unit:
            yield f"{name}: unit {metric.unit!r}"
        for point in metric.data.data_points:
            bounds = getattr(point, "explicit_bounds", None)
            if (bounds is None) != (expected.buckets is None) or (bounds is not None and tuple(bounds) != expected.buckets):
                yield f"{name}: buckets {bounds}"
            told = dict(point.attributes)
            for missing in set(expected.required) - set(told):
                yield f"{name}: {missing} is missing"
            for extra in set(told) - set(expected.required) - set(expected.optional):
                yield f"{name}: {extra} is not one of its attributes"
            if "server.address" in told and "server.port" not in told:
                yield f"{name}: server.port is required where server.address is"
            if told.get("gen_ai.token.modality") not in (None, "text", "image", "audio", "unknown"):
                yield f"{name}: modality {told['gen_ai.token.modality']!r}"
