"""The things that are compared, each with its tests, and in words what differs."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Final, NamedTuple, TypeAlias

from . import chance, ranks
from .facts import USUAL, Number
from .lines import Line
from .sides import UNKNOWN, Column, Side

Sides: TypeAlias = tuple[Side, Side]

VALUES: Final = 12
"""Values of a fact that are tested one by one: the most widespread."""
TOLD: Final = 4
"""Values that are told."""
EXAMPLES: Final = 3


class Test(NamedTuple):
    """One test that may be done."""

    attainable: float
    p: Callable[[int], float]
    """Its chance, from at most so many random deals, where it needs any."""


@dataclass(frozen=True, slots=True)
class Subject:
    """One thing that is compared."""

    line: Line | None
    """What is to be said of it, but for the verdict. None: nothing."""
    tests: Sequence[Test] = ()
    units: tuple[int, int] = (0, 0)
    """How many conversations there are of which it is known."""
    varies: bool = False
    """Whether anything differs at all."""


def of_column(key: str, title: str, sides: Sides, columns: tuple[Column, Column], unsaid: str = "") -> Subject:
    """Something that calls have one of several values of, or some."""
    tallies = tuple(_tally(side, column) for side, column in zip(sides, columns, strict=True))
    missing = [side.name for side, tally in zip(sides, tallies, strict=True) if not tally.known]
    if missing:
        if len(missing) == 2 and not unsaid:
            return Subject(None)
        why = unsaid or f"not recorded in {' and '.join(missing)}"
        return Subject(Line(key=key, title=title, verdict="not compared", words=why))
    units = (len(tallies[0].known), len(tallies[1].known))
    calls = (sum(tallies[0].known.values()), sum(tallies[1].known.values()))
    having = (tallies[0].calls_having, tallies[1].calls_having)
    spread = {value: having[0][value] + having[1][value] for value in {**having[0], **having[1]}}
    if len(spread) == 1:
        (value,) = spread
        return Subject(None if value in USUAL else _same(key, title, f"always {value}"), units=units)
    values = sorted(spread, key=lambda value: (-spread[value], value))
    shares = {value: (having[0][value] / calls[0], having[1][value] / calls[1]) for value in values}
    tested = values[:VALUES]
    # Of two values one is there where the other is not: that is one test.
    partition = len(values) == 2 and sum(spread.values()) == sum(calls)
    tests = [_value_test(tallies, value) for value in (tested[:1] if partition else tested)]
    changed = sorted(values, key=lambda value: (-abs(shares[value][1] - shares[value][0]), value))
    line = Line(
        key=key,
        title=title,
        verdict="same",
        words=_share_words(changed, shares, sides),
        effect=_distance(having, calls),
        base_spans=_examples(sides[0], columns[0], min(values, key=lambda value: (shares[value][1] - shares[value][0], value))),
        other_spans=_examples(sides[1], columns[1], max(values, key=lambda value: (shares[value][1] - shares[value][0], value))),
        details={"values": {value: {"base": shares[value][0], "other": shares[value][1]} for value in changed[:VALUES]}},
    )
    return Subject(line, tests, units, varies=any(one != two for one, two in shares.values()))


def of_number(number: Number, base: Side, other: Side) -> Subject:
    """Something that calls have a number of."""
    known = [[at for at, value in enumerate(side.numbers[number.key]) if not math.isnan(value)] for side in (base, other)]
    missing = [side.name for side, calls in zip((base, other), known, strict=True) if not calls]
    if missing:
        if len(missing) == 2:
            return Subject(None)
        why = f"not recorded in {' and '.join(missing)}"
        return Subject(Line(key=number.key, title=number.title, verdict="not compared", words=why))
    values = [[side.numbers[number.key][at] for at in calls] for side, calls in zip((base, other), known, strict=True)]
    units = [[side.units[at] for at in calls] for side, calls in zip((base, other), known, strict=True)]
    counts = (len(set(units[0])), len(set(units[1])))
    both = [*values[0], *values[1]]
    if min(both) == max(both):
        return Subject(_same(number.key, number.title, f"always {both[0]:.4g} {number.unit}"), units=counts)
    ranked = ranks.ranked(both)
    tests = [_number_test(scores, units) for scores in (ranks.of_size(ranked), ranks.of_spread(ranked))]
    summaries = [{name: ranks.quantile(some, share) for name, share in _QUANTILES} for some in values]
    words = ", ".join(f"{name} {_number(summaries[0][name])} → {_number(summaries[1][name])}" for name, _ in _QUANTILES)
    line = Line(
        key=number.key,
        title=number.title,
        verdict="same",
        words=f"{words} {number.unit}",
        effect=_separation(ranked, len(values[0])),
        base_spans=_nearest(base, known[0], values[0], summaries[0]["median"]),
        other_spans=_nearest(other, known[1], values[1], summaries[1]["median"]),
        details={
            "base": summaries[0],
            "other": summaries[1],
            "dominance": ranks.dominance(len(values[0]), ranked),
            "calls": [len(values[0]), len(values[1])],
        },
    )
    return Subject(line, tests, counts, varies=True)


def percent(share: float) -> str:
    if 0 < share < 0.0005 or 0.9995 < share < 1:
        return "< 0.1 %" if share < 0.5 else "> 99.9 %"
    return f"{share * 100:.1f} %" if share not in (0, 1) else f"{share * 100:.0f} %"


def some(side: Side, calls: Iterable[int]) -> list[bytes]:
    """A few spans, of different conversations."""
    found: dict[int, bytes] = {}
    for looked, call in enumerate(calls):
        found.setdefault(side.units[call], side.spans[call])
        if len(found) == EXAMPLES or looked > 1000:
            break
    return list(found.values())


class _Tally(NamedTuple):
    known: Counter[int]
    """Unit -> in how many of its calls it is known."""
    having: Counter[tuple[int, int]]
    """Unit and code -> in how many of its calls."""
    codes: dict[str, set[int]]
    """Value -> the codes of those that have it."""
    calls_having: Counter[str]


def _tally(side: Side, column: Column) -> _Tally:
    having = Counter(zip(side.units, column.codes, strict=True))
    if UNKNOWN in column.codes:
        having = Counter({pair: count for pair, count in having.items() if pair[1] != UNKNOWN})
    known: Counter[int] = Counter()
    by_code: Counter[int] = Counter()
    for (unit, code), count in having.items():
        known[unit] += count
        by_code[code] += count
    codes: dict[str, set[int]] = {}
    calls_having: Counter[str] = Counter()
    for code, labels in enumerate(column.labels):
        for value in labels:
            codes.setdefault(value, set()).add(code)
            calls_having[value] += by_code[code]
    return _Tally(known, having, codes, calls_having)


def _value_test(tallies: Sequence[_Tally], value: str) -> Test:
    """Whether one value is more frequent on one side."""
    calls = sum(sum(tally.known.values()) for tally in tallies)
    share = sum(tally.calls_having[value] for tally in tallies) / calls
    populations = []
    for tally in tallies:
        codes = tally.codes.get(value, set())
        having: Counter[int] = Counter()
        for (unit, code), count in tally.having.items():
            if code in codes:
                having[unit] += count
        pairs = Counter((having.get(unit, 0), count) for unit, count in tally.known.items())
        scores: Counter[float] = Counter()
        for (has, count), number in pairs.items():
            scores[round(has - share * count, 9)] += number
        populations.append(scores)
    found = chance.of_sum(*populations)
    return Test(found.attainable, lambda _deals: found.p)


def _number_test(scores: Sequence[float], units: Sequence[Sequence[int]]) -> Test:
    populations, start = [], 0
    for some in units:
        sums: dict[int, float] = {}
        for unit, score in zip(some, scores[start : start + len(some)], strict=True):
            sums[unit] = sums.get(unit, 0.0) + score
        start += len(some)
        populations.append(chance.counted(sums.values()))
    found = chance.of_sum(*populations)
    return Test(found.attainable, lambda _deals: found.p)


def _distance(having: tuple[Counter[str], Counter[str]], calls: tuple[int, int]) -> float:
    """The share of calls that would have to change: the total variation distance; with several values a call, the largest change."""
    gaps = [having[1][value] / calls[1] - having[0][value] / calls[0] for value in {**having[0], **having[1]}]
    alone = all(sum(some.values()) == number for some, number in zip(having, calls, strict=True))
    return sum(map(abs, gaps)) / 2 if alone else max(map(abs, gaps))


def _separation(ranked: Sequence[float], base: int) -> float:
    """How far apart two distributions are at most: Kolmogorov's and Smirnov's distance, which sees size and spread alike."""
    other = len(ranked) - base
    steps = sorted(chain(((rank, 1 / base) for rank in ranked[:base]), ((rank, -1 / other) for rank in ranked[base:])))
    gap = largest = 0.0
    for at, (rank, step) in enumerate(steps):
        gap += step
        if at + 1 == len(steps) or steps[at + 1][0] != rank:
            largest = max(largest, abs(gap))
    return largest


def _same(key: str, title: str, words: str) -> Line:
    return Line(key=key, title=title, verdict="same", words=words, effect=0.0)


def _share_words(changed: Sequence[str], shares: dict[str, tuple[float, float]], sides: Sides) -> str:
    said = []
    for value in changed[:TOLD]:
        one, two = shares[value]
        if one == two:
            continue
        if one and two:
            said.append(f"{value}: {percent(one)} → {percent(two)}")
        else:
            said.append(f"{value} only in {sides[0 if one else 1].name} ({percent(one or two)})")
    more = sum(1 for value in changed[TOLD:] if shares[value][0] != shares[value][1])
    return "; ".join(said + ([f"{more} more"] if more else [])) or "the same shares"


def _number(value: float) -> str:
    return f"{value:.0f}" if abs(value) >= 1000 else f"{value:.3g}"


_QUANTILES: Final = (("5th percentile", 0.05), ("median", 0.5), ("95th percentile", 0.95))


def _examples(side: Side, column: Column, value: str) -> list[bytes]:
    codes = {code for code, labels in enumerate(column.labels) if value in labels}
    return some(side, (at for at in range(len(side) - 1, -1, -1) if column.codes[at] in codes))


def _nearest(side: Side, calls: Sequence[int], values: Sequence[float], aim: float) -> list[bytes]:
    order = sorted(range(len(calls)), key=lambda at: (abs(values[at] - aim), at))
    return some(side, (calls[at] for at in order))
