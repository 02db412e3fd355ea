"""Take a field out of wire JSON if it has the type that it should have.

Nothing may be assumed about a body: test doubles, proxies and imitations of the API put anything anywhere.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ...conversation import JSON

Object = Mapping[str, Any]


def as_object(value: JSON) -> Object:
    """`value` if it is an object, else an empty one."""
    return value if isinstance(value, dict) else {}


def member(body: Object, key: str) -> Object:
    """The object under `key`, or an empty one."""
    return as_object(body.get(key))


def items(body: Object, key: str) -> Sequence[JSON]:
    """The list under `key`, or an empty one."""
    value = body.get(key)
    return value if isinstance(value, list) else ()


def text(body: Object, key: str) -> str | None:
    """The string under `key`."""
    value = body.get(key)
    return value if isinstance(value, str) else None


def whole(body: Object, key: str) -> int | None:
    """The integer under `key`. A boolean is none."""
    value = body.get(key)
    return value if type(value) is int else None


def number(body: Object, key: str) -> float | None:
    """The number under `key`, as a float."""
    value = body.get(key)
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None


def present(values: Mapping[str, Any]) -> dict[str, Any]:
    """`values` without those that are None."""
    return {key: value for key, value in values.items() if value is not None}
