"""A row of the collector's table as a span. Its attributes are all text there: those whose type is known get it back."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from ... import semconv
from ..stored import StoredSpan

COLUMNS: Final = (
    "TraceId, SpanId, ParentSpanId, SpanName, SpanKind, ScopeName, toUnixTimestamp64Nano(Timestamp), Duration, StatusCode, StatusMessage, "
    "mapKeys(SpanAttributes), arrayMap(value -> if(startsWith(value, '['), JSONLength(value), 0), mapValues(SpanAttributes)), "
    "arrayFilter((value, name) -> NOT has({content:Array(String)}, name), mapValues(SpanAttributes), mapKeys(SpanAttributes)), "
    "Events.Name, arrayMap(at -> toUnixTimestamp64Nano(at), Events.Timestamp), Events.Attributes, "
    "Links.TraceId, Links.SpanId, Links.Attributes, ResourceAttributes"
)
"""What `span` reads: all but the content, which is large and seldom wanted."""
CONTENT: Final = sorted(semconv.CONTENT)
"""Attributes that are left out of the others."""
_IS_SAID: Final = frozenset((*CONTENT, semconv.RETRIEVAL_QUERY_TEXT))
"""The query of a search is short enough to be both."""


def span(row: Sequence[Any]) -> StoredSpan:
    """A row of `COLUMNS`."""
    trace, id, parent, name, kind, scope, start, duration, status, description, names, lengths, values, *lists, resource = row
    event_names, event_times, event_attributes, link_traces, link_spans, link_attributes = lists
    content = {name: (0,) * length or 0 for name, length in zip(names, lengths, strict=True) if name in _IS_SAID}
    attributes = dict(zip((name for name in names if name not in semconv.CONTENT), values, strict=True))
    run = attributes.pop(semconv.RUN_ID, None)
    typed = {key: _typed(key, value) for key, value in attributes.items()}
    sequence = typed.get(semconv.CALL_SEQUENCE)
    return StoredSpan(
        trace_id=bytes.fromhex(trace),
        span_id=bytes.fromhex(id),
        parent_span_id=bytes.fromhex(parent) if parent.strip("0") else None,
        name=name,
        kind=kind.removeprefix("SPAN_KIND_").lower(),
        scope=scope,
        start_ns=start,
        end_ns=start + duration,
        status=status.removeprefix("STATUS_CODE_").lower(),
        status_description=description or None,
        run_id=run,
        sequence=sequence if isinstance(sequence, int) else None,
        attributes=typed,
        events=[
            {"name": said, "time_ns": at, "attributes": _all_typed(more)}
            for said, at, more in zip(event_names, event_times, event_attributes, strict=True)
        ],
        links=[
            {"trace_id": to, "span_id": to_span, "attributes": _all_typed(more)}
            for to, to_span, more in zip(link_traces, link_spans, link_attributes, strict=True)
        ],
        resource=resource,
        content_ids=content,
        exchange_ids=None,
    )


def _all_typed(attributes: Mapping[str, str]) -> dict[str, Any]:
    return {name: _typed(name, value) for name, value in attributes.items()}


def _typed(name: str, value: str) -> Any:
    """The value of an attribute as it was before it became text; what cannot be one of its type stays text."""
    read = TYPES.get(name) or next((read for start, read in _STARTS if name.startswith(start)), None)
    if read is None:
        return value
    try:
        return read(value)
    except ValueError:
        return value


def _number(value: str) -> float:
    number = float(value)
    if not math.isfinite(number) and value not in ("NaN", "+Inf", "-Inf", "Inf", "inf", "-inf", "nan"):
        raise ValueError(value)
    return number


def _switch(value: str) -> bool:
    if value not in ("true", "false"):
        raise ValueError(value)
    return value == "true"


def _list(value: str) -> list[Any]:
    read = json.loads(value)
    if not isinstance(read, list):
        raise ValueError(value)  # noqa: TRY004  # caught as what it is: text
    return read


_READ: Final[Mapping[str, Callable[[str], Any]]] = {"int": int, "double": _number, "bool": _switch, "string[]": _list}
_OURS: Final[Mapping[str, Callable[[str], Any]]] = {entry.name: _READ[entry.type] for entry in semconv.TABLE if entry.type in _READ}
TYPES: Final[Mapping[str, Callable[[str], Any]]] = {
    **{name: read for name, read in _OURS.items() if "{" not in name},
    **{name: _READ[kind] for kind, names in semconv.TYPES.items() for name in names},
}
"""How the value of an attribute is read."""
_STARTS: Final[Sequence[tuple[str, Callable[[str], Any]]]] = (
    (semconv.USAGE, int),
    *((name.partition("{")[0], read) for name, read in _OURS.items() if "{" in name),
)
"""The same for names that end in one of many words."""
