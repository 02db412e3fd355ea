"""Where two sequences are the same and where they part: fewest differences first, and bounded work on long ones, which is then said.

What both begin and end with is taken off. The rest goes through Myers' algorithm, which finds the fewest insertions and deletions; where
that would take too long, what occurs just once on both sides divides the sequences (patience), and each part is tried again.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from operator import itemgetter
from typing import Any, Final, Literal, NamedTuple, TypeAlias

Kind: TypeAlias = Literal["same", "recut", "changed"]

EFFORT: Final = 1_000_000
"""Steps of Myers' algorithm that an alignment may take: about half a second."""
_WINDOWS: Final = (12, 4, 1)
"""How many elements in a row are looked for on both sides, where single ones are too frequent."""
_STRIDE: Final = 256


class Run(NamedTuple):
    """A stretch of both sequences. One that is empty on one side was inserted or deleted."""

    kind: Kind
    """`recut`: the same bytes, cut into other tokens."""
    left: tuple[int, int]
    """Where it begins and ends on the left."""
    right: tuple[int, int]


@dataclass(frozen=True, slots=True)
class Alignment:
    """Both sequences from beginning to end, in runs."""

    runs: Sequence[Run]
    is_fewest: bool
    """False: it was too much to look for the fewest differences. The runs are right, but more of the two might be paired."""

    @property
    def is_same(self) -> bool:
        """Whether there is no difference."""
        return all(run.kind == "same" for run in self.runs)

    @property
    def prefix(self) -> int:
        """How many elements at the beginning are the same."""
        return self.runs[0].left[1] if self.runs and self.runs[0].kind == "same" else 0


class _Match(NamedTuple):
    left: int
    right: int
    size: int


def align(left: Sequence[Hashable], right: Sequence[Hashable], effort: int = EFFORT) -> Alignment:
    """Two sequences, element by element."""
    one, other = _sliceable(left), _sliceable(right)
    search = _Search(one, other, effort)
    matches = search.matches()
    return Alignment(list(_runs(matches, len(one), len(other))), search.is_fewest)


def align_bytes(left: Sequence[bytes], right: Sequence[bytes], effort: int = EFFORT) -> Alignment:
    """Two texts that are cut into tokens, by their bytes: for tokens of different tokenizers. The runs count tokens."""
    one, other = b"".join(left), b"".join(right)
    search = _Search(one, other, effort)
    runs: list[Run] = []
    for (left_start, right_start), (left_end, right_end) in pairwise(_common_cuts(left, right, search.matches())):
        some, others = left[left_start:left_end], right[right_start:right_end]
        kind: Kind = "same" if some == others else "recut" if b"".join(some) == b"".join(others) else "changed"
        _append(runs, Run(kind, (left_start, left_end), (right_start, right_end)))
    return Alignment(runs, search.is_fewest)


def _common_cuts(left: Sequence[bytes], right: Sequence[bytes], matches: Sequence[_Match]) -> Iterator[tuple[int, int]]:
    """Pairs of places between tokens that lie at the same place of a common stretch of bytes; the beginning and the end first and last."""
    ends = list(accumulate(map(len, left), initial=0))
    # The last one counts where tokens are empty: those stand with what is before them.
    others = {end: at for at, end in enumerate(accumulate(map(len, right), initial=0))}
    latest = (0, 0)
    yield latest
    at = 0
    for match in matches:
        while at < len(ends) and ends[at] < match.left:
            at += 1
        while at < len(ends) and ends[at] <= match.left + match.size:
            while at + 1 < len(ends) and ends[at + 1] == ends[at]:
                at += 1
            cut = (at, others.get(ends[at] - match.left + match.right, -1))
            if cut[0] > latest[0] and cut[1] > latest[1]:
                latest = cut
                yield latest
            at += 1
        at = max(0, at - 1)  # the next stretch may begin where this one ends
    if latest != (len(left), len(right)):
        yield len(left), len(right)


