"""Where in a text something was found, and what a text is made of as far as detectors ask before they look closely.

Most texts hold nothing. So each detector names something cheap that must be there, and these traits are worked out once a text.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

WITHHELD: Final = "‹withheld›"
FAILED: Final = "‹withheld: redaction failed›"
RUN: Final = 16
"""Characters in a row, without a space or a sign between them, that every key of a provider has at least."""

_WORD: Final = bytes(range(0x30, 0x3A)) + bytes(range(0x41, 0x5B)) + bytes(range(0x61, 0x7B)) + b"_-+/"
_AS_RUNS: Final = bytes(0x61 if byte in _WORD else 0x20 for byte in range(256))
_DIGITS: Final = bytes(range(0x30, 0x3A))
_AS_DIGITS: Final = bytes(0x64 if byte in _DIGITS else 0x20 for byte in range(256))
_BETWEEN_DIGITS: Final = b" -./()\xa0\xc2"  # a space that does not break a line is two bytes


class RedactionError(Exception):
    """A redactor that failed. Its own words are not repeated: they may quote the text."""


class Match(NamedTuple):
    """Something found in a text."""

    start: int
    end: int
    kind: str
    said: str
    """What was found there, without the escapes that it may be written with."""


@dataclass(slots=True)
class Findings:
    """What was found in one span."""

    counts: Counter[str] = field(default_factory=Counter)
    originals: set[str] = field(default_factory=set)
    """The very texts. They are for looking them up elsewhere in the same span, and go nowhere."""
    is_rewritten: bool = False
    """Whether a rule took out something that no detector would find again elsewhere."""
    nearby: set[str] = field(default_factory=set)
    """Texts that are secret because of what stands beside them, in another value of the same document."""

    def add(self, matches: Iterable[Match]) -> None:
        """Count these."""
        for one in matches:
            self.counts[one.kind] += 1
            self.originals.add(one.said)

    def absorb(self, other: Findings) -> None:
        """Count what was found elsewhere too."""
        self.counts.update(other.counts)
        self.originals |= other.originals
        self.is_rewritten = self.is_rewritten or other.is_rewritten

    def __bool__(self) -> bool:
        return bool(self.counts)


class Traits:
    """One text, and what detectors ask of it first."""

    __slots__ = ("_digits", "_lower", "_runs", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self._runs: bytes | None = None
        self._lower: str | None = None
        self._digits: bytes | None = None

    @property
    def runs(self) -> bytes:
        """The long runs of letters, digits, `_`, `-`, `+` and `/`, a space between them. Few texts have any."""
        if self._runs is None:
            encoded = self.text.encode("utf-8", "surrogatepass")
            self._runs = b" ".join(_runs(encoded)) if len(encoded) >= RUN else b""
        return self._runs

    @property
    def lower(self) -> str:
        """The text in lower case."""
        if self._lower is None:
            self._lower = self.text.lower()
        return self._lower

    def has_digits(self, number: int) -> bool:
        """Whether so many digits follow one another somewhere, apart from what one writes between digits."""
        if self._digits is None:
            self._digits = self.text.encode("utf-8", "surrogatepass").translate(_AS_DIGITS, _BETWEEN_DIGITS)
        return b"d" * number in self._digits


def _runs(encoded: bytes) -> Iterable[bytes]:
    shape = encoded.translate(_AS_RUNS)
    end = 0
    while (start := shape.find(b"a" * RUN, end)) >= 0:
        end = shape.find(b" ", start)
        end = len(shape) if end < 0 else end
        yield encoded[start:end]


def apart(matches: Sequence[Match]) -> list[Match]:
    """The matches in order, those that overlap as one: of the kind of the longest."""
    joined: list[Match] = []
    for one in sorted(matches, key=lambda one: (one.start, -one.end)):
        if not joined or one.start >= joined[-1].end:
            joined.append(one)
            continue
        last = joined[-1]
        longest = max(last, one, key=lambda one: one.end - one.start)
        joined[-1] = Match(last.start, max(last.end, one.end), longest.kind, longest.said)
    return joined
