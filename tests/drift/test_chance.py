"""The chance of a sum, held against all there are."""

from __future__ import annotations

import itertools
import math
import random

import pytest

pytest.importorskip("hypothesis", reason="hypothesis is not installed")
from hypothesis import given, settings
from hypothesis import strategies as st

from genba.drift.chance import counted, feasible, fewest, holm, of_sum


def exact(base: list[int], other: list[int]) -> float:
    """By the number of ways to draw so many units that add up to so much."""
    pool = [*base, *other]
    ways: dict[tuple[int, int], int] = {(0, 0): 1}
    for score in pool:
        for (number, total), count in list(ways.items()):
            if number < len(base):
                ways[number + 1, total + score] = ways.get((number + 1, total + score), 0) + count
    sums = {total: count for (number, total), count in ways.items() if number == len(base)}
    all_ways = math.comb(len(pool), len(base))
    above = sum(count for total, count in sums.items() if total >= sum(base))
    below = sum(count for total, count in sums.items() if total <= sum(base))
    return min(1.0, 2 * min(above, below) / all_ways)


scores = st.lists(st.integers(0, 6), min_size=4, max_size=14)


@settings(deadline=None)
@given(st.lists(st.booleans(), min_size=1, max_size=60), st.lists(st.booleans(), min_size=1, max_size=60))
def test_of_two_values_it_is_exact(base: list[bool], other: list[bool]) -> None:
    found = of_sum(counted(map(float, base)), counted(map(float, other)))
    assert found.p == pytest.approx(exact(list(map(int, base)), list(map(int, other))), rel=1e-6)


@settings(deadline=None)
@given(scores, scores)
def test_of_many_values_it_is_near_and_so_are_small_chances(base: list[int], other: list[int]) -> None:
    found = of_sum(counted(map(float, base)), counted(map(float, other)))
    true = exact(base, other)
    assert abs(math.log(found.p / true)) < 1.0
    assert found.attainable <= found.p * (1 + 1e-9)


@pytest.mark.parametrize("shift", [2, 4, 8, 12])
def test_chances_of_one_in_billions_are_right_in_their_first_digit(shift: int) -> None:
    chance = random.Random(shift)
    base = [chance.randrange(20) for _ in range(40)]
    other = [chance.randrange(20) + shift for _ in range(25)]
    assert of_sum(counted(map(float, base)), counted(map(float, other))).p == pytest.approx(exact(base, other), rel=0.05)


def test_a_rare_value_on_a_small_side_is_not_made_more_of_than_it_is() -> None:
    base, other = [1, 2, *[0] * 18], [*[1] * 6, *[2] * 2, *[0] * 992]
    assert of_sum(counted(map(float, base)), counted(map(float, other))).p == pytest.approx(exact(base, other), rel=0.3)


def test_the_scale_of_the_scores_does_not_matter() -> None:
    base, other = [1.0, 2.0, 4.0, 4.0, 5.0], [3.0, 5.0, 6.0, 7.0, 9.0, 9.0]
    moved = [[score * 0.37 - 11 for score in some] for some in (base, other)]
    assert of_sum(counted(base), counted(other)).p == pytest.approx(of_sum(counted(moved[0]), counted(moved[1])).p, rel=1e-6)


def test_nothing_is_likely_or_unlikely_where_nothing_differs() -> None:
    assert of_sum({1.0: 5}, {1.0: 7}).p == 1.0
    assert of_sum({}, {1.0: 7}).p == 1.0
    assert of_sum({0.0: 5, 1.0: 5}, {0.0: 5, 1.0: 5}).p == 1.0


def test_the_fewest_units_are_those_with_so_many_ways_to_divide_them() -> None:
    assert fewest(3, 5) == pytest.approx(2 / 56)
    assert fewest(0, 5) == 1.0
    assert of_sum({0.0: 3}, {1.0: 5}).p == pytest.approx(2 / 56)


@given(st.lists(st.floats(0, 1), max_size=30))
def test_corrected_chances_are_never_smaller_and_keep_their_order(chances: list[float]) -> None:
    corrected = holm(chances)
    assert all(one >= other for one, other in zip(corrected, chances, strict=True))
    for (one, first), (other, second) in itertools.product(zip(chances, corrected, strict=True), repeat=2):
        assert one > other or first <= second


def test_chances_are_corrected_as_in_holm_s_own_example() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])


def test_what_could_never_be_significant_is_not_tested() -> None:
    assert feasible([0.5, 0.001, 0.004, 0.3], 0.01) == {1, 2}
    assert feasible([0.009, 0.009, 0.001], 0.01) == {2}
    assert feasible([0.5], 0.01) == set()
