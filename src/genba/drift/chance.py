"""How likely a sum is by chance alone, when it is chance which conversations are on which side.

Every test here asks one question: units (conversations, or calls) have a score each; the scores of one side add up to so much; how often
would they add up to as much, if as many units were drawn from both sides at random? That is an exact permutation test. It needs no
assumption on how the scores are distributed, and calls of one conversation may depend on one another, because they move together.

Few distinct scores are counted exactly. Many are approximated by a saddlepoint, whose error is relative: also a chance of one in a
billion is right in its first digit, where a normal distribution or some thousand random shuffles would not do.

Sources: J. G. Booth and R. W. Butler, Randomization distributions and saddlepoint approximations in generalized linear models,
Biometrika 77 (1990): the double saddlepoint for draws without replacement. H. E. Daniels, Tail probability approximations,
International Statistical Review 55 (1987): the continuity correction for sums of whole numbers. R. Lugannani and S. Rice, Saddle
point approximation for the distribution of the sum of independent random variables, Advances in Applied Probability 12 (1980).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Final, NamedTuple, TypeAlias

Scores: TypeAlias = Mapping[float, int]
"""Score -> how many units have it."""

_FEW: Final = 1024
_FINE: Final = 8192
_LARGEST: Final = 1_000_000


class Chance(NamedTuple):
    """The outcome of one test."""

    p: float
    """How likely a sum at least as far off is by chance, to either side."""
    attainable: float
    """The smallest that `p` could have been, whichever units had been on this side."""


def of_sum(base: Scores, other: Scores) -> Chance:
    """The chance of the sum of the scores in `base`, among all ways to draw as many units from both."""
    levels, drawn, reached = _whole_numbers(base, other)
    total = sum(count for _, count in levels)
    if len(levels) < 2 or drawn in (0, total):
        return Chance(1.0, 1.0)
    mirrored = [(levels[-1][0] - value, count) for value, count in reversed(levels)]
    attainable = min(1.0, 2 * min(_of_largest(levels, drawn), _of_largest(mirrored, drawn)))
    turned = drawn * levels[-1][0] - reached
    if len(levels) == 2:
        both = min(_of_two_values(levels, drawn, reached), _of_two_values(mirrored, drawn, turned))
        return Chance(min(1.0, max(2 * both, attainable)), attainable)
    mean = drawn * sum(value * count for value, count in levels) / total
    if abs(reached - mean) <= 0.5:
        return Chance(1.0, attainable)
    if reached < mean:
        levels, reached = mirrored, turned
    return Chance(min(1.0, max(2 * _saddlepoint(levels, drawn, reached), attainable)), attainable)


def fewest(base: int, other: int) -> float:
    """The smallest chance that any test over this many units could come to."""
    return min(1.0, 2 * math.exp(-_log_choose(base + other, base))) if base and other else 1.0


def feasible(attainable: Sequence[float], alpha: float) -> set[int]:
    """Which of several tests to do at all: those that could become significant, once corrected for how many are done.

    R. E. Tarone, A modified Bonferroni method for discrete data, Biometrics 46 (1990). It looks at both sides together only, so what it
    leaves out does not depend on what differs.
    """
    for number in range(1, len(attainable) + 1):
        kept = {at for at, smallest in enumerate(attainable) if smallest <= alpha / number}
        if len(kept) <= number:
            return kept
    return set()


def holm(chances: Sequence[float]) -> list[float]:
    """The chances corrected for how many there are: each is at most alpha for one family-wise error of alpha.

    S. Holm, A simple sequentially rejective multiple test procedure, Scandinavian Journal of Statistics 6 (1979).
    """
    corrected = [1.0] * len(chances)
    largest = 0.0
    for rank, at in enumerate(sorted(range(len(chances)), key=chances.__getitem__)):
        largest = max(largest, min(1.0, chances[at] * (len(chances) - rank)))
        corrected[at] = largest
    return corrected


def counted(scores: Iterable[float]) -> dict[float, int]:
    """The scores, those that differ only by rounding taken together."""
    found: dict[float, int] = {}
    for score in scores:
        near = round(score, 9) + 0.0
        found[near] = found.get(near, 0) + 1
    return found


def _whole_numbers(base: Scores, other: Scores) -> tuple[list[tuple[int, int]], int, int]:
    """The scores as whole numbers from 0 and their counts, ascending; how many units are drawn; what they add up to.

    Where the scores are steps of one width, as counts and ranks are, nothing is lost. Else they are rounded to a fine scale.
    """
    values = sorted({*base, *other})
    spread = values[-1] - values[0] if values else 0.0
    if not spread:
        return [(0, sum(base.values()) + sum(other.values()))], sum(base.values()), 0
    step = min(after - before for before, after in pairwise(values))
    places = {value: round((value - values[0]) / step) for value in values}
    even = all(abs((value - values[0]) / step - place) < 1e-5 for value, place in places.items())
    if not even or spread / step > _LARGEST or len(values) > _FEW:
        step = spread / (_FEW if len(values) > _FEW else _FINE)
        places = {value: round((value - values[0]) / step) for value in values}
    levels: dict[int, int] = {}
    for scores in (base, other):
        for value, count in scores.items():
            levels[places[value]] = levels.get(places[value], 0) + count
    reached = sum(places[value] * count for value, count in base.items())
    return sorted(levels.items()), sum(base.values()), reached


def _of_largest(levels: Sequence[tuple[int, int]], drawn: int) -> float:
    """The chance of drawing the largest sum there is."""
    left = drawn
    for _, count in reversed(levels):
        if count >= left:
            total = sum(some for _, some in levels)
            return math.exp(_log_choose(count, left) - _log_choose(total, drawn))
        left -= count
    return 1.0


def _of_two_values(levels: Sequence[tuple[int, int]], drawn: int, reached: int) -> float:
    """The chance of drawing at least `reached` where there are two scores: hypergeometric."""
    (least, without), (most, having) = levels
    return _hypergeometric(without, having, drawn, (reached - least * drawn) // (most - least))


def _hypergeometric(without: int, having: int, drawn: int, reached: int) -> float:
    """The chance of at least `reached` units that have something among those drawn."""
    mean = drawn * having / (without + having)
    whole = _log_choose(without + having, drawn)
    total = 0.0
    for number in range(max(reached, drawn - without, 0), min(drawn, having) + 1):
        term = math.exp(_log_choose(having, number) + _log_choose(without, drawn - number) - whole)
        total += term
        if term < total * 1e-16 and number > mean:  # there the terms only get smaller
            break
    return total


def _saddlepoint(levels: Sequence[tuple[int, int]], drawn: int, reached: int) -> float:
    """The chance of drawing at least `reached`, which lies above the mean.

    Booth and Butler's double saddlepoint, corrected for sums that are whole numbers.
    """
    total = sum(count for _, count in levels)
    mean = sum(value * count for value, count in levels) / total
    width = max(levels[-1][0] - mean, mean - levels[0][0])
    scaled = [((value - mean) / width, count) for value, count in levels]
    found = _minimum(scaled, drawn, (reached - 0.5 - drawn * mean) / width)
    if found is None:
        return 1.0
    depth, tilt, curvature = found
    root = math.sqrt(max(0.0, -2 * depth))
    if root < 0.05 or tilt <= 0:
        return 0.5
    half_step = min(tilt / width / 2, 300.0)
    slope = 2 * width * math.sinh(half_step) * math.sqrt(curvature / (drawn * (total - drawn) / total))
    density = math.exp(-root * root / 2) / math.sqrt(2 * math.pi)
    return max(0.0, math.erfc(root / math.sqrt(2)) / 2 + density * (1 / slope - 1 / root))


def _minimum(levels: Sequence[tuple[float, int]], drawn: int, aim: float) -> tuple[float, float, float] | None:
    """The least value of K(s, t) - s·drawn - t·aim, its t, and the determinant of K''; None where it was not found.

    K is the cumulant generating function of the number and the sum of units that are each drawn by themselves. It is convex, so damped
    Newton steps lead there.
    """
    total = sum(count for _, count in levels)
    odds = math.log(drawn / (total - drawn))
    constant = total * math.log1p(-drawn / total)
    shift = tilt = 0.0
    rounding = 1e-12 * total

    def height(shift: float, tilt: float) -> float:
        logs = sum(count * _softplus(odds + shift + tilt * value) for value, count in levels)
        return logs + constant - shift * drawn - tilt * aim

    here = height(shift, tilt)
    for _ in range(200):
        number = summed = plain = crossed = squared = 0.0
        for value, count in levels:
            chance = _logistic(odds + shift + tilt * value)
            weight = count * chance
            spread = weight * (1 - chance)
            number += weight
            summed += weight * value
            plain += spread
            crossed += spread * value
            squared += spread * value * value
        curvature = plain * squared - crossed * crossed
        if curvature <= 0:
            return None
        off, short = drawn - number, aim - summed
        by_shift = (squared * off - crossed * short) / curvature
        by_tilt = (plain * short - crossed * off) / curvature
        gain = off * by_shift + short * by_tilt
        if gain < 1e-9:
            return here, tilt, curvature
        step = 1.0
        while step > 1e-9 and height(shift + step * by_shift, tilt + step * by_tilt) > here - step * gain / 4 + rounding:
            step /= 2
        shift, tilt = shift + step * by_shift, tilt + step * by_tilt
        here = height(shift, tilt)
    return None


def _softplus(x: float) -> float:
    return x + math.log1p(math.exp(-x)) if x > 0 else math.log1p(math.exp(x))


def _logistic(x: float) -> float:
    if x >= 0:
        return 1 / (1 + math.exp(-x))
    power = math.exp(x)
    return power / (1 + power)


def _log_choose(total: int, chosen: int) -> float:
    if not 0 <= chosen <= total:
        return -math.inf
    return math.lgamma(total + 1) - math.lgamma(chosen + 1) - math.lgamma(total - chosen + 1)
