"""Tokens that an engine in this process took or gave: its ids, and what they stand for by its own vocabulary."""

from __future__ import annotations

import ctypes
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from .. import harmless
from ..conversation import Tokens
from ..conversation.tokens import Alternative, Side, Source
from ..tokens import identity
from ..tokens.piece_bytes import pieces_of, special_ids

_NO_TOKENIZER: Final = "no tokenizer is known for this model: none was loaded from the same place"


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """What the ids of one model stand for."""

    piece: Callable[[int], bytes | None] | None = None
    special: frozenset[int] | None = None
    """Ids of tokens that are control and no text; None if that is not known."""
    fingerprint: str | None = None
    unknown: Mapping[str, str] = field(default_factory=dict)
    """Why what is not known of it is not known."""

    def tokens(
        self, ids: Sequence[int], side: Side, index: int = 0, unknown: Mapping[str, str] | None = None, **columns: Any
    ) -> Tokens:
        """The tokens with these ids; further columns by name."""
        pieces = None if self.piece is None else [self.piece(id) for id in ids]
        special = None if self.special is None else [at for at, id in enumerate(ids) if id in self.special]
        return Tokens(
            side=side,
            index=index,
            source=Source.ENGINE,
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


def of_tokenizer(tokenizer: Any) -> Vocabulary:
    """The vocabulary of a tokenizer object. Takes up to some seconds the first time: for the exporter's thread."""
    if tokenizer is None:
        return Vocabulary(unknown={"pieces": _NO_TOKENIZER})
    fingerprint, unknown = fingerprint_of(tokenizer)
    return Vocabulary(pieces_of(tokenizer), special_ids(tokenizer), fingerprint, unknown)


def fingerprint_of(tokenizer: Any) -> tuple[str | None, dict[str, str]]:
    """The fingerprint of a tokenizer, or why it is not known."""
    try:
        return identity.of(tokenizer).fingerprint, {}
    except identity.UnknownTokenizerError as error:
        return None, {"tokenizer": str(error)}
    except Exception as error:  # noqa: BLE001  # it is made of whatever the library or its file holds
        harmless.failed("reading a tokenizer", error)
        return None, {"tokenizer": f"it could not be read: {type(error).__name__}"}


def steps(vocabulary: Vocabulary, rows: Sequence[Sequence[float]]) -> dict[str, Any]:
    """Columns of tokens out of what was measured of each step's logits: see `tokens.tensors.measuring.steps`."""
    top = (len(rows[0]) - 3) // 2 if rows else 0
    return {
        "entropies": [_known(row[0]) for row in rows],
        "logprobs": [_known(row[2]) for row in rows],
        "top": [
            vocabulary.alternatives([int(id) for id in row[3 + top :]], [_known(one) for one in row[3 : 3 + top]]) for row in rows
        ],
    }


def _known(value: float) -> float | None:
    """`value` as exact as logits are."""
    return None if math.isnan(value) else ctypes.c_float(value).value
