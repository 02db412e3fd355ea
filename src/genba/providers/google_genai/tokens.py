"""Tokens as Gemini tells them: of an answer with their log-probabilities, of a prompt that is only to be taken apart with their bytes."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from typing import Final

from ...conversation import JSON, Tokens
from ...conversation.tokens import Alternative, Source
from ...conversation.usage import count
from ..json_fields import Object, integer, items
from ..token_fields import number, piece_of_text
from .names import all_named, named

_CHOSEN, _TOP = "chosenCandidates", "topCandidates"
_UNEVEN: Final = "the alternatives are not told for as many places as there are tokens"


def of_answer(candidates: Sequence[Object]) -> list[Tokens]:
    """What the `logprobsResult` of each candidate tells."""
    return [
        one for at, candidate in enumerate(candidates) for one in _of_scores(candidate.get("logprobsResult"), _index(candidate, at))
    ]


def scored(candidate: Object) -> int:
    """How many tokens of a candidate, or of a chunk of it, are told."""
    return len(all_named(named(candidate.get("logprobsResult")).get(_CHOSEN)))


def added(known: JSON, more: JSON) -> Object:
    """Two results that follow one another as one. Where only one has alternatives, there are none at the places of the other."""
    both = [named(known), named(more)]
    chosen = [all_named(one.get(_CHOSEN)) for one in both]
    whole: Object = {_CHOSEN: [*chosen[0], *chosen[1]]}
    if any(one.get(_TOP) for one in both):
        top = [all_named(one.get(_TOP)) or [{}] * len(tokens) for one, tokens in zip(both, chosen, strict=True)]
        whole[_TOP] = [*top[0], *top[1]]
    return whole


def of_prompts(infos: JSON) -> list[Tokens]:
    """What `computeTokens` tells: for each content the ids, which some servers write as texts, and the bytes."""
    return [one for index, info in enumerate(all_named(infos)) for one in _of_prompt(info, index)]


def _of_scores(result: JSON, index: int) -> list[Tokens]:
    said = named(result)
    chosen, top = all_named(said.get(_CHOSEN)), all_named(said.get(_TOP))
    if not chosen:
        return []
    read = [_alternative(one) for one in chosen]
    has_ids = any(one.id is not None for one in read)
    alternatives = [[_alternative(one) for one in all_named(each.get("candidates"))] for each in top]
    return [
        Tokens(
            side="output",
            index=index,
            source=Source.SERVER if has_ids else Source.LOGPROBS,
            ids=[one.id for one in read] if has_ids else None,
            pieces=[one.piece for one in read] if any(one.piece is not None for one in read) else None,
            logprobs=[one.logprob for one in read],
            top=alternatives if len(top) == len(chosen) and any(alternatives) else None,
            unknown={"top": _UNEVEN} if top and len(top) != len(chosen) else {},
        )
    ]


def _alternative(said: Object) -> Alternative:
    return Alternative(count(said.get("tokenId")), piece_of_text(said.get("token")), number(said.get("logProbability")))


def _of_prompt(info: Object, index: int) -> list[Tokens]:
    ids = [_id(one) for one in items(info, "tokenIds")]
    pieces = [_bytes(one) for one in items(info, "tokens")]
    if not ids and not pieces:
        return []
    is_even = not ids or not pieces or len(ids) == len(pieces)
    has_pieces = is_even and any(piece is not None for piece in pieces)
    return [
        Tokens(
            side="input",
            index=index,
            source=Source.SERVER,
            ids=ids or None,
            pieces=pieces if has_pieces else None,
            unknown={} if is_even else {"pieces": "the bytes are not told of as many tokens as the ids"},
        )
    ]


def _id(value: JSON) -> int | None:
    if isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) < 20:
        return int(value)
    return count(value)


def _bytes(value: JSON) -> bytes | None:
    try:
        return base64.b64decode(value, validate=True)
    except (TypeError, ValueError, binascii.Error):  # not even a text
        return None


def _index(candidate: Object, place: int) -> int:
    index = integer(candidate, "index")
    return place if index is None else index
