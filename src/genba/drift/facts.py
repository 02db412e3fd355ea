"""What is compared of a call, without its content: the table of facts that are one of several values, and of those that are numbers."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple, TypeAlias

import orjson

from .. import semconv
from ..conversation.reading import outcome
from ..store.stored import StoredRun, StoredSpan

OPERATIONS: Final = (*sorted(semconv.INFERENCE), semconv.Operation.EMBEDDINGS)
"""The calls that are compared: those of a model."""

NOT_SET: Final = "not set"
NONE: Final = "none"
USUAL: Final = frozenset((NOT_SET, NONE))
"""A fact that is so on both sides everywhere is not worth a word."""

Labels: TypeAlias = tuple[str, ...]
"""What a call has of a fact: usually one value."""
Read: TypeAlias = Callable[[StoredSpan, "StoredRun | None"], "Labels | None"]


class Fact(NamedTuple):
    """One thing that a call has one of several values of."""

    key: str
    title: str
    read: Read
    """None: it is not known of this call."""


class Number(NamedTuple):
    """One thing that a call has a number of."""

    key: str
    title: str
    unit: str
    read: Callable[[StoredSpan], float | None]


def label(value: Any) -> str:
    """A value as one line; of a long one the beginning and a hash."""
    if isinstance(value, str):
        text = value
    elif isinstance(value, bool) or value is None:
        text = str(value).lower()
    elif isinstance(value, (int, float)):
        text = repr(value)
    else:
        text = orjson.dumps(value, default=str).decode()
    return text if len(text) <= _LONG else f"{text[:_LONG]}… {digest(text)}"


def digest(text: str) -> str:
    """Eight digits that tell texts apart."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:8]


_LONG: Final = 60


def _attribute(name: str) -> Read:
    return lambda span, _run: _one(span.attributes.get(name))


def _counted_by(name: str) -> Read:
    """Who says a number. With which tokenizer genba counted is a difference of its own."""
    whole = _attribute(semconv.USAGE_SOURCE.format(name=name))

    def read(span: StoredSpan, run: StoredRun | None) -> Labels | None:
        said = whole(span, run)
        return said and tuple(one.partition(":")[0] for one in said)

    return read


def _resource(name: str) -> Read:
    return lambda span, _run: _one(span.resource.get(name))


def _parameter(name: str) -> Read:
    """A parameter of the request: not to set it is a choice too."""
    return lambda span, _run: _one(span.attributes.get(name)) or ((NOT_SET,) if _infers(span) else None)


def _each(name: str) -> Read:
    def read(span: StoredSpan, _run: StoredRun | None) -> Labels | None:
        values = span.attributes.get(name)
        return tuple(dict.fromkeys(map(label, values))) if isinstance(values, Sequence) and values else None

    return read


def _one(value: Any) -> Labels | None:
    return None if value is None else (label(value),)


def _infers(span: StoredSpan) -> bool:
    return span.attributes.get(semconv.OPERATION_NAME) in semconv.INFERENCE


def _library(span: StoredSpan, _run: StoredRun | None) -> Labels | None:
    said = [span.attributes.get(name) for name in (semconv.TOKENIZER_LIBRARY, semconv.TOKENIZER_VERSION)]
    return (" ".join(label(word) for word in said if word is not None),) if any(said) else None


def _of_run(name: str) -> Read:
    return lambda _span, run: _one(getattr(run, name)) if run is not None else None


