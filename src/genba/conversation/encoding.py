"""Turn any Python value into JSON, always: bounded in depth and bytes, and without ever raising.

`encode` is the snapshot taken at call time, so its first attempt is one call into orjson. Only what orjson refuses (cycles, lone
surrogates, huge integers, objects that raise) takes the slow, careful walk.
"""

from __future__ import annotations

import dataclasses
import itertools
import json
import re
import types
from collections import deque
from collections.abc import Callable, Mapping
from pathlib import PurePath
from typing import Any, NamedTuple

import orjson

MAX_DEPTH = 64
MAX_ITEMS = 100_000
MAX_TEXT = 1 << 20
"""Characters of one string that are kept; a longer one loses its middle."""
MAX_BYTES = 8 << 20
"""Bytes of one encoded value that are kept waiting for the exporter."""

MOST_BITS = 10_000
_NOTE = re.compile(r" …\[\d+ characters, sha256 [0-9a-f]{16}\]… ")

_CONTAINERS = frozenset((dict, list, tuple, set, frozenset))
_OPTIONS = orjson.OPT_NON_STR_KEYS | orjson.OPT_SERIALIZE_NUMPY


class Shortened(NamedTuple):
    """A text that lost its middle."""

    path: str
    length: int
    sha256: str
    uri: str | None = None
    """Where all of it is, if it is anywhere."""
    because: str | None = None
    """Why it is nowhere, if it was to be."""


def encode(
    value: object, shortened: list[Shortened] | None = None, path: str = "", room: Callable[[int], bool] | None = None
) -> bytes:
    """`value` as JSON bytes. Whatever has no JSON form becomes a short description of itself.

    Texts that had to be shortened to stay within `MAX_BYTES` are added to `shortened`, each with its place below `path`. `room` is asked
    whether so many more bytes may stay whole.
    """
    # A small value can stand for an endless text, by naming itself twice on every level.
    return encode_known(value, shortened, path, room) if _is_bounded(value) else _carefully(value, shortened, path)


def encode_known(
    value: object, shortened: list[Shortened] | None = None, path: str = "", room: Callable[[int], bool] | None = None
) -> bytes:
    """`encode` for a value of which it is known that it can be written out, because the host does so too."""
    try:
        encoded = orjson.dumps(value, _stand_in, _OPTIONS)
    except Exception:  # noqa: BLE001  # orjson raises, or an object's own code does: walk it with care
        return _carefully(value, shortened, path)
    fits = len(encoded) <= MAX_BYTES or (room is not None and room(len(encoded)))
    return encoded if fits else _carefully(value, shortened, path)


def _is_bounded(value: object) -> bool:
    """Whether the containers in `value`, each counted as often as it is named, are few enough to be written out."""
    waiting: list[Any] = [value]
    for _ in range(MAX_ITEMS):
        if not waiting:
            return True
        container = waiting.pop()
        kind = type(container)
        if kind in _CONTAINERS:
            waiting.extend([item for item in (container.values() if kind is dict else container) if type(item) in _CONTAINERS])
    return False


def decode(encoded: bytes) -> Any:
    """The value that is written as JSON, by `encode` or by a server, whose clients take what orjson refuses: lone surrogates, NaN.

    Raises:
        ValueError: it is no JSON.
    """
    try:
        return orjson.loads(encoded)
    except ValueError:
        try:
            return json.loads(encoded)
        except RecursionError as error:
            raise ValueError("it is nested too deeply") from error


def plain(value: object, shortened: list[Shortened] | None = None, limit: int = MAX_TEXT, path: str = "") -> Any:
    """`value` as JSON values only, each text at most `limit` characters; what was cut is added to `shortened`."""
    return _Walk(limit, [] if shortened is None else shortened).plain(value, path, 0)


