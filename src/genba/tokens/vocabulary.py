"""What the ids of one model stand for, and the tokens that lists of ids are by that."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..conversation import Tokens
from ..conversation.tokens import Alternative, Side, Source


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """What the ids of one model stand for."""

    piece: Callable[[int], bytes | None] | None = None
    special: frozenset[int] | None = None
    """Ids of tokens that are control and no text; None if that is not known."""
    fingerprint: str | None = None
    unknown: Mapping[str, str] = field(default_factory=dict)
    """Why what is not known of it is not known."""
    source: str = Source.ENGINE
    """Who says that these are the ids."""

    def tokens(
        self, ids: Sequence[int], side: Side, index: int = 0, unknown: Mapping[str, str] | None = None, **columns: Any
    ) -> Tokens:
        """The tokens with these ids; further columns by name."""
        pieces = None if self.piece is None else [self.piece(id) for id in ids]
        special = None if self.special is None else [at for at, id in enumerate(ids) if id in self.special]
        return Tokens(
            side=side,
            index=index,
            source=self.source,
            ids=ids,
            pieces=pieces,
            special=special,
            tokenizer=self.fingerprint,
            unknown={**self.unknown, **(unknown or {})},
            **columns,
        )

    def alternatives(self, ids: Sequence[int], logprobs: Sequence[float | None]) -> list[Alternative]:
        """Tokens that could have been chosen; not those that could not."""
        found = zip(ids, logprobs, strict=True)
        return [Alternative(id, self._piece(id), one) for id, one in found if one is not None and one > -math.inf]

    def _piece(self, id: int) -> bytes | None:
        return None if self.piece is None else self.piece(id)