FACTS: Final = (
    Fact("tokenizer", "tokenizer", _attribute(semconv.TOKENIZER_FINGERPRINT)),
    Fact("tokenizer_library", "tokenizer's library", _library),
    Fact("response_model", "model that answered", _attribute(semconv.RESPONSE_MODEL)),
    Fact("request_model", "model asked for", _attribute(semconv.REQUEST_MODEL)),
    Fact("system_fingerprint", "system fingerprint", _attribute(semconv.OPENAI_RESPONSE_SYSTEM_FINGERPRINT)),
    Fact("provider", "provider", _attribute(semconv.PROVIDER_NAME)),
    Fact("server", "server", _attribute(semconv.SERVER_ADDRESS)),
    Fact("operation", "operation", _attribute(semconv.OPERATION_NAME)),
    Fact("request_service_tier", "service tier asked for", _parameter(semconv.OPENAI_REQUEST_SERVICE_TIER)),
    Fact("response_service_tier", "service tier", _attribute(semconv.OPENAI_RESPONSE_SERVICE_TIER)),
    Fact("temperature", "temperature", _parameter(semconv.REQUEST_TEMPERATURE)),
    Fact("top_p", "top_p", _parameter(semconv.REQUEST_TOP_P)),
    Fact("top_k", "top_k", _parameter(semconv.REQUEST_TOP_K)),
    Fact("max_tokens", "max_tokens", _parameter(semconv.REQUEST_MAX_TOKENS)),
    Fact("frequency_penalty", "frequency_penalty", _parameter(semconv.REQUEST_FREQUENCY_PENALTY)),
    Fact("presence_penalty", "presence_penalty", _parameter(semconv.REQUEST_PRESENCE_PENALTY)),
    Fact("stop", "stop sequences", _parameter(semconv.REQUEST_STOP_SEQUENCES)),
    Fact("seed", "seed", _parameter(semconv.REQUEST_SEED)),
    Fact("choices", "choices asked for", _parameter(semconv.REQUEST_CHOICE_COUNT)),
    Fact("reasoning_level", "reasoning level", _parameter(semconv.REQUEST_REASONING_LEVEL)),
    Fact("stream", "streamed", _parameter(semconv.REQUEST_STREAM)),
    Fact("output_type", "output type", _parameter(semconv.OUTPUT_TYPE)),
    Fact("structured_type", "type of the answer", _parameter(semconv.STRUCTURED_TYPE)),
    Fact("dimensions", "dimensions of embeddings", _attribute(semconv.EMBEDDINGS_DIMENSION_COUNT)),
    Fact("encoding_formats", "encoding of embeddings", _attribute(semconv.REQUEST_ENCODING_FORMATS)),
    Fact("finish_reasons", "finish reasons", _each(semconv.RESPONSE_FINISH_REASONS)),
    Fact("native_finish_reasons", "finish reasons in the provider's words", _each(semconv.NATIVE_FINISH_REASONS)),
    Fact("outcome", "outcome", lambda span, _run: (outcome(span),)),
    Fact("error_type", "error type", lambda span, _run: _one(span.attributes.get(semconv.ERROR_TYPE)) or (NONE,)),
    Fact("input_usage_source", "source of input tokens", _counted_by("input_tokens")),
    Fact("output_usage_source", "source of output tokens", _counted_by("output_tokens")),
    Fact("python", "Python", _of_run("python")),
    Fact("genba", "genba", _of_run("genba")),
    Fact("scope", "traced by", lambda span, _run: _one(span.scope or None)),
    Fact("opentelemetry", "OpenTelemetry SDK", _resource("telemetry.sdk.version")),
    Fact("service_version", "version of the service", _resource("service.version")),
)
"""Those that explain others come first: of two that differ as much, the first is told first."""


def _count(name: str) -> Callable[[StoredSpan], float | None]:
    def read(span: StoredSpan) -> float | None:
        value = span.attributes.get(name)
        return float(value) if isinstance(value, (int, float)) and math.isfinite(value) else None

    return read


def _messages(span: StoredSpan) -> float | None:
    ids = span.content_ids.get(semconv.INPUT_MESSAGES)
    return None if ids is None or isinstance(ids, int) else float(len(ids))


NUMBERS: Final = (
    Number("input_tokens", "input tokens", "tokens", _count(semconv.USAGE + "input_tokens")),
    Number("output_tokens", "output tokens", "tokens", _count(semconv.USAGE + "output_tokens")),
    Number("messages", "messages per call", "messages", _messages),
    Number("duration", "duration", "s", lambda span: (span.end_ns - span.start_ns) / 1e9),
    Number("time_to_first_chunk", "time to first chunk", "s", _count(semconv.RESPONSE_TIME_TO_FIRST_CHUNK)),
    Number("output_rate", "output tokens per second", "per second", _count(semconv.TIMING_DECODE_RATE)),
)


def unit_of(span: StoredSpan) -> object:
    """What a call belongs to: calls of one conversation depend on one another, and so do those of one trace."""
    conversation = span.attributes.get(semconv.CONVERSATION_ID)
    return conversation if isinstance(conversation, str) and conversation else span.trace_id
