"""Columns of numbers and bytes as JSON: plain lists where they are short, arrays of fixed width in base64 where they are not.

A packed column is an object of one key that names the width, `u1`, `u2`, `u4` or `u8` for unsigned integers and `f4` or `f8` for floats,
little-endian; `f4` is used only where nothing is lost by it. A missing float is NaN.
"""

from __future__ import annotations

import base64
import math
import sys
from array import array
from collections.abc import Mapping, Sequence
from itertools import accumulate
from operator import sub
from typing import Any, Final

SHORT: Final = 64
"""Entries of a column that is written as a plain list."""

_UNSIGNED: Final = (("u1", "B", 1 << 8), ("u2", "H", 1 << 16), ("u4", "I", 1 << 32), ("u8", "Q", 1 << 64))
_CODES: Final = {"u1": "B", "u2": "H", "u4": "I", "u8": "Q", "f4": "f", "f8": "d"}


class ColumnError(ValueError):
    """A column that cannot be read."""


def integers(values: Sequence[int | None]) -> Any:
    """Integers of at least 0; a column with a hole in it stays a plain list."""
    if len(values) <= SHORT or None in values:
        return list(values)
    largest = max(values)  # type: ignore[type-var]  # None was looked for
    for name, code, limit in _UNSIGNED:
        if largest < limit:  # type: ignore[operator]
            return {name: _base64(array(code, values))}
    raise ColumnError(f"{largest} does not fit into 64 bits")


def rising(values: Sequence[int]) -> Any:
    """Integers that never get smaller, as the differences between them."""
    if len(values) <= SHORT:
        return list(values)
    return {"rising": integers([values[0], *map(sub, values[1:], values)])}


def floats(values: Sequence[float | None]) -> Any:
    """Floats, some of which may be missing or infinite."""
    if len(values) <= SHORT:
        return [value if value is None or math.isfinite(value) else str(value) for value in values]
    known = [math.nan if value is None else value for value in values]
    narrow = _narrow(known)
    return {"f8": _base64(array("d", known))} if narrow is None else {"f4": _base64(narrow)}


def _narrow(values: Sequence[float]) -> array[float] | None:
    try:
        narrow = array("f", values)
    except OverflowError:
        return None
    same = all(one == other or one != one for one, other in zip(values, narrow, strict=True))  # noqa: PLR0124  # NaN
    return narrow if same else None


def pieces(values: Sequence[bytes | None]) -> Any:
    """Pieces of bytes: as texts where they are UTF-8, as `{"hex": …}` where they are not."""
    if len(values) <= SHORT or None in values:
        return [None if value is None else _piece(value) for value in values]
    return {"lengths": integers(list(map(len, values))), "bytes": base64.b64encode(b"".join(values)).decode()}  # type: ignore[arg-type]


def read_integers(column: Any) -> list[int | None]:
    """What `integers` wrote."""
    if isinstance(column, list):
        return [None if value is None else int(value) for value in column]
    return list(_unpacked(column, ("u1", "u2", "u4", "u8")))


def read_rising(column: Any) -> list[int]:
    """What `rising` wrote."""
    if isinstance(column, list):
        return [int(value) for value in column]
    return list(accumulate(value or 0 for value in read_integers(_member(column, "rising"))))


def read_floats(column: Any) -> list[float | None]:
    """What `floats` wrote."""
    if isinstance(column, list):
        return [None if value is None else float(value) for value in column]
    return [None if math.isnan(value) else value for value in _unpacked(column, ("f4", "f8"))]


def read_pieces(column: Any) -> list[bytes | None]:
    """What `pieces` wrote."""
    if isinstance(column, list):
        return [None if value is None else _read_piece(value) for value in column]
    joined = base64.b64decode(_member(column, "bytes"), validate=True)
    ends = list(accumulate(value or 0 for value in read_integers(_member(column, "lengths"))))
    if (ends[-1] if ends else 0) != len(joined):
        raise ColumnError("the lengths of the pieces do not add up to their bytes")
    return [joined[start:end] for start, end in zip([0, *ends], ends, strict=False)]


def _piece(value: bytes) -> str | dict[str, str]:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return {"hex": value.hex()}


def _read_piece(value: Any) -> bytes:
    return value.encode() if isinstance(value, str) else bytes.fromhex(_member(value, "hex"))


def _base64(numbers: array[Any]) -> str:
    if sys.byteorder == "big":
        numbers = numbers[:]
        numbers.byteswap()
    return base64.b64encode(numbers.tobytes()).decode()


def _unpacked(column: Any, names: Sequence[str]) -> array[Any]:
    for name in names:
        if isinstance(column, Mapping) and name in column:
            numbers: array[Any] = array(_CODES[name])
            numbers.frombytes(base64.b64decode(column[name], validate=True))
            if sys.byteorder == "big":
                numbers.byteswap()
            return numbers
    raise ColumnError(f"a column of {', '.join(names)} was expected, not {str(column)[:80]!r}")


def _member(column: Any, name: str) -> Any:
    if not isinstance(column, Mapping) or name not in column:
        raise ColumnError(f"a column with {name!r} was expected, not {str(column)[:80]!r}")
    return column[name]
