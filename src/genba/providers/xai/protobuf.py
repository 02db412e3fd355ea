"""Protobuf messages as JSON, by the fields' own names: what was not set is absent, enumerations are words, secrets are left out.

Walks the messages themselves, so that nothing of protobuf has to be imported.
"""

from __future__ import annotations

from typing import Any

from ...conversation import JSON

_SECRET = frozenset(("authorization", "extra_headers"))
"""What a server that the provider is to call is told."""
_EXACT = frozenset(("logprob", "bytes"))
"""What is kept to its last bit: what log-probabilities are, and the bytes of tokens as a list of numbers. Of other bytes only the length."""
_FLOAT, _BYTES, _ENUM = 2, 12, 14
"""Of `FieldDescriptor`'s types, those that are not JSON's own."""


def as_json(message: Any) -> dict[str, JSON]:
    """The fields that are set."""
    return {field.name: _value(field, value) for field, value in message.ListFields() if field.name not in _SECRET}


def _value(field: Any, value: Any) -> JSON:
    if hasattr(value, "items"):  # a map
        return {str(name): as_json(item) if hasattr(item, "ListFields") else item for name, item in value.items()}
    if hasattr(value, "ListFields"):
        return as_json(value)
    if not isinstance(value, (str, bytes)) and hasattr(value, "__len__"):
        return [_value(field, item) for item in value]
    if field.type == _ENUM:
        named = field.enum_type.values_by_number.get(value)
        return named.name if named is not None else value
    if field.name in _EXACT:
        return list(value) if field.type == _BYTES else value
    if field.type == _FLOAT:  # of 32 bits: the digits that it has, and no more
        return float(f"{value:.7g}")
    return len(value) if field.type == _BYTES else value
