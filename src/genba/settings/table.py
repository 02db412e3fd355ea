"""The settings as a table, for the documentation and for `doctor`: each option, its variable, its default, what it does."""

from __future__ import annotations

from typing import NamedTuple

CONTENT_VARIABLE = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"
EVENT_VARIABLE = "OTEL_INSTRUMENTATION_GENAI_EMIT_EVENT"
HOOK_VARIABLE = "OTEL_INSTRUMENTATION_GENAI_COMPLETION_HOOK"
UPLOAD_VARIABLE = "OTEL_INSTRUMENTATION_GENAI_UPLOAD_BASE_PATH"
UPLOAD_FORMAT_VARIABLE = "OTEL_INSTRUMENTATION_GENAI_UPLOAD_FORMAT"
DEFAULT_STORE = ".genba/genba.db"
DEFAULT_SPOOL = ".genba/spool"


class Entry(NamedTuple):
    """One setting, for the documentation."""

    option: str
    env: str
    default: str
    description: str


TABLE = (
    Entry("tracer_provider", "", "the global one", "Where spans go. Without one, genba uses a private provider."),
    Entry("meter_provider", "", "the global one", "Where metrics go. Without one, none are made."),
    Entry("logger_provider", "", "the global one", "Where the details and exception events go. Without one, none are made."),
    Entry("store", "GENBA_STORE", DEFAULT_STORE, "File of the embedded store, or `off`. Asked for explicitly, it is written even "
          "beside the app's own pipeline. For genba's commands also `clickhouse://user:password@host:8123/database?table=otel_traces`."),
    Entry("export", "GENBA_EXPORT", "store", "Destinations of genba's own: `store`, `console`, `jsonl:PATH`, `otlp`, a backend's name such "
          "as `langfuse`, a SpanExporter, or several."),
    Entry("spool", "GENBA_SPOOL", DEFAULT_SPOOL, "Folder in which spans wait until an OTLP destination has them, or `off`: then they wait "
          "in memory."),
    Entry("capture_content", CONTENT_VARIABLE, "span", "Where prompts and completions go: `none`, `span`, `event` or `both` (or the "
          "standard's NO_CONTENT, SPAN_ONLY, EVENT_ONLY, SPAN_AND_EVENT)."),
    Entry("redact", "GENBA_REDACT", "secrets", "What is taken out before anything leaves the process or touches a disk: `secrets`, `personal`, "
          "single kinds such as `mail,ip`, several of these, `off`, or a `genba.Redaction`."),
    Entry("", "GENBA_REDACT_KEY", "", "Key of the pseudonyms that stand for what was redacted, at least 16 bytes. Without one there are none."),
    Entry("semconv", "GENBA_SEMCONV", "latest", "Version of the GenAI conventions to write: `latest` or `1.37`."),
    Entry("stream_usage", "GENBA_STREAM_USAGE", "", "`inject` asks OpenAI chat streams for usage and hides the extra chunk. Default: "
          "requests are sent as they are."),
    Entry("instrument", "GENBA_INSTRUMENT", "all", "Names of the client libraries to trace, such as `openai,anthropic`."),
    Entry("carry_context", "GENBA_CARRY_CONTEXT", "", "Where the current span follows by itself to work done elsewhere: any of `threads`, "
          "`multiprocessing`, `process_pools`, `subprocess`, `celery`, `ray`, or `all`. Default: nowhere; see `genba.carry`."),
    Entry("provider_names", "GENBA_PROVIDER_NAMES", "", 'Who serves the model at an address that does not tell: `{"10.0.0.5:8000": "vllm"}`, '
          "in the environment `10.0.0.5:8000=vllm,…`. Without a port it counts for every port, and for the hosts below."),
    Entry("tokens", "GENBA_TOKENS", "counts", "What is recorded of tokens: `off`; `counts`, where each number comes from, and what the provider "
          "sends by itself; `pieces`, also ids and pieces from the best source there is; `full`, also log-probabilities and alternatives."),
    Entry("tokenizers", "GENBA_TOKENIZERS", "", 'The tokenizer of a model whose provider tells no ids: `{"smollm2-135m": "smollm2.gguf", '
          '"gpt-4o*": "o200k_base"}`, in the environment `smollm2-135m=smollm2.gguf,…`. Each call is then counted again, and compared.'),
    Entry("tensors", "GENBA_TENSORS", "off", "Tensors of engines in this process that are summarised by themselves: `logits`, `embeddings`, "
          "`all` or `off`."),
    Entry("flush_on_sigterm", "GENBA_FLUSH_ON_SIGTERM", "false", "Hand everything over when the process is told to end by SIGTERM, if nothing "
          "else handles that signal; then end by it, as without genba."),
    Entry("offload_above", "GENBA_OFFLOAD_ABOVE", "64KiB", "Media of more bytes leave the message for the blob store, and a reference stays: "
          "`256KiB`, `1MiB` or a number; `off` leaves everything where it is."),
    Entry("blobs", "GENBA_BLOBS", "`blobs` beside the store", "The blob store: a folder, or a URL of fsspec's such as `s3://bucket/blobs` "
          "with `genba[offload]`; `off` for none. Else the standard's `OTEL_INSTRUMENTATION_GENAI_UPLOAD_BASE_PATH` counts."),
    Entry("blobs_max", "GENBA_BLOBS_MAX", "2GiB", "How much a local folder of blobs may hold, and how old a blob may get: `10GiB`, `90d`, or "
          "`10GiB,90d`; `off` for no bounds. The oldest go first."),
    Entry("set_global", "GENBA_SET_GLOBAL", "false", "Make genba's provider the global one when the app has none."),
    Entry("service_name", "OTEL_SERVICE_NAME", "unknown_service", "`service.name` of genba's private provider."),
    Entry("", EVENT_VARIABLE, "with content", "`true` or `false`: whether the details event is emitted. Default: with `event` and `both`."),
    Entry("", HOOK_VARIABLE, "", "`upload` also writes whole messages to the blob store, as the standard's hook does; in the "
          "form that `OTEL_INSTRUMENTATION_GENAI_UPLOAD_FORMAT` names, `json` or `jsonl`."),
    Entry("", "OTEL_SDK_DISABLED", "false", "`true` switches genba off with the rest of OpenTelemetry."),
)  # fmt: skip
