"""Numbers of two sides by their ranks: whether one side's are larger, or wider spread, whatever their distribution.

Sources: H. B. Mann and D. R. Whitney, On a test of whether one of two random variables is stochastically larger than the other, Annals
of Mathematical Statistics 18 (1947); A. M. Mood, On the asymptotic efficiency of certain nonparametric two-sample tests, ibid. 25
(1954); N. Cliff, Dominance statistics, Psychological Bulletin 114 (1993).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import groupby


def ranked(values: Sequence[float]) -> list[float]:
    """The rank of each value, from 1; equal ones share the middle of theirs."""
    ranks = [0.0] * len(values)
    below = 0
    for _, equal in groupby(sorted(range(len(values)), key=values.__getitem__), key=values.__getitem__):
        places = list(equal)
        for place in places:
            ranks[place] = below + (len(places) + 1) / 2
        below += len(places)
    return ranks


def of_size(ranks: Sequence[float]) -> list[float]:
    """Scores that add up to more for a side whose numbers are larger: Mann and Whitney's."""
    middle = (len(ranks) + 1) / 2
    return [rank - middle for rank in ranks]


def of_spread(ranks: Sequence[float]) -> list[float]:
    """Scores that add up to more for a side whose numbers are further from the middle, up or down: Mood's."""
    middle = (len(ranks) + 1) / 2
    squares = [(rank - middle) ** 2 for rank in ranks]
    mean = math.fsum(squares) / len(squares) if squares else 0.0
    return [square - mean for square in squares]


def dominance(base: int, ranks: Sequence[float]) -> float:
    """Cliff's delta, from -1 to 1: how much more often a number of the other side is larger than one of base, than it is smaller.

    `ranks` are those of both sides together, the `base` first ones of base.
    """
    other = len(ranks) - base
    larger = math.fsum(ranks[base:]) - other * (other + 1) / 2
    return 2 * larger / (base * other) - 1


def quantile(values: Sequence[float], share: float) -> float:
    """The value that this share of the values do not exceed, between two neighbours where it falls there."""
    ordered = sorted(values)
    place = share * (len(ordered) - 1)
    low = math.floor(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (place - low)
