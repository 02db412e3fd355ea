"""How often each token, or word, is used on either side, and whether that differs by more than chance.

The difference is told as the Jensen-Shannon divergence in bits: 0 where both use every token equally often, 1 where they share none. It
is never 0 for two samples, so what it comes to when the conversations are dealt to the two sides at random is told with it.

That dealing is also the test, twice. Once of the divergence itself, each side weighted by its number of tokens, which is quick to work
out: it sees many small differences. And once of the single token whose share differs most, measured by how much it varies from one
conversation to another: it sees the few words that a prompt has more in every call, which are nothing beside all that users say.

Sources: J. Lin, Divergence measures based on the Shannon entropy, IEEE Transactions on Information Theory 37 (1991). B. Phipson and
G. K. Smyth, Permutation p-values should never be zero, Statistical Applications in Genetics and Molecular Biology 9 (2010). J. Besag and
P. Clifford, Sequential Monte Carlo p-values, Biometrika 78 (1991): to stop early where nothing is to be found.
"""

from __future__ import annotations

import math
import random
import struct
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, TypeAlias

from .chance import fewest

Statistic: TypeAlias = Callable[[int], float]
"""Of what a side uses, all its conversations added up: the larger, the more the sides differ."""

WIDEST: Final = 1000
"""Tokens that are compared: those in most conversations. The rest counts as one."""
_ENOUGH: Final = 20
"""Deals that come to as much before it is clear that nothing differs."""
_BY_CHANCE: Final = 20
"""Deals to see what the divergence is by chance."""


class Share(NamedTuple):
    """How much of all tokens one token is, on either side."""

    token: Any
    base: float
    other: float
    bits: float
    """What it adds to the divergence."""


@dataclass(frozen=True, slots=True)
class Frequencies:
    """Two sides, and how their tokens differ."""

    bits: float
    """Jensen-Shannon divergence."""
    by_chance: float
    """What it is on average when the conversations are dealt at random."""
    shares: Sequence[Share]
    """The tokens that differ most and most reliably, the most telling first."""
    chances: Sequence[Callable[[int], float]]
    """How likely such a difference is by chance, from at most so many deals: of all tokens, and of the one that differs most."""
    attainable: float


