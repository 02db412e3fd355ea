"""Put together what was told by hand and what was read from the wire: what was told stands, the rest completes it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from .. import semconv
from ..conversation import JSON, Request, Response, loose
from ..conversation.encoding import decode, encode
from ..conversation.usage import summed

NOTHING_ASKED = Request()
NOTHING_SAID = Response()


def copied(said: Mapping[str, Any]) -> dict[str, JSON]:
    return {str(name): decode(encode(value)) for name, value in said.items()}


def completed(told: Request, read: Request) -> Request:
    """What was told by hand, completed by what was read."""
    empty = NOTHING_ASKED
    given = {name: getattr(told, name) for name in Request.__dataclass_fields__ if getattr(told, name) != getattr(empty, name)}
    return replace(read, **given)


def answered(wire: Response, told: Response) -> Response:
    if told is NOTHING_SAID:
        return wire
    given = {
        name: getattr(told, name) for name in Response.__dataclass_fields__ if getattr(told, name) != getattr(NOTHING_SAID, name)
    }
    return replace(told, **{**{name: getattr(wire, name) for name in Response.__dataclass_fields__}, **given})


def looked_for(arguments: JSON, read: Request) -> Request:
    """What a search in a store was asked, with the words that a function was called with: the store may know only their vector."""
    query = loose.request(arguments).query
    return read if query is None else replace(read, query=query)


def together(read: Response, responses: Sequence[Response]) -> Response:
    """What several calls answered for one operation: each of them was paid for, and what each found was found."""
    found = [document for response in responses for document in response.documents]
    rows = [number for response in responses if type(number := response.attributes.get(semconv.DB_RETURNED_ROWS)) is int]
    attributes = {**read.attributes, semconv.DB_RETURNED_ROWS: sum(rows)} if rows else read.attributes
    is_told = read.documents != responses[-1].documents
    usage = summed([response.usage for response in responses])
    return replace(read, usage=usage, documents=read.documents if is_told else found, attributes=attributes)


def documents(said: JSON) -> Sequence[Mapping[str, JSON]]:
    found = said.get("documents", said) if isinstance(said, Mapping) else said
    listed = found if isinstance(found, list) else [found]
    return [one if isinstance(one, Mapping) else {"content": one} for one in listed if one is not None]
