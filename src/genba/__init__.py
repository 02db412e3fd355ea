"""genba: see exactly what went into and came out of your language models.

`genba.init()` traces every model call of the process. The decorators trace functions of your own. Nothing else needs to change.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from os import PathLike
from typing import TYPE_CHECKING, Any, Literal, NoReturn

from . import harmless, running
from .checkup import Doctor, doctor
from .conversation import Message, Part, Request, Response, ToolDefinition, Usage
from .exporting.pipeline import Flushed
from .observing.decorators import agent, embeddings, inference, observe, retrieval, tool, workflow
from .observing.observation import Observation
from .observing.tensors import tensor
from .per_request import flushing
from .recording.carrying import carrier, environment, resume
from .recording.invocation import Invocation
from .recording.scope import conversation
from .redacting.redaction import Redaction
from .settings import SettingsError
from .work.carried import carry

if TYPE_CHECKING:
    from opentelemetry._logs import LoggerProvider
    from opentelemetry.metrics import MeterProvider
    from opentelemetry.trace import TracerProvider

__all__ = [
    "Doctor",
    "Flushed",
    "Invocation",
    "Message",
    "Observation",
    "Part",
    "Redaction",
    "Request",
    "Response",
    "SettingsError",
    "ToolDefinition",
    "Usage",
    "__version__",
    "agent",
    "carrier",
    "carry",
    "conversation",
    "doctor",
    "embeddings",
    "environment",
    "flush",
    "flushing",
    "harmless",
    "inference",
    "init",
    "observe",
    "resume",
    "retrieval",
    "shutdown",
    "tensor",
    "tool",
    "uninstrument",
    "workflow",
]

__version__ = running.VERSION


def init(
    *,
    tracer_provider: TracerProvider | None = None,
    meter_provider: MeterProvider | None = None,
    logger_provider: LoggerProvider | None = None,
    store: str | PathLike[str] | Literal[False] | None = None,
    export: Any = None,
    spool: str | PathLike[str] | bool | None = None,
    capture_content: str | None = None,
    redact: str | Sequence[str] | Redaction | Literal[False] | None = None,
    semconv: Literal["latest", "1.37"] | None = None,
    stream_usage: Literal["inject"] | None = None,
    instrument: Sequence[str] | None = None,
    carry_context: Sequence[str] | bool | None = None,
    provider_names: Mapping[str, str] | None = None,
    tokens: Literal["off", "counts", "pieces", "full"] | None = None,
    tokenizers: Mapping[str, str | PathLike[str]] | None = None,
    tensors: Literal["off", "logits", "embeddings", "all"] | None = None,
    flush_on_sigterm: bool | None = None,
    offload_above: int | str | None = None,
    blobs: str | PathLike[str] | Literal[False] | None = None,
    blobs_max: int | str | None = None,
    set_global: bool | None = None,
    service_name: str | None = None,
    **unknown: NoReturn,
) -> None:
    """Trace every call that this process makes to a language model.

    Call it once, anywhere, before or after the clients are imported and before or after the app sets up OpenTelemetry. Called again
    with the same options it does nothing; with others it says so and keeps the first.

    Args:
        tracer_provider: Where spans go. By default the app's global provider, as soon as there is one; else a private one.
        meter_provider: Where metrics go. By default the app's global provider; without one none are made.
        logger_provider: Where events go. By default the app's global provider; without one none are made.
        store: File of the embedded store, or `"off"`. By default `.genba/genba.db`, unless the app has a pipeline of its own.
        export: Destinations of genba's own: `"store"`, `"console"`, `"jsonl:PATH"`, `"otlp"`, a backend's name such as `"langfuse"`, a
            `SpanExporter`, or a list of these.
        spool: Folder in which spans wait until an OTLP destination has them; False for waiting in memory. By default `.genba/spool`.
        capture_content: Where prompts and completions go: `"span"` (the default), `"event"`, `"both"` or `"none"`.
        redact: What is taken out before anything leaves the process or touches a disk: `"secrets"` (the default), `"secrets,personal"`,
            single kinds such as `"mail,ip"`, `"off"`, or a `Redaction` with patterns and functions of your own.
        semconv: Version of the GenAI conventions to write.
        stream_usage: `"inject"` asks OpenAI streams for their usage, and hides the extra chunk.
        instrument: Names of the clients to trace; all that genba knows by default.
        carry_context: Where the current span follows by itself to work done elsewhere: any of `"threads"`, `"multiprocessing"`,
            `"process_pools"`, `"subprocess"`, `"celery"`, `"ray"`, or True for all of them. By default nowhere: see `carry`.
        provider_names: Who serves the model at an address that does not tell, such as `{"10.0.0.5:8000": "vllm"}`.
        tokens: What is recorded of tokens: `"off"`; `"counts"` (the default), where each number comes from, and what the provider sends
            by itself; `"pieces"`, also ids and pieces from the best source there is; `"full"`, also log-probabilities and alternatives.
        tokenizers: The tokenizer of a model whose provider tells no ids, by the model's name or a pattern: a file, a folder, or the name
            of an encoding, such as `{"gpt-4o*": "o200k_base"}`. Each call is then counted again, and compared with what was reported.
        tensors: Which tensors of engines in this process are summarised by themselves: `"logits"`, `"embeddings"`, `"all"` or `"off"`.
        flush_on_sigterm: Whether everything is handed over when SIGTERM ends the process, if the app handles that signal nowhere.
        offload_above: Bytes of media above which they leave a message for the blob store, such as `"256KiB"`; `"off"` for never.
        blobs: The blob store: a folder, a URL of fsspec's, or `"off"`. By default the folder `blobs` beside the store.
        blobs_max: How much a local folder of blobs may hold, and how old they may get: `"10GiB"`, `"90d"` or `"10GiB,90d"`.
        set_global: Whether genba's private provider becomes the global one, if the app has none.
        service_name: `service.name` of the private provider.

    Raises:
        SettingsError: an option or environment variable that cannot be used. Nothing has begun then. Once `init` has returned, genba
            raises nothing into the program.
    """
    said = {
        "tracer_provider": tracer_provider,
        "meter_provider": meter_provider,
        "logger_provider": logger_provider,
        "store": store,
        "export": export,
        "spool": spool,
        "capture_content": capture_content,
        "redact": redact,
        "semconv": semconv,
        "stream_usage": stream_usage,
        "instrument": instrument,
        "carry_context": carry_context,
        "provider_names": provider_names,
        "tokens": tokens,
        "tokenizers": tokenizers,
        "tensors": tensors,
        "flush_on_sigterm": flush_on_sigterm,
        "offload_above": offload_above,
        "blobs": blobs,
        "blobs_max": blobs_max,
        "set_global": set_global,
        "service_name": service_name,
        **unknown,
    }
    running.start({name: value for name, value in said.items() if value is not None})


def flush(timeout: float = 2.0) -> Flushed:
    """Hand over every span that has ended, waiting at most about `timeout` seconds. The result is true if all of them were."""
    return running.flush(timeout)


def shutdown(timeout: float = 2.0) -> Flushed:
    """End what is in flight as abandoned, hand everything over, take the patches off. The end of the process does this by itself."""
    return running.shutdown(timeout)


def uninstrument() -> None:
    """Take every patch off again: each patched attribute is the original object once more."""
    running.uninstrument()
