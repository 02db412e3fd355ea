"""Patterns of paths: where in a span a text stands, such as `gen_ai.input.messages[*].parts[*].content`.

`*` stands for anything, within brackets for any number; everything else for itself. A pattern means all that is below it too.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

_ANY: Final = re.compile(r"\[\*\]|\*|\?")
_MEANING: Final = {"[*]": r"\[[0-9]+\]", "*": ".*", "?": "."}


class Paths:
    """Paths that are matched by one of some patterns."""

    def __init__(self, patterns: Sequence[str]) -> None:
        alternatives = "|".join(map(_expression, patterns))
        self._pattern = re.compile(f"(?:{alternatives})(?:[.\\[].*)?", re.DOTALL) if patterns else None

    def __contains__(self, path: str) -> bool:
        return self._pattern is not None and self._pattern.fullmatch(path) is not None

    def __bool__(self) -> bool:
        return self._pattern is not None


def _expression(pattern: str) -> str:
    end = 0
    parts: list[str] = []
    for found in _ANY.finditer(pattern):
        parts += (re.escape(pattern[end : found.start()]), _MEANING[found.group()])
        end = found.end()
    return "".join((*parts, re.escape(pattern[end:])))
