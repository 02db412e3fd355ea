"""What was run of each library, and when: the record that the test runs write, and the support table made from it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from .libraries import LIBRARIES, Library

RECORD = Path(__file__).parent / "support.json"
"""Library -> version -> `{"day": …, "python": [...]}`: the runs in which all its tests passed."""


@dataclass(frozen=True, slots=True)
class Tested:
    """A release with which all tests of a library passed."""

    version: str
    day: str
    python: Sequence[str]


@lru_cache(maxsize=1)
def _record() -> Mapping[str, Sequence[Tested]]:
    try:
        said = json.loads(RECORD.read_text())
    except (OSError, ValueError):
        return {}
    return {
        name: [
            Tested(version, run["day"], run["python"]) for version, run in sorted(runs.items(), key=lambda run: _numbers(run[0]))
        ]
        for name, runs in said.items()
    }


def _numbers(version: str) -> list[int]:
    return [int(piece) for piece in version.split(".") if piece.isdigit()]


def tested(library: Library) -> Sequence[Tested]:
    """The releases that were run, oldest first."""
    return _record().get(library.name, ())


def standing(library: Library) -> str:
    """How genba knows the library: `tested`, `by its own telemetry` or `from documentation`."""
    if tested(library):
        return "tested"
    return "by its own telemetry" if library.native.startswith("left") else "from documentation"


def told(library: Library) -> str:
    """That, with the versions and the day."""
    runs = tested(library)
    if not runs:
        return standing(library)
    versions = ", ".join(run.version for run in runs)
    return f"tested with {versions} (last on {max(run.day for run in runs)})"


def table() -> Iterator[tuple[Library, str]]:
    """Every library, and how genba knows it."""
    return ((library, told(library)) for library in LIBRARIES.values())
