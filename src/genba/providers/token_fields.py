"""Token ids and log-probabilities of a server's reply, in the shapes that servers have them, as `Tokens`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from ..conversation import JSON, Tokens
from ..conversation.logprobs import (
    NO_BYTES,
    alternative,
    id_list,
    id_of,
    number,
    of_choice,
    of_columns,
    of_ids,
    of_logprobs,
    of_prompts,
    piece,
    piece_of_text,
)
from ..conversation.tokens import Alternative, Source
from ..conversation.usage import count
from .json_fields import Object, as_object

__all__ = [
    "NO_BYTES",
    "alternative",
    "combined",
    "cut",
    "from_engine",
    "id_list",
    "id_of",
    "number",
    "of_choice",
    "of_columns",
    "of_ids",
    "of_logprobs",
    "of_prompt_logprobs",
    "of_prompts",
    "piece",
    "piece_of_text",
    "pieces_of_texts",
]

_COLUMNS = ("ids", "pieces", "logprobs", "top", "entropies")


def pieces_of_texts(texts: Sequence[JSON]) -> list[bytes | None]:
    """The bytes of tokens of which only the texts are told."""
    return [piece_of_text(text) for text in texts]


def combined(ids: Sequence[Tokens], scored: Sequence[Tokens]) -> list[Tokens]:
    """The ids of a text and what else is told of its tokens: one record if both are of the same tokens, else each by itself."""
    if len(ids) == len(scored) == 1 and len(ids[0]) == len(scored[0]) and ids[0].ids is not None:
        told = scored[0].ids
        if told is None or list(told) == list(ids[0].ids):
            return [replace(scored[0], ids=ids[0].ids, source=Source.SERVER)]
    return [*ids, *scored]


def cut(tokens: Tokens, start: int, end: int | None = None) -> Tokens:
    """Some of the tokens, as a record of their own."""
    columns = {name: column[start:end] for name in _COLUMNS if (column := getattr(tokens, name)) is not None}
    return replace(tokens, **columns)


def from_engine(tokens: Iterable[Tokens]) -> list[Tokens]:
    """The same, where what replied was no server, but an engine in this process."""
    return [replace(one, source=Source.ENGINE) if one.source in (Source.SERVER, Source.LOGPROBS) else one for one in tokens]


def of_prompt_logprobs(listed: JSON, ids: Sequence[int] | None, index: int = 0) -> list[Tokens]:
    """`prompt_logprobs` of vLLM: for each token of the prompt but the first, alternatives by id, of which the token itself is one.

    Which one it is only the ids of the prompt say, unless there is but one.
    """
    if not isinstance(listed, list) or not any(isinstance(one, dict) for one in listed):
        return []
    rows = [as_object(one) for one in listed]
    if ids is None or len(ids) != len(rows):
        known: list[int | None] = [_id(next(iter(row))) if len(row) == 1 else None for row in rows]
    else:
        known = list(ids)
    chosen = [as_object(row.get(str(id))) for row, id in zip(rows, known, strict=True)]
    why = "the server sends none of a prompt's first token, and which one was taken is told by ids alone"
    return [
        Tokens(
            side="input",
            index=index,
            source=Source.SERVER,
            ids=known,
            pieces=[piece_of_text(one.get("decoded_token")) for one in chosen],
            logprobs=[number(one.get("logprob")) for one in chosen],
            top=[_by_id(row) for row in rows],
            unknown={"ids": why, "pieces": why} if None in known else {"pieces": why},
        )
    ]


def _by_id(row: Object) -> list[Alternative]:
    told = [(_id(id), as_object(one)) for id, one in row.items()]
    return [Alternative(id, piece_of_text(one.get("decoded_token")), number(one.get("logprob"))) for id, one in told]


def _id(text: str) -> int | None:
    return count(int(text)) if text.isascii() and text.isdigit() and len(text) < 19 else None
