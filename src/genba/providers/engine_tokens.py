"""Tokens that an engine in this process took or gave: its ids, and what they stand for by its own vocabulary."""

from __future__ import annotations

import ctypes
import math
from collections.abc import Sequence
from typing import Any, Final

from .. import harmless
from ..tokens import identity
from ..tokens.piece_bytes import pieces_of, special_ids
from ..tokens.vocabulary import Vocabulary

_NO_TOKENIZER: Final = "no tokenizer is known for this model: none was loaded from the same place"


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
