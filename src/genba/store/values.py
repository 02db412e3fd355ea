"""Any attributes to JSON and back: what JSON has no word for (bytes, NaN, huge numbers, broken text) goes under a `genba:` key."""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Callable, Mapping
from typing import Any

import orjson


def encode(value: Any) -> str:
    """`value` as JSON, whatever it is. Tuples become arrays, and objects of unknown types their text."""
    try:
        encoded = orjson.dumps(value).decode()
    except (TypeError, ValueError):
        return orjson.dumps(_marked(value)).decode()
    # orjson writes NaN and the infinities as null without a word.
    return orjson.dumps(_marked(value)).decode() if "null" in encoded else encoded


def decode(encoded: str) -> Any:
    """What `encode` was given."""
    value = loads(encoded)
    return _unmarked(value) if '"genba:' in encoded else value


def loads(encoded: str | bytes) -> Any:
    """JSON as Python values: also JSON that orjson refuses, such as escaped lone surrogates and NaN."""
    try:
        return orjson.loads(encoded)
    except ValueError:
        return json.loads(encoded)


def text(value: str) -> str:
    """`value` as SQLite can hold it: lone surrogates, which no UTF-8 file can hold, are written out as escapes."""
    return value if is_text(value) else value.encode("utf-8", "backslashreplace").decode("utf-8")


def is_text(value: str) -> bool:
    """Whether `value` can be written as UTF-8."""
    if value.isascii():
        return True
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _marked(value: Any) -> Any:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return str(value) if is_text(value) else {"genba:text": _base64(value.encode("utf-8", "surrogatepass"))}
    if isinstance(value, int):
        return int(value) if -(2**63) <= value < 2**63 else {"genba:int": hex(value)}
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else {"genba:float": repr(float(value))}
    if isinstance(value, (bytes, bytearray, memoryview)):
        return {"genba:bytes": _base64(bytes(value))}
    if isinstance(value, Mapping):
        return {text(str(key)): _marked(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_marked(item) for item in value]
    return text(str(value))


def _unmarked(value: Any) -> Any:
    if isinstance(value, list):
        return [_unmarked(item) for item in value]
    if not isinstance(value, dict):
        return value
    if len(value) == 1:
        ((mark, written),) = value.items()
        if mark in _READ and isinstance(written, str):
            return _READ[mark](written)
    return {key: _unmarked(item) for key, item in value.items()}


def _base64(value: bytes) -> str:
    return base64.b64encode(value).decode()


_READ: Mapping[str, Callable[[str], Any]] = {
    "genba:text": lambda written: base64.b64decode(written).decode("utf-8", "surrogatepass"),
    "genba:int": lambda written: int(written, 16),
    "genba:float": float,
    "genba:bytes": base64.b64decode,
}
