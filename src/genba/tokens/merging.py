"""One form for the joining of pieces by BPE, whether it is given as merges or as ranks: the pairs that can really be joined, in order.

Given as ranks, any two neighbours whose joined bytes have a rank may join; given as merges, only the listed pairs, of which some may
never meet. A token comes about in one way only: a piece keeps its ends, so what happens inside of it does not depend on what is
around it, and equals what happens to the token's own bytes alone. The last two parts of that are the token's one pair.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from typing import Final, Generic, TypeVar

from . import patience

Symbols = TypeVar("Symbols", str, bytes)

_NEVER: Final = float("inf")


@dataclass(frozen=True, slots=True)
class Joining(Generic[Symbols]):
    """The pairs that join, first joined first, and the tokens that no joining makes."""

    pairs: Sequence[tuple[Symbols, Symbols]]
    unmade: Sequence[Symbols]
    """Found only where a whole piece of text is looked up in the vocabulary before anything is joined."""


class ByRanks(Joining[Symbols]):
    """As tiktoken joins: the pair that has the lowest rank once joined, leftmost first. Worked out when it is asked for: it takes long."""

    def __init__(self, ranks: Mapping[Symbols, int]) -> None:
        self.__dict__["_ranks"] = ranks

    @property
    def pairs(self) -> Sequence[tuple[Symbols, Symbols]]:
        """The pairs that join, first joined first."""
        return self._whole.pairs

    @property
    def unmade(self) -> Sequence[Symbols]:
        """The tokens that no joining makes."""
        return self._whole.unmade

    @cached_property
    def _whole(self) -> Joining[Symbols]:
        ranks: Mapping[Symbols, int] = self.__dict__["_ranks"]
        get = ranks.get

        def rank(left: Symbols, right: Symbols) -> float:
            return get(left + right, _NEVER)

        return _joining(ranks, rank)


def from_merges(merges: Iterable[tuple[Symbols, Symbols]], tokens: Iterable[Symbols]) -> Joining[Symbols]:
    """As the `merges` of a tokenizer.json join: the listed pair that comes first, leftmost first."""
    order: dict[tuple[Symbols, Symbols], int] = {pair: at for at, pair in enumerate(merges)}
    get = order.get

    def rank(left: Symbols, right: Symbols) -> float:
        return get((left, right), _NEVER)

    made = (left + right for left, right in order)
    return _joining(dict.fromkeys(chain(tokens, made)), rank)


def _joining(tokens: Iterable[Symbols], rank: Callable[[Symbols, Symbols], float]) -> Joining[Symbols]:
    made: list[tuple[float, tuple[Symbols, Symbols]]] = []
    unmade: list[Symbols] = []
    for at, token in enumerate(tokens):
        if not at % 1024:
            patience.check()
        if len(token) < 2:
            continue
        pair = _last_pair(token, rank)
        if pair is None:
            unmade.append(token)
        else:
            made.append((rank(*pair), pair))
    made.sort()
    return Joining([pair for _, pair in made], sorted(unmade))


def _last_pair(token: Symbols, rank: Callable[[Symbols, Symbols], float]) -> tuple[Symbols, Symbols] | None:
    """The two parts that are joined last where `token` is joined from its single symbols; None if that is not reached."""
    parts = [token[at : at + 1] for at in range(len(token))]
    ranks = [rank(parts[at], parts[at + 1]) for at in range(len(parts) - 1)]
    while len(parts) > 2:
        best = min(ranks)
        if best == _NEVER:
            return None
        at = ranks.index(best)
        parts[at : at + 2] = [parts[at] + parts[at + 1]]
        del ranks[at]
        if at > 0:
            ranks[at - 1] = rank(parts[at - 1], parts[at])
        if at < len(ranks):
            ranks[at] = rank(parts[at], parts[at + 1])
    return None if ranks[0] == _NEVER else (parts[0], parts[1])
