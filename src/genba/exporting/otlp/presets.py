"""The backends that are known by name: where each takes traces, what it wants to be told, and how much it takes. One table.

Every value comes from the vendor's own environment variables. `GENBA_NAME_URL` (such as `GENBA_LANGFUSE_URL`) names another address.
Only traces are sent: metrics and logs go where OpenTelemetry's own variables say.
"""

from __future__ import annotations

import base64
import os
import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, NamedTuple

from ... import semconv
from ...semconv import Operation
from ...settings import SettingsError
from .target import Alias, Limits, Target


class Header(NamedTuple):
    """A header or resource attribute, made of variables: `Bearer {LANGFUSE_KEY}`."""

    name: str
    value: str
    is_optional: bool = False
    """Left out where its variables are not set; else their lack is an error."""
    encoded: str = ""
    """A scheme such as `Basic`, of which the value is the Base64 form."""


class Preset(NamedTuple):
    """A backend."""

    title: str
    url: str
    """`{VARIABLE|OTHER=default}` in it is filled in. `/v1/traces` is added where it is lacking."""
    headers: tuple[Header, ...] = ()
    limits: Limits = Limits()
    aliases: tuple[Alias, ...] = ()
    resource: tuple[Header, ...] = ()
    takes: str = "traces"
    """Which signals the backend takes."""
    note: str = ""
    known_how: str = "documentation"


_LANGSMITH_KINDS: Final = MappingProxyType({
    Operation.CHAT: "llm",
    Operation.GENERATE_CONTENT: "llm",
    Operation.TEXT_COMPLETION: "llm",
    Operation.EMBEDDINGS: "embedding",
    Operation.RETRIEVAL: "retriever",
    Operation.EXECUTE_TOOL: "tool",
    Operation.INVOKE_AGENT: "chain",
    Operation.INVOKE_WORKFLOW: "chain",
})  # fmt: skip
_SYSTEM: Final = Alias("gen_ai.system", semconv.PROVIDER_NAME)

