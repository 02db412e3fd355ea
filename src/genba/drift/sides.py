"""One side of a comparison: what is known of its calls, in columns, so that hundreds of thousands fit into memory."""

from __future__ import annotations

import math
import random
from array import array
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal, TypeAlias

from .. import semconv
from ..store.querying import Row, Scan, SpanStore, with_content
from ..store.stored import StoredRun, StoredSpan, valued
from . import said
from .facts import FACTS, NONE, NUMBERS, Labels, label, unit_of
from .said import Said

Progress: TypeAlias = Callable[[str, int, int], None]
"""Told what is being done, how much of it is done, and how much there is."""


def untold(_what: str, _done: int, _total: int) -> None:
    """Nobody wants to know how far it is."""


Unit: TypeAlias = Literal["conversation", "call"]
UNKNOWN: Final = -1


class Column:
    """The values of one fact, a code for each call."""

    def __init__(self) -> None:
        self.codes = array("i")
        self.labels: list[Labels] = []
        self._known: dict[Labels, int] = {}

    def add(self, labels: Labels | None) -> None:
        """Say what the next call has."""
        if labels is None:
            self.codes.append(UNKNOWN)
            return
        code = self._known.setdefault(labels, len(self.labels))
        if code == len(self.labels):
            self.labels.append(labels)
        self.codes.append(code)


@dataclass(slots=True)
class Imported:
    """What the calls' runs had imported: as many comparisons as there are packages."""

    runs: Column = field(default_factory=Column)
    """Each call's run, where it is known what that had imported."""
    packages: dict[str, Mapping[str, str]] = field(default_factory=dict)
    """By run."""

    def add(self, run: StoredRun | None) -> None:
        """Say which run the next call is of."""
        if run is None or run.packages is None:
            self.runs.add(None)
            return
        self.runs.add((run.run_id,))
        self.packages[run.run_id] = run.packages

    def names(self) -> set[str]:
        """Every package that a run has imported."""
        return {name for packages in self.packages.values() for name in packages}

    def versions(self, name: str) -> Column:
        """The version of this package that each call's run had."""
        column = Column()
        column.codes = self.runs.codes
        column.labels = [(label(self.packages[run].get(name, NONE)),) for (run,) in self.runs.labels]
        return column


@dataclass(slots=True)
class Sampled:
    """Calls of which also the content was read."""

    calls: list[int] = field(default_factory=list)
    """Which calls of the side."""
    said: list[Said] = field(default_factory=list)


@dataclass(slots=True)
class Side:
    """The calls of one side."""

    name: str
    spans: list[bytes] = field(default_factory=list)
    """The id of each call's span."""
    units: array[int] = field(default_factory=lambda: array("i"))
    """The number of each call's conversation, or trace."""
    facts: dict[str, Column] = field(default_factory=lambda: {fact.key: Column() for fact in FACTS})
    numbers: dict[str, array[float]] = field(default_factory=lambda: {number.key: array("d") for number in NUMBERS})
    """NaN: it is not known."""
    imported: Imported = field(default_factory=Imported)
    content: Sampled = field(default_factory=Sampled)
    notes: list[str] = field(default_factory=list)
    """What is to be said of this side."""

    def __len__(self) -> int:
        """How many calls there are."""
        return len(self.spans)

    @property
    def unit_count(self) -> int:
        """How many conversations, or traces."""
        return max(self.units, default=-1) + 1


def gather(
    store: SpanStore,
    name: str,
    scan: Scan,
    fits: Callable[[StoredSpan], bool] = lambda _span: True,
    *,
    unit: Unit = "conversation",
    sample: int = 500,
    seed: int = 0,
    progress: Progress = untold,
) -> Side:
    """Read one side of a comparison out of a store.

    Args:
        store: Where the calls are.
        name: What to call this side.
        scan: The spans to read, as `store.scan` gives them.
        fits: Which of these to take.
        unit: What is independent of one another: conversations (a trace, where a call is in none), or each call.
        sample: Of how many calls the content is read, chosen at random.
        seed: What the choice is made with: the same gives the same.
        progress: Told how far it is.
    """
    side = Side(name, notes=[f"{name}: {store.lacks['runs']}, so these are not compared."] if "runs" in store.lacks else [])
    runs = {run.run_id: run for run in store.runs()}
    units: dict[object, int] = {}
    kept: list[Row] = []
    for row, span in _told(scan.spans, f"reading {name}", scan.total, progress):
        if not fits(span):
            continue
        kept.append(row)
        side.spans.append(span.span_id)
        side.units.append(units.setdefault(len(units) if unit == "call" else unit_of(span), len(units)))
        run = runs.get(span.run_id or "")
        for fact in FACTS:
            side.facts[fact.key].add(fact.read(span, run))
        side.imported.add(run)
        for number in NUMBERS:
            value = number.read(span)
            side.numbers[number.key].append(math.nan if value is None else value)
    chosen = range(len(kept)) if len(kept) <= sample else sorted(random.Random(seed).sample(range(len(kept)), sample))  # noqa: S311
    places = {kept[at]: at for at in chosen}
    reading = store.read(list(places))
    inferences = ((row, span) for row, span in reading if span.attributes.get(semconv.OPERATION_NAME) in semconv.INFERENCE)
    read = with_content(store, inferences, said.NAMES)
    for row, span, content in _told(read, f"reading what was said in {name}", len(places), progress):
        side.content.calls.append(places[row])
        side.content.said.append(said.read(span, valued(content)))
    return side


def _told(found: Iterator[Any], what: str, total: int, progress: Progress) -> Iterator[Any]:
    for done, one in enumerate(found):
        if done % 500 == 0:
            progress(what, done, total)
        yield one
