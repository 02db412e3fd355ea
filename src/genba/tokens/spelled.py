"""Special tokens that a text only spells: written in ordinary tokens, they are text to the model, and no control."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Collection, Iterator, Sequence
from functools import lru_cache
from itertools import accumulate
from typing import Final

from ..conversation.tokens import Tokens

_USUAL: Final = re.compile(
    rb"<\|[^|<>\s]{1,64}\|>"
    rb"|<\xef\xbd\x9c(?:(?!\xef\xbd\x9c)[^<>\s]){1,120}\xef\xbd\x9c>"  # the wide bars of DeepSeek's
    rb"|</?s>|<(?:unk|pad|bos|eos|mask|cls|sep)>"
    rb"|\[/?(?:INST|SYSTEM_PROMPT|AVAILABLE_TOOLS|TOOL_CALLS|TOOL_RESULTS)\]|<</?SYS>>"
    rb"|\[(?:CLS|SEP|MASK|PAD|UNK|BOS|EOS)\]"
    rb"|<(?:start|end)_of_(?:turn|image|text)>|<fim_(?:prefix|middle|suffix|pad)>"
)
"""How special tokens are written in the models of today."""


def spelled_special(tokens: Tokens, special_texts: Collection[bytes] | None) -> list[tuple[int, int]]:
    """Where ordinary tokens spell a special one: ranges of tokens, from the first to after the last, ascending.

    A range is of whole tokens, so its first and last may hold more than the spelling. `special_texts` are those of the tokenizer; without
    them what is looked for is what special tokens usually look like. Where it is not known which tokens are special, a spelling that is one
    single token is not told: it may be that token itself.
    """
    if tokens.pieces is None:
        return []
    pattern = _USUAL if special_texts is None else _any_of(frozenset(special_texts))
    if pattern is None:
        return []
    found = []
    for start, pieces in _runs(tokens.pieces, frozenset(tokens.special or ())):
        ends = list(accumulate(map(len, pieces)))
        for match in pattern.finditer(b"".join(pieces)):
            first = bisect_right(ends, match.start())
            last = bisect_left(ends, match.end())
            if tokens.special is not None or last > first:
                found.append((start + first, start + last + 1))
    return found


def _runs(pieces: Sequence[bytes | None], special: Collection[int]) -> Iterator[tuple[int, list[bytes]]]:
    """The stretches of ordinary tokens that are known, with the place of the first."""
    run: list[bytes] = []
    for at, piece in enumerate(pieces):
        if piece is None or at in special:
            if run:
                yield at - len(run), run
            run = []
        else:
            run.append(piece)
    if run:
        yield len(pieces) - len(run), run


@lru_cache(maxsize=32)
def _any_of(texts: frozenset[bytes]) -> re.Pattern[bytes] | None:
    known = sorted((text for text in texts if text), key=lambda text: (-len(text), text))
    return re.compile(b"|".join(map(re.escape, known))) if known else None
