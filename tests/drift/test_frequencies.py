from __future__ import annotations

import random
from collections import Counter

import pytest

from genba.drift.frequencies import differing


def test_sides_with_nothing_in_common_are_one_bit_apart_and_equal_ones_none() -> None:
    apart = differing([Counter("aab")] * 4, [Counter("xyy")] * 6, seed=0)
    assert apart.bits == pytest.approx(1.0)
    alike = differing([Counter("aab")] * 4, [Counter("aab")] * 6, seed=0)
    assert alike.bits == pytest.approx(0.0, abs=1e-12)
    assert [p(200) for p in alike.chances] == [1.0, 1.0]


def test_the_divergence_is_lin_s() -> None:
    # 3/4 and 1/4 against 1/4 and 3/4: 1 - H(1/4).
    found = differing([Counter(a=3, b=1)] * 3, [Counter(a=1, b=3)] * 3, seed=0)
    assert found.bits == pytest.approx(0.1887218755)


def bags(seed: int, number: int, extra: str = "") -> list[Counter[str]]:
    chance = random.Random(seed)
    return [Counter([*(f"w{min(int(chance.paretovariate(1)), 300)}" for _ in range(60)), *extra.split()]) for _ in range(number)]


def test_a_few_words_in_every_conversation_are_found_and_named() -> None:
    found = differing(bags(1, 60), bags(2, 60, "please be kind"), seed=0)
    assert found.chances[1](2000) == 1 / 2001
    assert {share.token for share in found.shares[:3]} == {"please", "be", "kind"}
    assert found.shares[0].base == 0
    assert found.bits > found.by_chance


def test_the_same_seed_gives_the_same_chance_and_other_seeds_nearly_the_same() -> None:
    chances = [differing(bags(1, 40), bags(2, 40), seed=seed).chances[0](2000) for seed in (3, 3, 4)]
    assert chances[0] == chances[1]
    assert chances[0] == pytest.approx(chances[2], rel=1.0)
    assert min(chances) > 0.01


def test_what_one_conversation_alone_goes_on_about_is_no_difference() -> None:
    talkative = Counter({"elephant": 5000})
    found = differing([*bags(1, 30), talkative], bags(2, 30), seed=0)
    assert found.bits > 0.3
    assert all(p(2000) > 0.2 for p in found.chances)


def test_more_tokens_than_are_told_apart_count_as_one() -> None:
    many = [Counter(f"t{number}" for number in range(start, start + 500)) for start in range(0, 4000, 500)]
    found = differing(many[::2], many[1::2], seed=0)
    assert 0 <= found.bits <= 1
    assert all(0 < p(200) <= 1 for p in found.chances)
