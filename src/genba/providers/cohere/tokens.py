"""Tokens as Cohere tells them: in chats pieces of text, each with the ids of its tokens; in generations a likelihood for each token."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from ...conversation import JSON, Tokens
from ...conversation.tokens import Side, Source
from ..json_fields import items, objects, some_text
from ..token_fields import number, piece_of_text

_SHARED: Final = "Cohere tells one text for several tokens where a character spans them"


def of_logprobs(entries: JSON) -> list[Tokens]:
    """The `logprobs` of a chat. An entry has a text, and an id and a log-probability for each of its tokens."""
    listed = objects(entries)
    ids: list[int | None] = []
    pieces: list[bytes | None] = []
    logprobs: list[float | None] = []
    for entry in listed:
        size = tokens_in(entry)
        ids += _aligned([id if type(id) is int else None for id in items(entry, "token_ids")], size)
        logprobs += _aligned([number(one) for one in items(entry, "logprobs")], size)
        pieces += [piece_of_text(entry.get("text"))] if size == 1 else [None] * size
    if not ids or any(entry.get("text") and not tokens_in(entry) for entry in listed):
        return []  # of no text, or of one of which it is not told how many tokens it is
    has_ids = any(id is not None for id in ids)
    has_pieces = any(piece is not None for piece in pieces)
    return [
        Tokens(
            side="output",
            source=Source.SERVER if has_ids else Source.LOGPROBS,
            ids=ids if has_ids else None,
            pieces=pieces if has_pieces else None,
            logprobs=logprobs if any(one is not None for one in logprobs) else None,
            unknown={"pieces": _SHARED} if any(tokens_in(entry) > 1 for entry in listed) else {},
        )
    ]


def tokens_in(entry: dict[str, Any]) -> int:
    """How many tokens an entry of a chat's `logprobs` is for."""
    return len(items(entry, "token_ids")) or len(items(entry, "logprobs"))


def of_generation(generation: dict[str, Any], index: int) -> list[Tokens]:
    """The `token_likelihoods` of a generation, which are logarithms. Those of the prompt come before them, if the host wanted all."""
    listed = objects(generation.get("token_likelihoods"))
    texts = [one.get("token") for one in listed]
    said = some_text(generation, "text")
    if said is None or not all(isinstance(text, str) for text in texts):
        return []
    at = _start_of(said, [str(text) for text in texts])
    if at is None:  # it cannot be told which are of the answer
        return []
    return [*_of_likelihoods(listed[:at], "input", index), *_of_likelihoods(listed[at:], "output", index)]


def _start_of(said: str, texts: Sequence[str]) -> int | None:
    """From where on the `texts` make up what was said."""
    size = 0
    for at in range(len(texts) - 1, -1, -1):
        size += len(texts[at])
        if size >= len(said):
            return at if "".join(texts[at:]) == said else None
    return None


def _of_likelihoods(listed: Sequence[dict[str, Any]], side: Side, index: int) -> list[Tokens]:
    if not listed:
        return []
    pieces = [piece_of_text(one.get("token")) for one in listed]
    logprobs = [number(one.get("likelihood")) for one in listed]
    return [Tokens(side=side, index=index, source=Source.LOGPROBS, pieces=pieces, logprobs=logprobs)]


def _aligned(column: list[Any], size: int) -> list[Any]:
    return column if len(column) == size else [None] * size
