"""The metadata at the beginning of a GGUF file, a format of llama.cpp: keys with typed values. The tensors after it are not read."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any, BinaryIO, Final

_NUMBERS: Final = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
_STRING: Final = 8
_ARRAY: Final = 9
_MOST: Final = 1 << 28
"""More elements or bytes in one value than any tokenizer has: the file is broken."""


class GGUFError(ValueError):
    """The file is no GGUF file, or a broken one."""


def metadata(path: Path) -> dict[str, Any]:
    """Every key with its value; text is decoded, as bytes where it is not UTF-8."""
    with path.open("rb") as file:
        try:
            return _Reader(file).metadata()
        except (struct.error, UnicodeDecodeError, RecursionError) as error:
            raise GGUFError(f"{path} ends early or is damaged: {error}") from error


class _Reader:
    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._order = "<"

    def metadata(self) -> dict[str, Any]:
        if self._file.read(4) != b"GGUF":
            raise GGUFError("This is no GGUF file: it does not begin with 'GGUF'.")
        version = self._file.read(4)
        if version[:2] == b"\0\0":
            self._order = ">"
        (number,) = struct.unpack(f"{self._order}I", version)
        if number not in (2, 3):
            raise GGUFError(f"GGUF version {number} is not known here; 2 and 3 are.")
        _tensors, keys = self._take("QQ")
        found: dict[str, Any] = {}
        for _ in range(self._bounded(keys)):
            key = self._string()
            (kind,) = self._take("I")
            found[str(key)] = self._value(kind)
        return found

    def _value(self, kind: int) -> Any:
        if kind in _NUMBERS:
            return self._take(_NUMBERS[kind])[0]
        if kind == _STRING:
            return self._string()
        if kind == _ARRAY:
            inner, count = self._take("IQ")
            count = self._bounded(count)
            if inner in _NUMBERS:
                return list(self._take(f"{count}{_NUMBERS[inner]}"))
            return [self._value(inner) for _ in range(count)]
        raise GGUFError(f"A value of the unknown type {kind}: the file is damaged, or newer than this.")

    def _string(self) -> str | bytes:
        (length,) = self._take("Q")
        raw = self._file.read(self._bounded(length))
        if len(raw) < length:
            raise struct.error("a text is cut off")
        try:
            return raw.decode()
        except UnicodeDecodeError:
            return raw

    def _take(self, fields: str) -> tuple[Any, ...]:
        layout = self._order + fields
        return struct.unpack(layout, self._file.read(struct.calcsize(layout)))

    def _bounded(self, count: int) -> int:
        if count > _MOST:
            raise struct.error(f"a length of {count}")
        return count
