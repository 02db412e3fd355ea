"""What a comparison comes to: plain values, a line for each thing that was compared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal, TypeAlias

Verdict: TypeAlias = Literal["drifted", "too few", "same", "not compared"]

ORDER: Final[tuple[Verdict, ...]] = ("drifted", "too few", "same", "not compared")


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One thing that was compared."""

    key: str
    title: str
    verdict: Verdict
    words: str
    """What differs, or why nothing is said."""
    effect: float | None = None
    """From 0, no difference, to 1: nothing in common."""
    p: float | None = None
    """How likely such a difference is by chance, corrected for how many tests there were. None: there was nothing to test."""
    base_spans: Sequence[bytes] = ()
    """Some spans that show it."""
    other_spans: Sequence[bytes] = ()
    details: Mapping[str, Any] = field(default_factory=dict)
    """The numbers behind the words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What differs between two sides, worst first."""

    lines: Sequence[Line]
    tests: int
    """How many tests were done, and corrected for."""
    alpha: float
    calls: tuple[int, int]
    units: tuple[int, int]
    unit: str
    sampled: tuple[int, int]
    """Of how many calls the content was read."""
    seed: int
    notes: Sequence[str] = ()

    @property
    def drifted(self) -> bool:
        """Whether anything differs by more than chance."""
        return any(line.verdict == "drifted" for line in self.lines)


def ordered(lines: Sequence[Line]) -> list[Line]:
    """Worst first; of two that differ as much, the one that was compared first."""
    return sorted(
        lines, key=lambda line: (ORDER.index(line.verdict), -round(line.effect or 0.0, 3), line.p if line.p is not None else 1.0)
    )
