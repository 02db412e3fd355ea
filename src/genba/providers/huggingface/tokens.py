"""Tokens as Hugging Face's own servers tell them: id, text, log-probability, and whether it is a special one.

A token of the answer has the text that it adds: nothing while a character is incomplete, then all of it. Other tokens, of the prompt
or alternatives, the server decodes each by itself, which can lose a space before a word: for those, their texts are not their bytes.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, Final

from ...conversation import JSON, Tokens
from ...conversation.tokens import Alternative, Source
from ..json_fields import items, objects, text
from ..token_fields import number, piece_of_text

_SPANNED: Final = "the server tells the text of a character that spans tokens with the last of them"
_ALONE: Final = "the server decodes each token of the prompt by itself, which can lose a space before a word"


def read(details: dict[str, Any]) -> list[Tokens]:
    """Those of the prompt, where the host wanted them, and those of the answer."""
    return [*_of_prompt(_told(details.get("prefill"))), *_of_answer(details)]


def is_told(token: dict[str, Any]) -> bool:
    """Whether more is known of a token than its text: where the host gets only texts, they need not be tokens."""
    return type(token.get("id")) is int or number(token.get("logprob")) is not None


def _told(tokens: JSON) -> list[dict[str, Any]]:
    return [token for token in objects(tokens) if is_told(token)]


def _of_prompt(tokens: Sequence[dict[str, Any]]) -> list[Tokens]:
    return [Tokens(side="input", **_columns(tokens), unknown={"pieces": _ALONE})] if tokens else []


def _of_answer(details: dict[str, Any]) -> list[Tokens]:
    tokens, top = _told(details.get("tokens")), items(details, "top_tokens")
    if not tokens:
        return []
    pieces = _pieces(tokens)
    marked = [token.get("special") for token in tokens]
    is_aligned = len(top) == len(tokens) == len(items(details, "tokens"))
    alternatives = [_alternatives(*one) for one in zip(tokens, pieces, top, strict=True)] if is_aligned else []
    return [
        Tokens(
            side="output",
            **_columns(tokens),
            pieces=pieces,
            top=alternatives if any(alternatives) else None,
            special=[at for at, is_special in enumerate(marked) if is_special]
            if all(type(one) is bool for one in marked)
            else None,
            unknown={"pieces": _SPANNED} if None in pieces else {},
        )
    ]


def _columns(tokens: Sequence[dict[str, Any]]) -> dict[str, Any]:
    ids = [token["id"] if type(token.get("id")) is int else None for token in tokens]
    logprobs = [number(token.get("logprob")) for token in tokens]
    has_ids = any(id is not None for id in ids)
    return {
        "source": Source.SERVER if has_ids else Source.LOGPROBS,
        "ids": ids if has_ids else None,
        "logprobs": logprobs if any(one is not None for one in logprobs) else None,
    }


def _pieces(tokens: Sequence[dict[str, Any]]) -> list[bytes | None]:
    """None for each token of a character that spans several."""
    told = [text(token, "text") for token in tokens]
    return [None if not one or before == "" else piece_of_text(one) for before, one in pairwise([None, *told])]


def _alternatives(token: dict[str, Any], piece: bytes | None, top: JSON) -> list[Alternative]:
    return [
        Alternative(one["id"], piece if one["id"] == token.get("id") else None, number(one.get("logprob")))
        for one in objects(top)
        if type(one.get("id")) is int
    ]