def differing(
    base: Sequence[Counter[Any]],
    other: Sequence[Counter[Any]],
    seed: int,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> Frequencies:
    """Compare what the conversations of two sides used, a counter for each."""
    both = [*base, *other]
    kept = _widest(both)
    width = len(kept) + 1
    packed = [_packed(_counted(counts, kept)) for counts in both]
    whole = sum(packed)
    first = sum(packed[: len(base)])
    dealing = random.Random(seed)  # noqa: S311
    chances = [_dealt(packed, len(base), dealing) for _ in range(_BY_CHANCE)]
    steady = _steady(both, kept)

    def of(numbers: Sequence[int], statistic: Statistic) -> Callable[[int], float]:
        return lambda most: _p(numbers, len(base), statistic, most, random.Random(seed + 1), progress)  # noqa: S311

    return Frequencies(
        bits=_divergence(_unpacked(first, width), _unpacked(whole - first, width)),
        by_chance=sum(_divergence(_unpacked(one, width), _unpacked(whole - one, width)) for one in chances) / _BY_CHANCE,
        shares=_telling(base, other),
        chances=(of(packed, _of_all(whole, width)), of(steady, _of_one(steady, len(base), width))),
        attainable=fewest(len(base), len(other)),
    )


def _widest(bags: Sequence[Counter[Any]]) -> dict[Any, int]:
    """The place of each token that is compared by itself."""
    spread: Counter[Any] = Counter()
    for bag in bags:
        spread.update(bag.keys())
    ordered = sorted(spread.items(), key=lambda item: (-item[1], str(item[0])))
    return {token: place for place, (token, _) in enumerate(ordered[:WIDEST])}


def _counted(counts: Counter[Any], places: Mapping[Any, int]) -> list[int]:
    numbers = [0] * (len(places) + 1)
    for token, count in counts.items():
        numbers[places.get(token, -1)] += count
    return numbers


def _steady(bags: Sequence[Counter[Any]], places: Mapping[Any, int]) -> list[int]:
    """The shares that tokens have of each conversation; those in hardly any conversation are left out."""
    enough = max(3.0, 0.02 * len(bags))
    one = 2**31 // len(bags)  # as a whole number, so that all together still fit into 32 bits
    spread: Counter[Any] = Counter()
    for bag in bags:
        spread.update(bag.keys())
    found = []
    for bag in bags:
        size = sum(bag.values())
        numbers = [0] * (len(places) + 1)
        for token, count in bag.items():
            if token in places and spread[token] >= enough:
                numbers[places[token]] = round(count / size * one)
        found.append(_packed(numbers))
    return found


# The numbers of a conversation in one large number, 32 bits for each token: adding a thousand conversations is then a thousand additions.
def _packed(numbers: Sequence[int]) -> int:
    return int.from_bytes(struct.pack(f"<{len(numbers)}I", *numbers), "little")


def _unpacked(packed: int, width: int) -> tuple[int, ...]:
    return struct.unpack(f"<{width}I", packed.to_bytes(width * 4, "little"))


def _dealt(packed: Sequence[int], drawn: int, dealing: random.Random) -> int:
    """The sum of so many conversations, drawn at random."""
    if drawn * 2 > len(packed):
        return sum(packed) - _dealt(packed, len(packed) - drawn, dealing)
    return sum(dealing.sample(packed, drawn))


def _of_all(whole: int, width: int) -> Statistic:
    """The divergence of one side from the rest, weighted, but for what is the same for all deals."""
    logs = _Logs()

    def statistic(first: int) -> float:
        sides = (_unpacked(first, width), _unpacked(whole - first, width))
        return sum(sum(map(logs.__getitem__, side)) - logs[sum(side)] for side in sides)

    return statistic


def _of_one(packed: Sequence[int], drawn: int, width: int) -> Statistic:
    """The largest difference of one token's share from its mean over all conversations, in standard deviations."""
    means = [total / len(packed) for total in _unpacked(sum(packed), width)]
    squares = [0.0] * width
    for one in packed:
        squares = [square + number * number for square, number in zip(squares, _unpacked(one, width), strict=True)]
    spreads = [square - len(packed) * mean * mean for square, mean in zip(squares, means, strict=True)]
    scales = [1 / math.sqrt(spread) if spread > 0.5 else 0.0 for spread in spreads]
    expected = [drawn * mean * scale for mean, scale in zip(means, scales, strict=True)]

    def statistic(first: int) -> float:
        scaled = zip(_unpacked(first, width), scales, expected, strict=True)
        return max(abs(number * scale - mean) for number, scale, mean in scaled)

    return statistic


def _p(
    packed: Sequence[int],
    drawn: int,
    statistic: Statistic,
    most: int,
    dealing: random.Random,
    progress: Callable[[int, int], None],
) -> float:
    reached = statistic(sum(packed[:drawn])) - 1e-9
    as_much = 0
    for deal in range(1, most + 1):
        if deal % 200 == 0:
            progress(deal, most)
        as_much += statistic(_dealt(packed, drawn, dealing)) >= reached
        if as_much >= _ENOUGH:
            return as_much / deal
    return (as_much + 1) / (most + 1)


class _Logs(dict[int, float]):
    """n · log2 n, each worked out once."""

    def __missing__(self, number: int) -> float:
        found = self[number] = number * math.log2(number) if number else 0.0
        return found


def _divergence(base: Sequence[int], other: Sequence[int]) -> float:
    totals = sum(base) or 1, sum(other) or 1
    return math.fsum(_bits(one / totals[0], two / totals[1]) for one, two in zip(base, other, strict=True) if one or two)


def _bits(base: float, other: float) -> float:
    """What a token of these two shares adds to the divergence."""
    middle = (base + other) / 2
    return sum(share / 2 * math.log2(share / middle) for share in (base, other) if share)


def _telling(base: Sequence[Counter[Any]], other: Sequence[Counter[Any]], number: int = 8) -> list[Share]:
    """The tokens whose shares differ most, three standard errors taken off: what one conversation alone goes on about is not telling."""
    sums: list[Counter[Any]] = []
    means: list[dict[Any, float]] = []
    errors: list[dict[Any, float]] = []
    for side in (base, other):
        total: Counter[Any] = Counter()
        mean: dict[Any, float] = {}
        square: dict[Any, float] = {}
        for counts in side:
            total.update(counts)
            size = sum(counts.values()) * len(side)
            for token, count in counts.items():
                share = count / size
                mean[token] = mean.get(token, 0.0) + share
                square[token] = square.get(token, 0.0) + share * share
        sums.append(total)
        means.append(mean)
        # Of a mean of n, whose parts are already divided by n.
        errors.append({token: max(0.0, square[token] - mean[token] ** 2 / len(side)) for token in mean})
    sizes = [sum(total.values()) or 1 for total in sums]
    remaining = {
        token: abs(means[0].get(token, 0.0) - means[1].get(token, 0.0))
        - 3 * math.sqrt(errors[0].get(token, 0.0) + errors[1].get(token, 0.0))
        for token in {**sums[0], **sums[1]}
    }
    most = sorted(remaining, key=lambda token: (-remaining[token], str(token)))[:number]
    shares = ((token, sums[0][token] / sizes[0], sums[1][token] / sizes[1]) for token in most)
    return [Share(token, one, two, _bits(one, two)) for token, one, two in shares]
