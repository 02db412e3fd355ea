"""Compare two sides, one thing after another, and correct for having looked at so many."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

from . import chance
from .facts import FACTS, NUMBERS
from .lines import Line, Report, ordered
from .said import DIRECTIONS, openings
from .sides import Column, Progress, Side, Unit, untold
from .subjects import Subject, of_column, of_number
from .tokens_used import of_tokens

FEWEST_DEALS: Final = 2000


def compare(
    base: Side,
    other: Side,
    *,
    alpha: float = 0.01,
    seed: int = 0,
    unit: Unit = "conversation",
    progress: Progress = untold,
) -> Report:
    """What differs between two sides by more than chance.

    Args:
        base: What it is compared with.
        other: What may have drifted.
        alpha: How likely it may be to call anything drifted where nothing is: in the whole report, not in each of its lines.
        seed: What chance is made with, where it is needed: the same gives the same report.
        unit: What the sides were gathered by, for the words.
        progress: Told how far it is.
    """
    subjects = [
        *_facts(base, other),
        *_packages(base, other),
        *_said(base, other),
        *_numbers(base, other),
        *_tokens(base, other, seed, progress),
    ]
    lines, tests = _judged(subjects, alpha, _named(unit))
    return Report(
        lines=ordered(lines),
        tests=tests,
        alpha=alpha,
        calls=(len(base), len(other)),
        units=(base.unit_count, other.unit_count),
        unit=unit,
        sampled=(len(base.content.calls), len(other.content.calls)),
        seed=seed,
        notes=_notes(base, other),
    )


def _facts(base: Side, other: Side) -> list[Subject]:
    return [of_column(fact.key, fact.title, (base, other), (base.facts[fact.key], other.facts[fact.key])) for fact in FACTS]


def _packages(base: Side, other: Side) -> list[Subject]:
    sides = (base, other)
    if not all(side.imported.packages for side in sides):
        # One line, and not one for each package of the other side.
        return [of_column("packages", "packages", sides, (base.imported.runs, other.imported.runs))]
    names = sorted(base.imported.names() | other.imported.names())
    return [
        of_column(f"package {name}", f"package {name}", sides, (base.imported.versions(name), other.imported.versions(name)))
        for name in names
    ]


def _numbers(base: Side, other: Side) -> list[Subject]:
    return [of_number(number, base, other) for number in NUMBERS]


def _said(base: Side, other: Side) -> list[Subject]:
    sides = (base, other)
    units = [(at, side.units[call]) for at, side in enumerate(sides) for call in side.content.calls]
    found = openings([said.opening for side in sides for said in side.content.said], units)
    opened = [found[: len(base.content.said)], found[len(base.content.said) :]]
    told: tuple[tuple[str, str, Any], ...] = (
        ("system", "system instructions", [[said.system for said in side.content.said] for side in sides]),
        ("opening", "how prompts begin", opened),
        ("tools", "tools", [[said.tools for said in side.content.said] for side in sides]),
    )
    subjects = []
    for key, title, labels in told:
        columns = (Column(), Column())
        for column, side, values in zip(columns, sides, labels, strict=True):
            by_call = dict(zip(side.content.calls, values, strict=True))
            for call in range(len(side)):
                column.add(by_call.get(call))
        subjects.append(of_column(key, title, sides, columns, unsaid=_unsaid(base, other, "input")))
    return subjects


def _tokens(base: Side, other: Side, seed: int, progress: Progress) -> list[Subject]:
    return [of_tokens(direction, base, other, seed, _unsaid(base, other, direction), progress) for direction in DIRECTIONS]


def _unsaid(base: Side, other: Side, direction: Any) -> str:
    """Why what was said cannot be compared; nothing if it can."""
    for side in (base, other):
        if not any(said.words.get(direction) or said.ids.get(direction) for said in side.content.said):
            if any(said.gone for said in side.content.said):
                return f"what was said in {side.name} has been removed from the store"
            return f"what was said is not recorded in {side.name}: content was off, or the calls have none"
    return ""


def _judged(subjects: Sequence[Subject], alpha: float, units: str) -> tuple[list[Line], int]:
    tests = [(at, test) for at, subject in enumerate(subjects) for test in subject.tests]
    done = sorted(chance.feasible([test.attainable for _, test in tests], alpha))
    deals = max(FEWEST_DEALS, math.ceil(2 * len(done) / alpha))
    corrected = chance.holm([tests[number][1].p(deals) for number in done])
    worst: dict[int, float] = {}
    for number, p in zip(done, corrected, strict=True):
        at = tests[number][0]
        worst[at] = min(p, worst.get(at, 1.0))
    level = alpha / max(1, len(done))
    lines = [_line(subject, worst.get(at), alpha, level, units) for at, subject in enumerate(subjects)]
    return [line for line in lines if line is not None], len(done)


def _line(subject: Subject, p: float | None, alpha: float, level: float, units: str) -> Line | None:
    if subject.line is None:
        return None
    if subject.line.verdict == "not compared":
        return subject.line
    if p is not None and p <= alpha:
        return replace(subject.line, verdict="drifted", p=p)
    if subject.varies and chance.fewest(*subject.units) > level:
        one, two = subject.units
        return replace(subject.line, verdict="too few", words=f"too few {units} to tell ({one} and {two}): {subject.line.words}")
    return replace(subject.line, verdict="same", p=p)


def _named(unit: Unit) -> str:
    return "calls" if unit == "call" else "conversations or traces"


def _notes(base: Side, other: Side) -> list[str]:
    notes = [*base.notes, *other.notes]
    shared = len(set(base.spans) & set(other.spans))
    if shared:
        notes.append(f"{shared} calls are on both sides; the tests take the sides to be apart.")
    for side in (base, other):
        gone = sum(said.gone for said in side.content.said)
        if gone:
            notes.append(f"{side.name}: of {gone} calls that were read, something that was said has been removed from the store.")
    return notes
