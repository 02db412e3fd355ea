"""Measure a tensor where it is: reductions that numpy, torch and jax all know by the same names, so there is one set of them.

Nothing here looks at a value: that would make the host wait for its accelerator. What comes out are small tensors, read later.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from .summary import BIN_EDGES


@dataclass(frozen=True, slots=True)
class Library:
    """What is different from one library of tensors to the next."""

    names: Any
    """The module with its functions."""
    wide: Callable[[Any], Any]
    """A piece as real floats, of the widest kind that its device has; of complex numbers the magnitudes."""
    at: Callable[[Any, Any], Any]
    """Of each row the value in the column given for it; NaN where there is no such column."""
    top: Callable[[Any, int], tuple[Any, Any]]
    """Of each row the greatest values and where they are."""
    read: Callable[[Any], list[Any]]
    """A small tensor as a list. This may wait."""
    piece: int
    """How many values to take at a time: what is needed besides is some copies of so many."""


def pieces(array: Any, most: int) -> Iterator[Any]:
    """`array` in flat pieces of at most `most` values, in some order. Only a piece is ever copied, whatever the strides."""
    shape = tuple(array.shape)
    if math.prod(shape) <= most:
        yield array.reshape(-1)
        return
    axis = max(range(len(shape)), key=shape.__getitem__)
    half = shape[axis] // 2
    for part in (slice(None, half), slice(half, None)):
        yield from pieces(array[(*(slice(None),) * axis, part)], most)


def measure(library: Library, piece: Any) -> Any:
    """The measures of one flat piece that is not empty: see `summary.FIELDS`."""
    xp, values = library.names, library.wide(piece)
    is_finite = xp.isfinite(values)
    finite = xp.sum(is_finite)
    real = xp.where(is_finite, values, 0)
    mean = xp.sum(real) / finite
    apart = xp.where(is_finite, values - mean, 0)
    columns = [
        finite,
        mean,
        xp.sum(apart * apart),
        xp.amin(xp.where(is_finite, values, math.inf)),
        xp.amax(xp.where(is_finite, values, -math.inf)),
        xp.sum(xp.isnan(values)),
        xp.sum(xp.isinf(values)),
        xp.sum(real < 0),
        xp.sum(real > 0),
        *(xp.sum(real <= -edge) for edge in BIN_EDGES),
        *(xp.sum(real >= edge) for edge in BIN_EDGES),
    ]
    return xp.stack([column + xp.zeros_like(mean) for column in columns])


def steps(library: Library, rows: Any, chosen: Any, top: int) -> Any:
    """Of each row of logits: entropy, rank and log-probability of the chosen one, the greatest log-probabilities, and whose they are."""
    xp, values = library.names, library.wide(rows)
    below = values - xp.amax(values, axis=1, keepdims=True)
    weights = xp.exp(below)
    total = xp.sum(weights, axis=1, keepdims=True)
    logarithms, likely = below - xp.log(total), weights / total
    # A token that cannot come adds nothing, though its logarithm is infinite.
    terms = xp.where(likely == 0, 0, likely * logarithms)
    entropy = -xp.sum(terms, axis=1)
    rank = logarithm = entropy
    if chosen is not None:
        logarithm = library.at(logarithms, chosen)
        rank = 1 + xp.sum(values > library.at(values, chosen)[:, None], axis=1) + xp.zeros_like(entropy)
    greatest, where = library.top(logarithms, top)
    columns = [entropy, rank, logarithm, *(greatest[:, n] for n in range(top))]
    return xp.stack([*columns, *(where[:, n] + xp.zeros_like(entropy) for n in range(top))], 1)


def norms(library: Library, rows: Any) -> Any:
    """The length of each row."""
    xp, values = library.names, library.wide(rows)
    return xp.sqrt(xp.sum(values * values, axis=1))


def rows_of(array: Any, most: int) -> Any:
    """The last `most` rows of what has its columns in the last axis."""
    shape: Sequence[int] = tuple(array.shape)
    return array.reshape(math.prod(shape[:-1]), shape[-1])[-most:]
