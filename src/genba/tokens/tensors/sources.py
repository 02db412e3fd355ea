"""A tensor of whatever library, as the measuring of it needs it."""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from typing import Any

from .measuring import Library


def _nothing() -> None:
    """There is nothing to wait for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Where a tensor is, and how to get at what is in it."""

    library: Library
    array: Any
    shape: tuple[int, ...]
    dtype: str
    device: str
    size: int
    """How many bytes its values take."""
    copy: Callable[[Any], Any]
    raw: Callable[[Any], bytes]
    """Its values, little-endian, row after row. May wait."""
    ids: Callable[[Any, int], Any]
    """Ids of tokens, the last ones up to a number, as `library.at` takes them; None if they cannot be had without waiting."""
    is_on_host: bool = True
    is_immutable: bool = False
    """Whether nobody can change it: then it is kept as it is."""
    is_complex: bool = False
    quietly: Callable[[], AbstractContextManager[Any]] = field(default=nullcontext)
    """In which its library tells the host nothing of what we do."""
    queued: Callable[[Any], Callable[[], None]] = field(default=lambda _: _nothing)
    """What waits for all that was queued until now."""

    @property
    def count(self) -> int:
        """How many values it has."""
        return math.prod(self.shape)

    def copied(self) -> Source:
        """The same in memory of its own."""
        with self.quietly():
            return replace(self, array=self.copy(self.array))

    def described(self) -> Source:
        """The same without the values."""
        return replace(self, array=None)
