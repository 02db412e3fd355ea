"""What a row of an export holds: one for each call, or for each trace. The same columns in every format, and the tables of the documentation."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, NamedTuple, TypeAlias

from .. import semconv
from ..conversation.reading import outcome
from ..conversation.tokens import Side
from ..store.stored import StoredSpan
from ..tokens import TokensError, decode
from .listing import CALLS

Kind: TypeAlias = Literal["string", "int", "double", "time", "strings", "ids", "json"]
KINDS: Final[Mapping[Kind, str]] = {
    "string": "text",
    "int": "64-bit integer",
    "double": "64-bit float",
    "time": "time in nanoseconds, UTC (JSONL and CSV: as in 2026-11-24T09:30:00.123456789Z)",
    "strings": "list of text (CSV: JSON)",
    "ids": "list of lists of 64-bit integers (CSV: JSON)",
    "json": "JSON (Parquet and CSV: as text)",
}
"""What a column of each kind is in the formats."""
_LARGEST: Final = 2**63


@dataclass(frozen=True, slots=True)
class Said:
    """A span with what was said in it."""

    span: StoredSpan
    content: Mapping[str, Any]


class Column(NamedTuple):
    """One column."""

    name: str
    kind: Kind
    says: str
    read: Callable[[Any], Any]
    """Of one call: a `Said`. Of a trace: all of them, the root first."""


def _attribute(name: str, kind: type | tuple[type, ...]) -> Callable[[Said], Any]:
    def read(call: Said) -> Any:
        value = call.span.attributes.get(name)
        if not isinstance(value, kind) or isinstance(value, bool):
            return None
        return value if not isinstance(value, int) or -_LARGEST <= value < _LARGEST else None

    return read


def _text(column: str, name: str, says: str) -> Column:
    return Column(column, "string", says, _attribute(name, str))


def _usage(name: str, says: str) -> Column:
    return Column(name.replace(".", "_"), "int", says, _attribute(semconv.USAGE + name, int))


def _words(name: str) -> Callable[[Said], list[str] | None]:
    def read(call: Said) -> list[str] | None:
        value = call.span.attributes.get(name)
        return [str(one) for one in value] if isinstance(value, (list, tuple)) else None

    return read


def _content(column: str, name: str, says: str) -> Column:
    return Column(column, "json", says, lambda call: call.content.get(name))


def _ids(side: Side, name: str) -> Callable[[Said], list[list[int | None] | None] | None]:
    """A list for each prompt or choice. What is not known of them is null; where no id is, there is nothing."""

    def read(call: Said) -> list[list[int | None] | None] | None:
        written = call.content.get(name)
        if written is None:
            return None
        try:
            lists = [record.ids for record in decode(written, side)]
        except TokensError:
            return None
        return [None if ids is None else [*ids] for ids in lists] if any(ids is not None for ids in lists) else None

    return read


def _service(call: Said) -> Any:
    return _str(call.span.resource.get("service.name"))


def _environment(call: Said) -> Any:
    resource = call.span.resource
    return _str(resource.get("deployment.environment.name") or resource.get("deployment.environment"))


def _str(value: Any) -> str | None:
    return None if value is None else str(value)


_SHOWN: Final = frozenset((semconv.SYSTEM_INSTRUCTIONS, semconv.INPUT_MESSAGES, semconv.OUTPUT_MESSAGES, semconv.TOOL_DEFINITIONS))


def _rest(call: Said) -> dict[str, Any] | None:
    return {name: value for name, value in call.content.items() if name not in _SHOWN} or None


CALL_COLUMNS: Final[Sequence[Column]] = (
    Column("trace_id", "string", "id of the trace, hexadecimal", lambda call: call.span.trace_id.hex()),
    Column("span_id", "string", "id of the call's span", lambda call: call.span.span_id.hex()),
    Column(
        "parent_span_id",
        "string",
        "id of the span that it belongs to",
        lambda call: (call.span.parent_span_id or b"").hex() or None,
    ),
    Column("start_time", "time", "when it began", lambda call: call.span.start_ns),
    Column("end_time", "time", "when it ended", lambda call: call.span.end_ns),
    Column("duration", "double", "seconds between the two", lambda call: (call.span.end_ns - call.span.start_ns) / 1e9),
    Column("name", "string", "name of the span", lambda call: call.span.name),
    _text("operation", semconv.OPERATION_NAME, "`gen_ai.operation.name`: chat, embeddings …"),
    _text("provider", semconv.PROVIDER_NAME, "`gen_ai.provider.name`: who serves the model"),
    _text("request_model", semconv.REQUEST_MODEL, "the model that was asked for"),
    _text("response_model", semconv.RESPONSE_MODEL, "the model that answered"),
    _text("response_id", semconv.RESPONSE_ID, "the provider's id of the answer"),
    Column("service_name", "string", "`service.name` of the resource", _service),
    Column("environment", "string", "`deployment.environment.name` of the resource", _environment),
    _text("conversation_id", semconv.CONVERSATION_ID, "the conversation, as `genba.conversation` or the provider says"),
    _text("user_id", semconv.USER_ID, "the user, as `genba.conversation` says"),
    Column("tags", "strings", "tags, as `genba.conversation` says", _words(semconv.TAGS)),
    Column("outcome", "string", "completed, cancelled, abandoned or failed", lambda call: outcome(call.span)),
    _text("error_type", semconv.ERROR_TYPE, "class of the error, or its status"),
    Column("status_description", "string", "the error in words", lambda call: call.span.status_description),
    Column("finish_reasons", "strings", "why the model stopped, one for each choice", _words(semconv.RESPONSE_FINISH_REASONS)),
    _usage("input_tokens", "tokens of the input, cached ones included"),
    _usage("output_tokens", "tokens of the output, reasoning included"),
    _usage("cache_read.input_tokens", "of the input, those read from a cache"),
    _usage("cache_write.input_tokens", "of the input, those written to a cache"),
    _usage("reasoning.output_tokens", "of the output, those of reasoning"),
    Column(
        "time_to_first_chunk",
        "double",
        "seconds until a stream's first chunk",
        _attribute(semconv.RESPONSE_TIME_TO_FIRST_CHUNK, (int, float)),
    ),
    Column("run_id", "string", "the run of the process", lambda call: call.span.run_id),
    Column("sequence", "int", "number of the call within its run, from 1 and without gaps", lambda call: call.span.sequence),
    _content("system_instructions", semconv.SYSTEM_INSTRUCTIONS, "system instructions, where they are apart from the messages"),
    _content("input_messages", semconv.INPUT_MESSAGES, "the messages sent, in the form of the GenAI conventions"),
    _content("output_messages", semconv.OUTPUT_MESSAGES, "the messages answered, one for each choice"),
    _content("tool_definitions", semconv.TOOL_DEFINITIONS, "the tools that were offered"),
    Column(
        "input_token_ids", "ids", "the token ids that the model saw, a list for each prompt", _ids("input", semconv.TOKENS_INPUT)
    ),
    Column(
        "output_token_ids",
        "ids",
        "the token ids that the model said, a list for each choice",
        _ids("output", semconv.TOKENS_OUTPUT),
    ),
    Column(
        "content",
        "json",
        "what else was said, by attribute: a search's query and documents, token records with everything",
        _rest,
    ),
    Column("attributes", "json", "all attributes of the span, by name", lambda call: dict(call.span.attributes)),
    Column("events", "json", "the span's events: errors with their stack, retries", lambda call: list(call.span.events) or None),
    Column("resource", "json", "the resource: service, host, versions", lambda call: dict(call.span.resource)),
)
"""A row for each call."""


def _calls(trace: Sequence[Said]) -> list[Said]:
    return [one for one in trace if one.span.attributes.get(semconv.OPERATION_NAME) in CALLS]


def _sum(name: str) -> Callable[[Sequence[Said]], int | None]:
    def read(trace: Sequence[Said]) -> int | None:
        # Only of the calls themselves: an agent's span repeats the sum of its calls.
        counts = [value for one in _calls(trace) if isinstance(value := one.span.attributes.get(semconv.USAGE + name), int)]
        return sum(counts) if counts else None

    return read


def _first(name: str) -> Callable[[Sequence[Said]], str | None]:
    return lambda trace: next((str(value) for one in trace if (value := one.span.attributes.get(name)) is not None), None)


def _models(trace: Sequence[Said]) -> list[str]:
    names = (semconv.RESPONSE_MODEL, semconv.REQUEST_MODEL)
    said = (next((value for name in names if (value := call.span.attributes.get(name))), None) for call in _calls(trace))
    return list(dict.fromkeys(str(model) for model in said if model))


def _errors(trace: Sequence[Said]) -> list[str]:
    return list(dict.fromkeys(str(value) for one in trace if (value := one.span.attributes.get(semconv.ERROR_TYPE)) is not None))


def _span(one: Said) -> dict[str, Any]:
    span = one.span
    return {
        "span_id": span.span_id.hex(),
        "parent_span_id": span.parent_span_id.hex() if span.parent_span_id else None,
        "name": span.name,
        "kind": span.kind,
        "start_time_unix_nano": span.start_ns,
        "end_time_unix_nano": span.end_ns,
        "status": span.status,
        "status_description": span.status_description,
        "attributes": span.attributes,
        "content": one.content,
        "events": span.events,
        "links": span.links,
    }


def _end(trace: Sequence[Said]) -> int:
    return max(one.span.end_ns for one in trace)


TRACE_COLUMNS: Final[Sequence[Column]] = (
    Column("trace_id", "string", "id of the trace, hexadecimal", lambda trace: trace[0].span.trace_id.hex()),
    Column("start_time", "time", "when its root began", lambda trace: trace[0].span.start_ns),
    Column("end_time", "time", "when the last of its spans ended", _end),
    Column("duration", "double", "seconds between the two", lambda trace: (_end(trace) - trace[0].span.start_ns) / 1e9),
    Column("name", "string", "name of the root", lambda trace: trace[0].span.name),
    Column("service_name", "string", "`service.name` of the root's resource", lambda trace: _service(trace[0])),
    Column("environment", "string", "`deployment.environment.name` of the root's resource", lambda trace: _environment(trace[0])),
    Column("conversation_id", "string", "the conversation, of the first span that says one", _first(semconv.CONVERSATION_ID)),
    Column("user_id", "string", "the user, likewise", _first(semconv.USER_ID)),
    Column("outcome", "string", "how the root ended", lambda trace: outcome(trace[0].span)),
    Column("error_types", "strings", "errors of any of its spans", _errors),
    Column("span_count", "int", "how many spans", len),
    Column("call_count", "int", "how many of these are calls", lambda trace: len(_calls(trace))),
    Column("models", "strings", "the models that answered", _models),
    Column("input_tokens", "int", "tokens of the input of all calls", _sum("input_tokens")),
    Column("output_tokens", "int", "tokens of the output of all calls", _sum("output_tokens")),
    Column(
        "spans",
        "json",
        "the spans, parents before children, each with attributes, content and events",
        lambda trace: [_span(one) for one in trace],
    ),
)
"""A row for each trace."""