PRESETS: Final[Mapping[str, Preset]] = MappingProxyType({
    "phoenix": Preset(
        "Arize Phoenix",
        "{PHOENIX_COLLECTOR_ENDPOINT=http://localhost:6006}",
        (Header("authorization", "Bearer {PHOENIX_API_KEY}", is_optional=True),),
        resource=(Header("openinference.project.name", "{PHOENIX_PROJECT_NAME}", is_optional=True),),
        known_how="real server",
    ),
    "mlflow": Preset(
        "MLflow",
        "{MLFLOW_TRACKING_URI=http://localhost:5000}",
        (
            Header("x-mlflow-experiment-id", "{MLFLOW_EXPERIMENT_ID=0}"),
            Header("authorization", "Bearer {MLFLOW_TRACKING_TOKEN}", is_optional=True),
        ),
        note="needs MLflow 3.6 and a SQL backend store",
        known_how="real server",
    ),
    "langfuse": Preset(
        "Langfuse",
        "{LANGFUSE_BASE_URL|LANGFUSE_HOST=https://cloud.langfuse.com}/api/public/otel",
        (Header("authorization", "{LANGFUSE_PUBLIC_KEY}:{LANGFUSE_SECRET_KEY}", encoded="Basic"),),
        Limits(max_span_bytes=9_000_000, max_request_bytes=9_500_000),
        note="one malformed id rejects its whole request; metrics would be discarded",
    ),
    "langsmith": Preset(
        "LangSmith",
        "{LANGSMITH_ENDPOINT=https://api.smith.langchain.com}/otel",
        (Header("x-api-key", "{LANGSMITH_API_KEY}"), Header("langsmith-project", "{LANGSMITH_PROJECT}", is_optional=True)),
        Limits(max_request_bytes=20_000_000),
        (_SYSTEM, Alias("langsmith.span.kind", semconv.OPERATION_NAME, _LANGSMITH_KINDS)),
        note="whether it reads `gen_ai.input.messages` is not confirmed",
    ),
    "datadog": Preset(
        "Datadog Agent Observability",
        "https://otlp.{DD_SITE=datadoghq.com}",
        (Header("dd-api-key", "{DD_API_KEY}"), Header("dd-otlp-source", "llmobs")),
        Limits(max_span_bytes=1_000_000),
        note="the address differs by site and was not checked: see its documentation, and set `GENBA_DATADOG_URL`",
    ),
    "datadog-agent": Preset(
        "Datadog APM, by way of the Agent",
        "http://{DD_AGENT_HOST=localhost}:4318",
        takes="traces, metrics, logs",
        known_how="Datadog's test agent",
    ),
    "grafana": Preset(
        "Grafana Cloud, Tempo",
        "{GRAFANA_OTLP_ENDPOINT}",
        (Header("authorization", "{GRAFANA_INSTANCE_ID}:{GRAFANA_API_TOKEN}", encoded="Basic"),),
        Limits(max_attribute_bytes=2048),
        takes="traces, metrics, logs",
        note="Tempo keeps 2,048 bytes of an attribute unless configured otherwise",
    ),
    "honeycomb": Preset(
        "Honeycomb",
        "{HONEYCOMB_API_ENDPOINT=https://api.honeycomb.io}",
        (Header("x-honeycomb-team", "{HONEYCOMB_API_KEY}"),),
        Limits(max_attribute_bytes=64_000, max_span_bytes=1_000_000),
        takes="traces, metrics, logs",
        note="its limits are commonly quoted, not confirmed",
    ),
    "newrelic": Preset(
        "New Relic",
        "{NEW_RELIC_OTLP_ENDPOINT=https://otlp.nr-data.net}",
        (Header("api-key", "{NEW_RELIC_LICENSE_KEY}"),),
        Limits(max_attribute_bytes=4095, max_request_bytes=1_000_000),
        takes="traces, metrics, logs",
    ),
    "sentry": Preset(
        "Sentry",
        "{SENTRY_OTLP_ENDPOINT}",
        (Header("x-sentry-auth", "sentry sentry_key={SENTRY_PUBLIC_KEY}"),),
        takes="traces, logs",
        note="drops span events; the address is `https://oORG.ingest.REGION.sentry.io/api/PROJECT/integration/otlp`",
    ),
    "dynatrace": Preset(
        "Dynatrace",
        "{DT_ENDPOINT}/api/v2/otlp",
        (Header("authorization", "Api-Token {DT_API_TOKEN}"),),
        Limits(max_request_bytes=7_500_000, max_age=3300.0),
        takes="traces, metrics, logs",
        note="takes no span that ended more than an hour ago",
    ),
    "elastic": Preset(
        "Elastic",
        "{ELASTIC_OTLP_ENDPOINT}",
        (Header("authorization", "ApiKey {ELASTIC_API_KEY}"),),
        takes="traces, metrics, logs",
    ),
    "signoz": Preset(
        "SigNoz",
        "{SIGNOZ_ENDPOINT=http://localhost:4318}",
        (Header("signoz-ingestion-key", "{SIGNOZ_INGESTION_KEY}", is_optional=True),),
        takes="traces, metrics, logs",
    ),
    "weave": Preset(
        "W&B Weave",
        "{WF_TRACE_SERVER_URL=https://trace.wandb.ai}/agents/otel",
        (Header("wandb-api-key", "{WANDB_API_KEY}"),),
        resource=(Header("wandb.entity", "{WANDB_ENTITY}"), Header("wandb.project", "{WANDB_PROJECT}")),
        note="silently drops spans without entity and project, so both must be set",
    ),
    "braintrust": Preset(
        "Braintrust",
        "{BRAINTRUST_API_URL=https://api.braintrust.dev}/otel",
        (Header("authorization", "Bearer {BRAINTRUST_API_KEY}"), Header("x-bt-parent", "{BRAINTRUST_PARENT}")),
    ),
    "opik": Preset(
        "Opik",
        "{OPIK_URL_OVERRIDE=https://www.comet.com/opik/api}/v1/private/otel",
        (
            Header("authorization", "{OPIK_API_KEY}", is_optional=True),
            Header("comet-workspace", "{OPIK_WORKSPACE}", is_optional=True),
            Header("projectname", "{OPIK_PROJECT_NAME}", is_optional=True),
        ),
        aliases=(_SYSTEM,),
        known_how="its source",
    ),
    "laminar": Preset(
        "Laminar",
        "{LMNR_BASE_URL=https://api.lmnr.ai}",
        (Header("authorization", "Bearer {LMNR_PROJECT_API_KEY}"),),
        takes="traces, logs",
        known_how="its source",
    ),
    "openlit": Preset("OpenLIT", "{OPENLIT_OTLP_ENDPOINT=http://localhost:4318}", takes="traces, metrics", known_how="its source"),
})  # fmt: skip

