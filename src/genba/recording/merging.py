"""Put together what was told by hand and what was read from the wire: what was told stands, the rest completes it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from ..conversation import JSON, Request, Response
from ..conversation.encoding import decode, encode

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


def documents(said: JSON) -> Sequence[Mapping[str, JSON]]:
    found = said.get("documents", said) if isinstance(said, Mapping) else said
    listed = found if isinstance(found, list) else [found]
    return [one if isinstance(one, Mapping) else {"content": one} for one in listed if one is not None]
