"""Aligning two sequences of tokens."""

from __future__ import annotations

import random
from collections.abc import Sequence
from itertools import accumulate, pairwise

from hypothesis import given
from hypothesis import strategies as st

from genba.tokens.alignment import Alignment, Run, align, align_bytes

few = st.lists(st.integers(0, 3), max_size=14)
pieces = st.lists(st.binary(max_size=3).map(lambda some: bytes(one % 3 + 97 for one in some)), max_size=10)


def in_common(left: Sequence[int], right: Sequence[int]) -> int:
    """The length of the longest common subsequence, the slow way."""
    row = [0] * (len(right) + 1)
    for one in left:
        before, row = row, [0]
        for at, other in enumerate(right):
            row.append(before[at] + 1 if one == other else max(before[at + 1], row[at]))
    return row[-1]


def assert_whole(alignment: Alignment, lengths: tuple[int, int]) -> None:
    """Its runs cover both sequences, in order, without a hole; neighbours are of different kinds."""
    ends = [(0, 0), *((run.left[1], run.right[1]) for run in alignment.runs)]
    assert [(run.left[0], run.right[0]) for run in alignment.runs] == ends[:-1]
    assert ends[-1] == lengths
    kinds = [run.kind for run in alignment.runs]
    assert all(one != other for one, other in pairwise(kinds))


@given(few, few)
def test_what_is_found_leaves_the_fewest_differences(left: list[int], right: list[int]) -> None:
    alignment = align(left, right)
    assert_whole(alignment, (len(left), len(right)))
    same = [run for run in alignment.runs if run.kind == "same"]
    assert all(left[slice(*run.left)] == right[slice(*run.right)] for run in same)
    assert sum(run.left[1] - run.left[0] for run in same) == in_common(left, right)
    assert alignment.is_fewest
    assert alignment.is_same == (left == right)


@given(few, few)
def test_with_no_time_to_look_it_is_still_right(left: list[int], right: list[int]) -> None:
    alignment = align(left, right, effort=0)
    assert_whole(alignment, (len(left), len(right)))
    assert all(left[slice(*run.left)] == right[slice(*run.right)] for run in alignment.runs if run.kind == "same")
    assert alignment.is_same == (left == right)


@given(pieces, pieces)
def test_by_bytes_the_same_text_is_only_cut_differently(left: list[bytes], right: list[bytes]) -> None:
    alignment = align_bytes(left, right)
    assert_whole(alignment, (len(left), len(right)))
    for run in alignment.runs:
        some, others = left[slice(*run.left)], right[slice(*run.right)]
        if run.kind == "same":
            assert some == others
        elif run.kind == "recut":
            assert some != others
            assert b"".join(some) == b"".join(others)
        else:
            assert b"".join(some) != b"".join(others)
    if b"".join(left) == b"".join(right):
        assert "changed" not in {run.kind for run in alignment.runs}


@given(st.text("abc ", min_size=1, max_size=30).map(str.encode), st.sets(st.integers(1, 29)), st.sets(st.integers(1, 29)))
def test_exactly_the_tokens_that_lie_in_the_same_place_on_both_sides_are_the_same(
    text: bytes, ones: set[int], others: set[int]
) -> None:
    def cut(places: set[int]) -> list[bytes]:
        ends = [0, *sorted(place for place in places if place < len(text)), len(text)]
        return [text[start:end] for start, end in pairwise(ends)]

    def spans(tokens: list[bytes]) -> list[tuple[int, int]]:
        ends = list(accumulate(map(len, tokens), initial=0))
        return list(pairwise(ends))

    left, right = spans(cut(ones)), spans(cut(others))
    runs = align_bytes(cut(ones), cut(others)).runs
    assert {span for run in runs if run.kind == "same" for span in left[slice(*run.left)]} == set(left) & set(right)


def test_one_changed_token_is_the_only_difference() -> None:
    assert align([1, 2, 3, 4], [1, 2, 9, 4]).runs == [
        Run("same", (0, 2), (0, 2)),
        Run("changed", (2, 3), (2, 3)),
        Run("same", (3, 4), (3, 4)),
    ]
    assert align([1, 2], [1, 2]).prefix == 2
    assert align([1], [2]).prefix == 0
    assert align([], []).is_same


def test_long_sequences_with_many_differences_are_aligned_all_the_same() -> None:
    chance = random.Random(7)
    left = [min(int(chance.paretovariate(0.6)), 49_000) for _ in range(200_000)]
    right = list(left)
    for place in chance.sample(range(len(left)), 5_000):
        right[place] = -1
    alignment = align(left, right)
    assert_whole(alignment, (len(left), len(right)))
    same = sum(run.left[1] - run.left[0] for run in alignment.runs if run.kind == "same")
    assert 194_900 <= same <= 195_100
    assert not alignment.is_fewest


def test_long_sequences_with_nothing_unique_in_common_are_given_up_and_that_is_said() -> None:
    alignment = align([0, 1] * 50_000, [1, 1, 0] * 40_000)
    assert_whole(alignment, (100_000, 120_000))
    assert not alignment.is_fewest


def test_a_block_that_moved_is_found() -> None:
    tokens = list(range(100_000))
    alignment = align(tokens, tokens[60_000:] + tokens[:60_000])
    assert [run.kind for run in alignment.runs] == ["changed", "same", "changed"]
    assert alignment.runs[1].left == (0, 60_000)
