from __future__ import annotations

import pytest

pytest.importorskip("hypothesis", reason="hypothesis is not installed")
from hypothesis import given
from hypothesis import strategies as st

from genba.drift.ranks import dominance, of_size, of_spread, quantile, ranked

numbers = st.lists(st.integers(-5, 5).map(float), min_size=1, max_size=30)


@given(numbers)
def test_equal_numbers_share_the_middle_of_their_ranks(values: list[float]) -> None:
    ranks = ranked(values)
    for value, rank in zip(values, ranks, strict=True):
        below, equal = sum(one < value for one in values), sum(one == value for one in values)
        assert rank == below + (equal + 1) / 2
    assert sum(of_size(ranks)) == pytest.approx(0)
    assert sum(of_spread(ranks)) == pytest.approx(0, abs=1e-6)


@given(numbers, numbers)
def test_dominance_is_how_much_more_often_the_other_side_is_larger(base: list[float], other: list[float]) -> None:
    pairs = [(one < two) - (one > two) for one in base for two in other]
    assert dominance(len(base), ranked([*base, *other])) == pytest.approx(sum(pairs) / len(pairs))


def test_a_quantile_lies_between_its_neighbours() -> None:
    assert quantile([3.0, 1.0, 2.0, 4.0], 0.5) == 2.5
    assert quantile([7.0], 0.95) == 7.0
    assert quantile([0.0, 10.0], 0.95) == pytest.approx(9.5)
