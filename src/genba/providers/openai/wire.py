"""Look into JSON whose shape nobody promised: what is absent, null or of another type reads as not there."""

from __future__ import annotations

from typing import Any

from ...conversation import JSON


def fields(value: JSON) -> dict[str, Any]:
    """`value` if it is an object, else an empty one."""
    return value if isinstance(value, dict) else {}


def objects(value: JSON) -> list[dict[str, Any]]:
    """The objects in a list; nothing for whatever is not a list."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def text(body: dict[str, Any], *keys: str) -> str | None:
    """The first of these fields that holds some text."""
    for key in keys:
        value = body.get(key)
        if isinstance(value, str) and value:
            return value
    return None


def texts(value: JSON) -> list[str]:
    """One text, or a list of them, as a list."""
    if isinstance(value, str):
        return [value]
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []


def integer(body: dict[str, Any], *keys: str) -> int | None:
    """The first of these fields that holds a whole number."""
    for key in keys:
        value = body.get(key)
        if type(value) is int:  # a bool is an int too, but no number
            return value
    return None


def number(body: dict[str, Any], key: str) -> float | None:
    """The field's number."""
    value = body.get(key)
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def integers(value: JSON) -> bool:
    """Whether this is a list of whole numbers, such as token ids."""
    return isinstance(value, list) and bool(value) and all(type(item) is int for item in value)


def rest(body: dict[str, Any], *known: str) -> dict[str, Any]:
    """What else the object says, beyond the `known` fields: kept as it is, empty values left out."""
    return {key: value for key, value in body.items() if key not in known and value not in (None, [], {})}
