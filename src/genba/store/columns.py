"""Which attributes have a column of their own, and how one finished span becomes one row."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

import orjson

from .. import semconv
from . import exchange, values
from .content import Pieces
from .rows import RawExchange, SpanRow

LIFTED: Final[tuple[tuple[str, str, type], ...]] = (
    ("operation", semconv.OPERATION_NAME, str),
    ("provider", semconv.PROVIDER_NAME, str),
    ("request_model", semconv.REQUEST_MODEL, str),
    ("response_model", semconv.RESPONSE_MODEL, str),
    ("conversation_id", semconv.CONVERSATION_ID, str),
    ("user_id", semconv.USER_ID, str),
    ("input_tokens", semconv.USAGE + "input_tokens", int),
    ("output_tokens", semconv.USAGE + "output_tokens", int),
    ("time_to_first_chunk", semconv.RESPONSE_TIME_TO_FIRST_CHUNK, float),
    ("error_type", semconv.ERROR_TYPE, str),
    ("outcome", semconv.OUTCOME, str),
)
"""Column, attribute, type. A value of another type stays with the other attributes, so that it is read back as it was."""

COLUMNS: Final = (
    *("id", "trace_id", "span_id", "parent_span_id", "start_ns", "end_ns", "status", "sequence"),
    *(column for column, _, _ in LIFTED),
    *("name", "kind", "scope", "status_description", "attributes", "events", "links", "run", "resource", "content", "exchange"),
)


class Prepared(NamedTuple):
    """A span ready to be stored but for the ids that only the store can give."""

    row: tuple[Any, ...]
    run_id: str | None
    resource: str
    content: Mapping[str, int | list[int]]
    exchange: Mapping[str, Any] | None

    def with_ids(self, id: int, run: int | None, resource: int, ids: list[int]) -> tuple[Any, ...]:
        """The row, with the places of its pieces replaced by their `ids`."""
        return (
            id,
            *self.row,
            run,
            resource,
            _identified(self.content, ids),
            None if self.exchange is None else _identified(self.exchange, ids),
        )


def prepare(span: SpanRow, pieces: Pieces, resource: str) -> Prepared:
    """`span` as a row, its content added to `pieces`. May raise whatever the values of a hostile span raise."""
    attributes = dict(span.attributes)
    lifted = _lift(attributes)
    row = (
        bytes(span.trace_id),
        bytes(span.span_id),
        bytes(span.parent_span_id) if span.parent_span_id else None,
        _whole(span.start_ns),
        _whole(span.end_ns),
        values.text(span.status),
        None if span.sequence is None else _whole(span.sequence),
        *lifted,
        values.text(span.name),
        values.text(span.kind),
        values.text(span.scope),
        None if span.status_description is None else values.text(span.status_description),
        values.encode(attributes),
        values.encode(list(span.events)) if span.events else None,
        values.encode(list(span.links)) if span.links else None,
    )
    content: dict[str, int | list[int]] = {
        values.text(name): [pieces.add(element) for element in elements] for name, elements in span.content.items()
    }
    for name, body in span.single_content.items():
        content[values.text(name)] = pieces.add(body)
    return Prepared(
        row,
        None if span.run_id is None else values.text(span.run_id),
        resource,
        content,
        None if span.exchange is None else _taken_apart(span.exchange, pieces),
    )


def _lift(attributes: dict[str, Any]) -> list[Any]:
    """Take the values of the columns of their own out of `attributes`."""
    lifted = []
    for _, name, kind in LIFTED:
        value = attributes.get(name)
        if type(value) is kind and _FITS[kind](value):
            del attributes[name]
            lifted.append(value)
        else:
            lifted.append(None)
    return lifted


_FITS: Final[Mapping[type, Callable[[Any], bool]]] = {
    str: values.is_text,
    int: lambda value: 0 <= value < 2**63,
    float: lambda value: not math.isnan(value),  # SQLite writes NaN as null.
}


def _whole(value: int) -> int:
    if not -(2**63) <= value < 2**63:
        raise ValueError(f"{value} does not fit into 64 bits")
    return int(value)


def _taken_apart(raw: RawExchange, pieces: Pieces) -> dict[str, Any]:
    parts: dict[str, Any] = {}
    if raw.request is not None:
        skeleton, lists = exchange.split(raw.request)
        parts["request"] = pieces.add(skeleton)
        if lists:
            parts["lists"] = {key: [pieces.add(element) for element in elements] for key, elements in lists.items()}
    if raw.response is not None:
        parts["response"] = pieces.add(raw.response)
    if raw.events:
        parts["events"] = pieces.add_events(exchange.pack_events(raw.events))
    if raw.read_to is not None:
        parts["read_to"] = Count(raw.read_to)
    return parts


class Count(int):
    """A number among the places of pieces that is not one."""


def _identified(parts: Mapping[str, Any], ids: list[int]) -> str:
    return orjson.dumps({name: _id(part, ids) for name, part in parts.items()}).decode()


def _id(part: Any, ids: list[int]) -> Any:
    if type(part) is int:
        return ids[part]
    if type(part) is list:
        return [ids[place] for place in part]
    if type(part) is dict:
        return {key: [ids[place] for place in places] for key, places in part.items()}
    return int(part)
