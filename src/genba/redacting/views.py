r"""A text with its escapes undone, and where each place of it came from: a secret may be written as `sk\u002dproj` in JSON.

JSON may be in JSON, so this is done again until nothing changes. Nothing is parsed: half of a JSON text has views too.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator
from typing import Final

_ESCAPE: Final = re.compile(r'\\(?:u[0-9a-fA-F]{4}|["\\/bfnrt])')
_SHORT: Final = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
DEEPEST: Final = 4
"""How often escapes are undone."""


class View:
    """What a text says once its escapes are undone."""

    __slots__ = ("_above", "_origins", "_starts", "text")

    def __init__(self, text: str, above: View | None = None) -> None:
        self._above = above
        parts: list[str] = []
        self._starts: list[int] = [0]
        """Places in the view from which on the distance to the original is another one."""
        self._origins: list[int] = [0]
        end = length = 0
        for found in _ESCAPE.finditer(text):
            start = found.start()
            if start < end:
                continue
            end = found.end()
            code, end = _unescaped(text, found.group(), end)
            parts += (text[self._origins[-1] : start], code)
            length += start - self._origins[-1] + len(code)
            self._starts.append(length)
            self._origins.append(end)
        parts.append(text[end:])
        self.text = "".join(parts)

    def range(self, start: int, end: int) -> tuple[int, int]:
        """Where in the outermost text the part from `start` to `end` is written."""
        first, last = self._origin(start), self._origin(end)
        return (first, last) if self._above is None else self._above.range(first, last)

    def _origin(self, place: int) -> int:
        at = bisect_right(self._starts, place) - 1
        return self._origins[at] + place - self._starts[at]


def views(text: str) -> Iterator[View]:
    """The text with its escapes undone once, twice …, as long as there are any."""
    above: View | None = None
    for _ in range(DEEPEST):
        if "\\" not in text:
            return
        view = View(text, above)
        if view.text == text:
            return
        yield view
        text, above = view.text, view


def _unescaped(text: str, escape: str, end: int) -> tuple[str, int]:
    """What an escape stands for, and where it ends: a character beyond the first 65536 is written as two."""
    if escape[1] != "u":
        return _SHORT.get(escape[1], escape[1]), end
    code = _code(escape)
    if 0xD800 <= code < 0xDC00:
        second = _ESCAPE.match(text, end)
        low = _code(second.group()) if second is not None and second.group()[1] == "u" else 0
        if second is not None and 0xDC00 <= low < 0xE000:
            return chr(0x10000 + ((code - 0xD800) << 10) + low - 0xDC00), second.end()
    return chr(code), end


def _code(escape: str) -> int:
    digits = escape[2:]
    return int(digits, 16)
