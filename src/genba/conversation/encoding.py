"""Turn any Python value into JSON, always: bounded in depth and bytes, and without ever raising.

`encode` is the snapshot taken at call time, so its first attempt is one call into orjson. Only what orjson refuses (cycles, lone
surrogates, huge integers, objects that raise) takes the slow, careful walk.
"""

from __future__ import annotations

import dataclasses
import hashlib
import types
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import orjson

MAX_DEPTH = 64
MAX_ITEMS = 100_000
MAX_TEXT = 1 << 20
"""Characters of one string that are kept; a longer one loses its middle."""
MAX_BYTES = 8 << 20
"""Bytes of one encoded value that are kept waiting for the exporter."""

_OPTIONS = orjson.OPT_NON_STR_KEYS | orjson.OPT_SERIALIZE_NUMPY


class Shortened(NamedTuple):
    """A text that lost its middle."""

    path: str
    length: int
    sha256: str


def encode(value: object) -> bytes:
    """`value` as JSON bytes. Whatever has no JSON form becomes a short description of itself."""
    try:
        encoded = orjson.dumps(value, _stand_in, _OPTIONS)
    except Exception:  # noqa: BLE001  # orjson raises, or an object's own code does: walk it with care
        return _carefully(value)
    return encoded if len(encoded) <= MAX_BYTES else _carefully(value)


def decode(encoded: bytes) -> Any:
    """The JSON value that `encode` wrote."""
    return orjson.loads(encoded)


def plain(value: object, shortened: list[Shortened] | None = None, limit: int = MAX_TEXT, path: str = "") -> Any:
    """`value` as JSON values only, each text at most `limit` characters; what was cut is added to `shortened`."""
    return _Walk(limit, [] if shortened is None else shortened).plain(value, path, 0)


def shorten(text: str, limit: int) -> str:
    """`text` without its middle, at most about `limit` characters, saying what is missing."""
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
    note = f" …[{len(text)} characters, sha256 {digest[:16]}]… "
    keep = max(limit - len(note), 2)
    return text[: keep - keep // 2] + note + text[len(text) - keep // 2 :]


def readable(text: str) -> str:
    """`text` without lone surrogates, which no UTF-8 can carry: they are written as escapes."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def _carefully(value: object) -> bytes:
    limit = MAX_TEXT
    for _ in range(6):
        encoded = orjson.dumps(plain(value, limit=limit))
        if len(encoded) <= MAX_BYTES:
            return encoded
        limit //= 8
    return orjson.dumps(f"<{type(value).__name__}: too large to record, over {MAX_BYTES} bytes>")


def _stand_in(value: object) -> Any:
    """A JSON form for what orjson does not know. Never calls `repr` on a stranger: it may be slow, huge or broken."""
    if isinstance(value, (bytes, bytearray, memoryview)):
        return f"<{len(value)} bytes>"
    if isinstance(value, (set, frozenset)):
        return list(value)
    fields = getattr(type(value), "__pydantic_fields__", None)
    if fields is not None:
        return dict(value.__dict__)
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, BaseException):
        return f"{type(value).__name__}: {value}"
    if isinstance(value, (type, types.FunctionType, types.MethodType, types.BuiltinFunctionType)):
        return f"<{value.__module__}.{value.__qualname__}>"
    return f"<{type(value).__module__}.{type(value).__qualname__}>"


class _Walk:
    __slots__ = ("_items", "_limit", "_open", "_shortened")

    def __init__(self, limit: int, shortened: list[Shortened]) -> None:
        self._limit = limit
        self._shortened = shortened
        self._items = 0
        self._open: set[int] = set()

    def plain(self, value: object, path: str, depth: int) -> Any:
        kind = type(value)
        if value is None or kind is bool:
            return value
        if kind is int:
            return value if -(1 << 63) <= value < (1 << 64) else str(value)  # type: ignore[operator]
        if kind is float:
            return value if value == value and value not in (float("inf"), float("-inf")) else None  # noqa: PLR0124
        if kind is str:
            return self._text(value, path)  # type: ignore[arg-type]
        if depth >= MAX_DEPTH:
            return "<nested too deep>"
        if id(value) in self._open:
            return "<cycle>"
        self._items += 1
        if self._items > MAX_ITEMS:
            return "<too many items>"
        self._open.add(id(value))
        try:
            return self._container(value, path, depth + 1)
        except Exception:  # noqa: BLE001  # the value's own code raised
            return f"<{kind.__name__}: could not be read>"
        finally:
            self._open.discard(id(value))

    def _text(self, text: str, path: str) -> str:
        if len(text) > self._limit:
            digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
            self._shortened.append(Shortened(path, len(text), digest))
            text = shorten(text, self._limit)
        return text if text.isascii() else readable(text)

    def _container(self, value: object, path: str, depth: int) -> Any:
        if isinstance(value, dict):
            return {self._key(key): self.plain(item, f"{path}.{self._key(key)}", depth) for key, item in list(value.items())}
        if isinstance(value, (list, tuple)):
            return [self.plain(item, f"{path}[{index}]", depth) for index, item in enumerate(value)]
        if isinstance(value, str):
            return self._text(str.__str__(value), path)
        if dataclasses.is_dataclass(value) and not isinstance(value, type):
            names = [field.name for field in dataclasses.fields(value)]
            return {name: self.plain(getattr(value, name, None), f"{path}.{name}", depth) for name in names}
        return self._known_by_orjson(value, lambda stranger: self.plain(_stand_in(stranger), path, depth))

    def _known_by_orjson(self, value: object, otherwise: Callable[[object], Any]) -> Any:
        try:
            return orjson.loads(orjson.dumps(value, option=_OPTIONS))  # dates, UUIDs, enums, numpy arrays
        except orjson.JSONEncodeError:
            return otherwise(value)

    def _key(self, key: object) -> str:
        if type(key) is str:
            return key if key.isascii() else readable(key)
        return self._text(str(key), "") if isinstance(key, (str, int, float, bool, type(None))) else f"<{type(key).__name__}>"
