"""Look into JSON whose shape nobody promised: what is absent, null or of another type reads as not there.

Test doubles, proxies and imitations of an API put anything anywhere. One difference matters: an empty string is a `text`, but not
`some_text`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..conversation import JSON

Object = dict[str, Any]
"""A JSON object."""


def as_object(value: JSON) -> Object:
    """`value` if it is an object, else an empty one."""
    return value if isinstance(value, dict) else {}


def objects(value: JSON) -> list[Object]:
    """The objects in a list; nothing for whatever is not a list."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def texts(value: JSON) -> list[str]:
    """One text, or the texts in a list, as a list."""
    if isinstance(value, str):
        return [value]
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []


def all_integers(value: JSON) -> bool:
    """Whether this is a list of whole numbers and not empty, such as token ids."""
    return isinstance(value, list) and bool(value) and all(type(item) is int for item in value)


def member(body: Object, *keys: str) -> Object:
    """The first of these fields that holds an object, else an empty one."""
    for key in keys:
        value = body.get(key)
        if isinstance(value, dict):
            return value
    return {}


def items(body: Object, key: str) -> Sequence[JSON]:
    """The list in this field, whatever is in it, else an empty one."""
    value = body.get(key)
    return value if isinstance(value, list) else ()


def text(body: Object, key: str) -> str | None:
    """The text in this field, even an empty one."""
    value = body.get(key)
    return value if isinstance(value, str) else None


def some_text(body: Object, *keys: str) -> str | None:
    """The first of these fields that holds a text that is not empty."""
    for key in keys:
        value = body.get(key)
        if isinstance(value, str) and value:
            return value
    return None


def integer(body: Object, *keys: str) -> int | None:
    """The first of these fields that holds a whole number."""
    for key in keys:
        value = body.get(key)
        if type(value) is int:  # a bool is an int too, but no number
            return value
    return None


def number(body: Object, *keys: str) -> float | None:
    """The first of these fields that holds a number, as a float."""
    for key in keys:
        value = body.get(key)
        if isinstance(value, int | float) and not isinstance(value, bool):
            return float(value)
    return None


def present(values: Mapping[str, Any]) -> dict[str, Any]:
    """`values` without those that are None."""
    return {key: value for key, value in values.items() if value is not None}


def rest(body: Object, *known: str) -> Object:
    """What else the object says, beyond the `known` fields: kept as it is, but for null and empty lists and objects."""
    return {key: value for key, value in body.items() if key not in known and value not in (None, [], {})}