def shorten(text: str, limit: int) -> str:
    """`text` if it is no longer than `limit` characters, else without its middle, saying what is missing."""
    if len(text) <= limit:
        return text
    digest = sha256(text)
    note = f" …[{len(text)} characters, sha256 {digest[:16]}]… "
    keep = limit - len(note)
    if keep < 2:  # not a letter on either side
        return text[:limit]  # no room to say so
    return text[: keep - keep // 2] + note + text[len(text) - keep // 2 :]


def is_shortened(text: str) -> bool:
    """Whether its middle is missing already."""
    middle = len(text) // 2
    return _NOTE.search(text, max(middle - 100, 0), middle + 100) is not None


def sha256(whole: str | bytes) -> str:
    """The hash of a text or of bytes, in hexadecimal."""
    import hashlib  # a tenth of what importing genba would cost, for what most programs never need

    return hashlib.sha256(whole.encode("utf-8", "surrogatepass") if isinstance(whole, str) else whole).hexdigest()


def readable(text: str) -> str:
    """`text` without lone surrogates, which no UTF-8 can carry: they are written as escapes."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def _carefully(value: object, shortened: list[Shortened] | None, path: str) -> bytes:
    limit = MAX_TEXT
    for _ in range(6):
        cuts: list[Shortened] = []
        encoded = orjson.dumps(plain(value, cuts, limit, path))
        if len(encoded) <= MAX_BYTES:
            if shortened is not None:
                shortened.extend(cuts)
            return encoded
        limit //= 8
    return orjson.dumps(f"<{type(value).__name__}: too large to record, over {MAX_BYTES} bytes>")


def _stand_in(value: object) -> Any:
    """A JSON form for what orjson does not know. Never calls `repr` on a stranger: it may be slow, huge or broken."""
    if isinstance(value, (bytes, bytearray, memoryview)):
        return f"<{len(value)} bytes>"
    if isinstance(value, (set, frozenset, tuple, deque)):
        return list(value)
    if isinstance(value, PurePath) or type(value).__name__ == "Decimal":  # not imported: its users have done so
        return str(value)
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


def _number(value: int) -> int | str:
    """Integers beyond 64 bits have no place in orjson; beyond some thousand digits Python will not even write them."""
    if -(1 << 63) <= value < (1 << 64):
        return value
    return str(value) if value.bit_length() < MOST_BITS else f"<an integer of {value.bit_length()} bits>"


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
            return _number(value)  # type: ignore[arg-type]
        if kind is float:
            return value if value == value and value not in (float("inf"), float("-inf")) else None  # noqa: PLR0124
        if kind is str:
            return self._text(value, path)  # type: ignore[arg-type]
        if depth >= MAX_DEPTH:
            return "<nested too deep>"
        if id(value) in self._open:
            return "<cycle>"
        self._open.add(id(value))
        try:
            return self._container(value, path, depth + 1)
        except Exception:  # noqa: BLE001  # the value's own code raised
            return f"<{kind.__name__}: could not be read>"
        finally:
            self._open.discard(id(value))

    def _text(self, text: str, path: str) -> str:
        if len(text) > self._limit:
            self._shortened.append(Shortened(path, len(text), sha256(text)))
            text = shorten(text, self._limit)
        return text if text.isascii() else readable(text)

    def _container(self, value: object, path: str, depth: int) -> Any:
        if isinstance(value, dict):
            self._items += len(value)
            if self._items > MAX_ITEMS:
                return f"<{len(value)} items, too many>"
            return {self._key(key): self.plain(item, f"{path}.{self._key(key)}", depth) for key, item in list(value.items())}
        if isinstance(value, (list, tuple)):
            return self._list(value, path, depth)
        if isinstance(value, str):
            return self._text(str.__str__(value), path)
        if dataclasses.is_dataclass(value) and not isinstance(value, type):
            names = [field.name for field in dataclasses.fields(value)]
            return {name: self.plain(getattr(value, name, None), f"{path}.{name}", depth) for name in names}
        return self._known_by_orjson(value, lambda stranger: self.plain(_stand_in(stranger), path, depth))

    def _list(self, value: list[object] | tuple[object, ...], path: str, depth: int) -> list[Any]:
        kept = max(MAX_ITEMS - self._items, 0)
        self._items += len(value)
        items = [self.plain(item, f"{path}[{index}]", depth) for index, item in enumerate(itertools.islice(value, kept))]
        return items if len(value) <= kept else [*items, f"<{len(value) - kept} more items>"]

    def _known_by_orjson(self, value: object, otherwise: Callable[[object], Any]) -> Any:
        try:
            return orjson.loads(orjson.dumps(value, option=_OPTIONS))  # dates, UUIDs, enums, numpy arrays
        except orjson.JSONEncodeError:
            return otherwise(value)

    def _key(self, key: object) -> str:
        if type(key) is str:
            return key if key.isascii() else readable(key)
        if key is None or isinstance(key, bool):
            return "null" if key is None else "true" if key else "false"
        if isinstance(key, int):
            return str(_number(int(key)))
        return self._text(str(key), "") if isinstance(key, (str, float)) else f"<{type(key).__name__}>"
