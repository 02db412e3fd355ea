"""Tokens as watsonx.ai's older API tells them: written as in the vocabulary, without their ids, if the host wants them listed."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any, Final, TypeAlias

from ...conversation import JSON, Tokens
from ...conversation.tokens import Alternative, Piece, Side, Source
from .. import characters
from ..json_fields import Object, as_object, objects, text
from ..token_fields import number, piece_of_text

Spelling: TypeAlias = Callable[[Any], "bytes | None"]
"""What a token stands for that is written in a certain way."""

_BYTE: Final = re.compile("<0x([0-9A-Fa-f]{2})>")
_AS_IN_VOCABULARY: Final = "the server writes tokens as they are in the vocabulary, and in which way it does not say"


def of_result(result: Object, index: int) -> list[Tokens]:
    """Those of the prompt, and those of the answer. What these stand for is known where it makes up the text."""
    said = objects(result.get("generated_tokens"))
    spelling = _spelling([text(token, "text") for token in said], text(result, "generated_text"))
    return [*_listed(objects(result.get("input_tokens")), "input", index, None), *_listed(said, "output", index, spelling)]


def piece(event: JSON) -> Piece:
    """What of an answer is in one event of a stream."""
    results = objects(as_object(event).get("results"))
    told = {index: len(objects(result.get("generated_tokens"))) for index, result in enumerate(results)}
    size = characters.of(*(result.get("generated_text") for result in results))
    return Piece(size, {index: many for index, many in told.items() if many})


def piece_of_many(event: JSON) -> Piece:
    """The same of the whole answer to one of many prompts; to which one, it does not say."""
    return Piece(piece(event).characters)


def _listed(tokens: Sequence[Object], side: Side, index: int, spelling: Spelling | None) -> list[Tokens]:
    if not tokens:
        return []
    top = [[_alternative(one, spelling) for one in objects(token.get("top_tokens"))] for token in tokens]
    return [
        Tokens(
            side=side,
            index=index,
            source=Source.LOGPROBS,
            pieces=None if spelling is None else [spelling(token.get("text")) for token in tokens],
            logprobs=[number(token.get("logprob")) for token in tokens],
            top=top if any(top) else None,
            unknown={"pieces": _AS_IN_VOCABULARY} if spelling is None else {},
        )
    ]


def _alternative(told: Object, spelling: Spelling | None) -> Alternative:
    return Alternative(None, None if spelling is None else spelling(told.get("text")), number(told.get("logprob")))


def _spelling(written: Sequence[str | None], whole: str | None) -> Spelling | None:
    """The way in which these tokens are written so that together they are the text."""
    if whole is None or None in written:
        return None
    wanted = whole.encode("utf-8", "surrogatepass")
    return next((way for way in (piece_of_text, _in_characters_for_bytes, _with_marks) if _together(way, written) == wanted), None)


def _together(way: Spelling, written: Sequence[str | None]) -> bytes | None:
    found = [piece for piece in map(way, written) if piece is not None]
    return b"".join(found) if len(found) == len(written) else None


def _in_characters_for_bytes(written: Any) -> bytes | None:
    """As GPT-2 does: `Ġ` for a space."""
    from ...tokens.tokenizer_json import spelled  # only where such tokens are listed

    return spelled(written, is_bytes=True) if isinstance(written, str) else None


def _with_marks(written: Any) -> bytes | None:
    """As SentencePiece does: `▁` for a space, `<0x0A>` for a byte."""
    if not isinstance(written, str):
        return None
    byte = _BYTE.fullmatch(written)
    return bytes([int(byte[1], 16)]) if byte is not None else piece_of_text(written.replace("▁", " "))