class _Search:
    """What two sequences have in common, and how much of the looking is still allowed."""

    def __init__(self, left: Any, right: Any, effort: int) -> None:
        self._left, self._right = left, right
        self._effort = effort
        # Looking for what occurs once reads both sequences whole, each time.
        self._reading = 40 * (len(left) + len(right) + 1)
        self.is_fewest = True

    def matches(self) -> list[_Match]:
        """The stretches in common, in order."""
        found: list[_Match] = []
        waiting = [(0, len(self._left), 0, len(self._right))]
        while waiting:
            left, left_end, right, right_end = waiting.pop()
            size = self._same_after(left, left_end, right, right_end)
            found.append(_Match(left, right, size))
            left, right = left + size, right + size
            size = self._same_before(left, left_end, right, right_end)
            found.append(_Match(left_end - size, right_end - size, size))
            left_end, right_end = left_end - size, right_end - size
            if left == left_end or right == right_end:
                continue
            few = self._fewest(left, left_end, right, right_end)
            if few is not None:
                found.extend(few)
                continue
            self.is_fewest = False
            anchors = self._anchors(left, left_end, right, right_end)
            found.extend(anchors)
            if anchors:
                between = pairwise([_Match(left, right, 0), *anchors, _Match(left_end, right_end, 0)])
                waiting.extend((one.left + one.size, other.left, one.right + one.size, other.right) for one, other in between)
        return sorted((match for match in found if match.size), key=itemgetter(0))

    def _same_after(self, left: int, left_end: int, right: int, right_end: int) -> int:
        start, most = left, min(left_end - left, right_end - right)
        end = start + most
        one, other = self._left, self._right
        # Slices are compared hundreds of times faster than elements.
        while left + _STRIDE <= end and one[left : left + _STRIDE] == other[right : right + _STRIDE]:
            left, right = left + _STRIDE, right + _STRIDE
        while left < end and one[left] == other[right]:
            left, right = left + 1, right + 1
        return left - start

    def _same_before(self, left: int, left_end: int, right: int, right_end: int) -> int:
        start, most = left_end, min(left_end - left, right_end - right)
        end = start - most
        one, other = self._left, self._right
        while left_end - _STRIDE >= end and one[left_end - _STRIDE : left_end] == other[right_end - _STRIDE : right_end]:
            left_end, right_end = left_end - _STRIDE, right_end - _STRIDE
        while left_end > end and one[left_end - 1] == other[right_end - 1]:
            left_end, right_end = left_end - 1, right_end - 1
        return start - left_end

    def _fewest(self, left: int, left_end: int, right: int, right_end: int) -> list[_Match] | None:
        """Myers' algorithm: the matches that leave the fewest differences. None where it takes more than it may."""
        one, other = self._left[left:left_end], self._right[right:right_end]
        wide, high = len(one), len(other)
        allowed = self._effort // 3
        if set(one).isdisjoint(other):
            return []
        if abs(wide - high) ** 2 > 2 * allowed:
            return None
        furthest = array("q", [-1]) * (wide + high + 3)
        middle = high + 1  # of the diagonals, which are numbered from -high to wide
        furthest[middle + 1] = 0
        trace: list[tuple[int, array[int]]] = []
        steps = 0
        for edits in range(wide + high + 1):
            lowest, highest = -edits + 2 * max(0, edits - high), edits - 2 * max(0, edits - wide)
            trace.append((lowest - 1, furthest[middle + lowest - 1 : middle + highest + 2]))
            for diagonal in range(lowest, highest + 1, 2):
                before, after = furthest[middle + diagonal - 1], furthest[middle + diagonal + 1]
                x = after if diagonal == -edits or (diagonal != edits and before < after) else before + 1
                y = x - diagonal
                if x < wide and y < high and one[x] == other[y]:
                    same = self._same_after(left + x, left_end, right + y, right_end)
                    x, y = x + same, y + same
                    steps += same // 16
                furthest[middle + diagonal] = x
                if x >= wide and y >= high:
                    self._effort -= steps
                    return _traced(trace, left, right, wide, high)
            steps += 1 + (highest - lowest) // 2
            if steps > allowed:
                self._effort -= steps
                return None
        raise AssertionError("every two sequences can be turned into each other")

    def _anchors(self, left: int, left_end: int, right: int, right_end: int) -> list[_Match]:
        """What occurs once on each side, in the longest order that both agree in; nothing where there is none, or no time to look."""
        one, other = self._left[left:left_end], self._right[right:right_end]
        for size in _WINDOWS:
            self._reading -= len(one) + len(other)
            if self._reading < 0:
                break
            once, others = _unique(one, size), _unique(other, size)
            pairs = [(at, others[window]) for window, at in once.items() if window in others]
            if pairs:
                return [_Match(left + at, right + its, 1) for at, its in _rising(sorted(pairs))]
        return []


def _traced(trace: Sequence[tuple[int, array[int]]], left: int, right: int, x: int, y: int) -> list[_Match]:
    """The way back to the beginning."""
    found: list[_Match] = []
    for edits in range(len(trace) - 1, -1, -1):
        first, furthest = trace[edits]
        diagonal = x - y
        before, after = furthest[diagonal - 1 - first], furthest[diagonal + 1 - first]
        is_down = diagonal == -edits or (diagonal != edits and before < after)
        start = after if is_down else before + 1
        if x > start:
            found.append(_Match(left + start, right + start - diagonal, x - start))
        x = start if is_down else start - 1
        y = x - (diagonal + 1 if is_down else diagonal - 1)
    return found


def _unique(sequence: Any, size: int) -> dict[Any, int]:
    """The stretches of this size that occur once -> where."""
    found: dict[Any, int] = {}
    for at in range(len(sequence) - size + 1):
        window = sequence[at : at + size]
        found[window] = -1 if window in found else at
    return {window: at for window, at in found.items() if at >= 0}


def _rising(pairs: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """The longest choice of these pairs, which ascend on the left, that ascends on the right as well."""
    ends: list[int] = []
    lasts: list[int] = []
    before: list[int] = []
    for at, (_, right) in enumerate(pairs):
        place = bisect_left(ends, right)
        before.append(lasts[place - 1] if place else -1)
        if place == len(ends):
            ends.append(right)
            lasts.append(at)
        else:
            ends[place], lasts[place] = right, at
    chosen: list[tuple[int, int]] = []
    at = lasts[-1] if lasts else -1
    while at >= 0:
        chosen.append(pairs[at])
        at = before[at]
    return chosen[::-1]


def _runs(matches: Sequence[_Match], left_length: int, right_length: int) -> Iterator[Run]:
    runs: list[Run] = []
    left = right = 0
    for match in (*matches, _Match(left_length, right_length, 0)):
        if match.left > left or match.right > right:
            _append(runs, Run("changed", (left, match.left), (right, match.right)))
        left, right = match.left + match.size, match.right + match.size
        if match.size:
            _append(runs, Run("same", (match.left, left), (match.right, right)))
    yield from runs


def _append(runs: list[Run], run: Run) -> None:
    """Add a run, or lengthen the last one if it is of the same kind."""
    if runs and runs[-1].kind == run.kind:
        last = runs.pop()
        run = Run(run.kind, (last.left[0], run.left[1]), (last.right[0], run.right[1]))
    runs.append(run)


def _sliceable(sequence: Sequence[Hashable]) -> Any:
    """Slices of it are looked up, so they must be hashable."""
    return sequence if isinstance(sequence, bytes) else tuple(sequence)