ELSEWHERE: Final[Mapping[str, str]] = MappingProxyType({
    "azure": "Azure Monitor takes no OTLP with a key. Pass azure-monitor-opentelemetry-exporter's AzureMonitorTraceExporter as export=.",
    "aws": "AWS X-Ray wants every request signed. Send to an OpenTelemetry Collector with export='otlp', and have that sign them.",
    "google": "Google Cloud Trace wants OAuth. Use export='otlp' with OTEL_EXPORTER_OTLP_ENDPOINT=https://telemetry.googleapis.com and "
    "OTEL_PYTHON_EXPORTER_OTLP_HTTP_CREDENTIAL_PROVIDER=gcp_http_credentials from opentelemetry-exporter-credential-provider-gcp.",
})  # fmt: skip
"""Backends that no address and key are enough for -> what to do."""

_VARIABLE = re.compile(r"\{([A-Z_|]+)(?:=([^}]*))?\}")


def target(name: str, environ: Mapping[str, str] | None = None) -> Target:
    """The destination of that name, from the environment.

    Raises:
        SettingsError: variables are missing, which it names.
    """
    env = os.environ if environ is None else environ
    preset = PRESETS[name]
    missing: list[str] = []
    own = env.get(override(name), "").strip()
    url = own or _filled(preset.url, env, missing)
    headers = _pairs(preset.headers, env, missing)
    resource = _pairs(preset.resource, env, missing)
    if missing:
        raise SettingsError(
            f"export={name!r} needs {' and '.join(dict.fromkeys(missing))} in the environment, for {preset.title}. "
            "Set it, or leave that destination out."
        )
    return Target(name, traces_url(url), headers=headers, limits=preset.limits, aliases=preset.aliases, resource=resource)


def override(name: str) -> str:
    """The variable that names another address."""
    return f"GENBA_{name.upper().replace('-', '_')}_URL"


def variables(name: str) -> tuple[list[str], list[str]]:
    """The variables of a preset: those that must be set, and the others."""
    preset = PRESETS[name]
    needed: list[str] = []
    others: list[str] = []
    for text, is_optional in [(preset.url, False), *((one.value, one.is_optional) for one in (*preset.headers, *preset.resource))]:
        for found in _VARIABLE.finditer(text):
            (others if is_optional or found[2] is not None else needed).append(found[1].replace("|", " or "))
    return needed, others


def traces_url(url: str) -> str:
    """The address of the traces: what names them already is left alone."""
    bare = url.rstrip("/")
    return bare if bare.endswith("/v1/traces") else f"{bare}/v1/traces"


def _pairs(headers: tuple[Header, ...], env: Mapping[str, str], missing: list[str]) -> dict[str, str]:
    made: dict[str, str] = {}
    for header in headers:
        lacking: list[str] = []
        value = _filled(header.value, env, lacking)
        if lacking:
            missing.extend([] if header.is_optional else lacking)
            continue
        made[header.name] = f"{header.encoded} {base64.b64encode(value.encode()).decode()}" if header.encoded else value
    return made


def _filled(text: str, env: Mapping[str, str], missing: list[str]) -> str:
    def value(found: re.Match[str]) -> str:
        names = found[1].split("|")
        said = next((env[name].strip() for name in names if env.get(name, "").strip()), found[2])
        if said is None:
            missing.append(" or ".join(names))
            return ""
        return said.rstrip("/")

    return _VARIABLE.sub(value, text)
