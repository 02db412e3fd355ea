"""What a summary of a tensor is, and how it is put together from the measures of its pieces: plain numbers, no tensors."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

BIN_EDGES: Final = tuple(2.0**power for power in (-12, -8, -4, 0, 4, 8, 12))
"""Magnitudes at which the histogram's bins begin. Powers of two, so that no number format rounds them.

Seventeen bins: eight for negative values from the largest magnitude down, one for zero, eight for positive values up. A magnitude that is
an edge belongs to the bin further from zero.
"""
KINDS: Final = ("logits", "embeddings")
MOST_ROWS: Final = 256
"""Steps or vectors of which a summary tells each by itself: the last ones."""
FIELDS: Final = 9 + 2 * len(BIN_EDGES)
"""Measures of a piece: finite values, their mean and squared deviations, least, greatest, NaN, infinite, negative, positive, and for
each edge how many are at most its negative, then how many at least itself."""


class Numbers(NamedTuple):
    """What a summary was made of: with others of its kind it can be put together to the summary of all of them."""

    piece: Sequence[float]
    """Its measures, see `FIELDS`."""
    rows: Sequence[Sequence[float]]
    """What was measured of each step or vector: see `measuring.steps`."""


@dataclass(frozen=True, slots=True)
class Summary:
    """What is known of a tensor. Statistics are over its finite values; None where there is none, or where it does not fit a float64."""

    shape: tuple[int, ...]
    dtype: str
    device: str
    unknown: str | None = None
    """Why there are no numbers."""
    measures: Mapping[str, Any] = field(default_factory=dict)
    """`count`, `min`, `max`, `mean`, `std`, `norm`, `nan`, `inf`, `zeros`, `histogram`, and what the kind adds."""
    numbers: Numbers | None = field(default=None, repr=False, compare=False)

    @property
    def has_nan(self) -> bool:
        """Whether there is a NaN in it."""
        return bool(self.measures.get("nan"))

    def plain(self) -> dict[str, Any]:
        """As JSON-like values."""
        described: dict[str, Any] = {"shape": list(self.shape), "dtype": self.dtype, "device": self.device}
        if self.unknown is not None:
            described["unknown"] = self.unknown
        return {**described, **self.measures}


def together(pieces: Sequence[Sequence[float]]) -> list[float]:
    """The measures of all pieces, as those of one."""
    finite, mean, squares = 0.0, 0.0, 0.0
    for number, middle, deviations, *_ in pieces:
        if number:
            # Chan's way of putting two means and two sums of squared deviations together: stable where sums of squares are not.
            both, apart = finite + number, middle - mean
            squares += deviations + apart * apart * finite * number / both
            mean += apart * number / both
            finite = both
    filled = [piece for piece in pieces if piece[0]]
    least = min((piece[3] for piece in filled), default=math.inf)
    greatest = max((piece[4] for piece in filled), default=-math.inf)
    sums = [sum(column) for column in list(zip(*pieces, strict=True))[5:]] or [0.0] * (FIELDS - 5)
    return [finite, mean, squares, least, greatest, *sums]


def statistics(piece: Sequence[float], count: int) -> dict[str, Any]:
    """The statistics of a tensor of `count` values that has these measures."""
    finite, mean, squares, least, greatest, *sums = piece
    nans, infinite, negative, positive = (int(one) for one in sums[:4])
    zeros = int(finite) - negative - positive
    return {
        "count": count,
        "min": known(least) if finite else None,
        "max": known(greatest) if finite else None,
        "mean": known(mean) if finite else None,
        "std": known(math.sqrt(squares / finite)) if finite else None,
        "norm": known(math.sqrt(squares + finite * mean * mean)) if finite else None,
        "nan": nans,
        "inf": infinite,
        "zeros": known(zeros / count) if count else None,
        "histogram": _histogram(negative, zeros, positive, [int(one) for one in sums[4:]]),
    }


def _histogram(negative: int, zeros: int, positive: int, beyond: Sequence[int]) -> list[int]:
    edges = len(BIN_EDGES)
    below = [*_between(negative, beyond[:edges])]
    return [*reversed(below), zeros, *_between(positive, beyond[edges:])]


def _between(total: int, beyond: Sequence[int]) -> Iterator[int]:
    """How many lie in each bin, from zero outwards, given how many lie at or beyond each edge."""
    for inner, outer in zip((total, *beyond), (*beyond, 0), strict=True):
        yield inner - outer


def of_steps(rows: Sequence[Sequence[float]], steps: int, vocabulary: int, top: int, *, has_chosen: bool) -> dict[str, Any]:
    """What logits add: for each step the entropy in nats, the chosen token's rank and probability, and the likeliest tokens."""
    told: dict[str, Any] = {"vocabulary": vocabulary, "steps": steps}
    if len(rows) < steps:
        told["first_step"] = steps - len(rows)
    told["entropy"] = [known(row[0]) for row in rows]
    if has_chosen:
        probabilities = [known(math.exp(row[2])) for row in rows]
        told["chosen_rank"] = [None if p is None else int(row[1]) for row, p in zip(rows, probabilities, strict=True)]
        told["chosen_probability"] = probabilities
    told["top"] = [
        [
            [int(id), p]
            for id, likely in zip(row[3 + top :], row[3 : 3 + top], strict=True)
            if (p := known(math.exp(likely))) is not None
        ]
        for row in rows
    ]
    return told


def of_vectors(norms: Sequence[float], vectors: int, dimension: int) -> dict[str, Any]:
    """What embeddings add: the dimension, and the norm of each vector; None for a vector with a NaN or an infinity."""
    told: dict[str, Any] = {"dimension": dimension, "vectors": vectors}
    if len(norms) < vectors:
        told["first_vector"] = vectors - len(norms)
    return {**told, "norms": [known(norm) for norm in norms]}


def known(value: float) -> float | None:
    """`value` to nine digits; None if it is not finite."""
    return float(f"{value:.9g}") if math.isfinite(value) else None
