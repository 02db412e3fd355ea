"""Token ids and log-probabilities as OpenAI's two APIs write them, and the servers and frameworks that speak like it, read as `Tokens`.

A token's text is not always its bytes: a character can span tokens. What stands there for bytes that are no text is not taken for them.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

from .parts import JSON
from .tokens import Alternative, Side, Source, Tokens
from .usage import count, whole

NO_BYTES = "for some tokens the server sends no bytes, but a character that stands for them"

_REPLACED = "\N{REPLACEMENT CHARACTER}"
_PLACEHOLDER = re.compile(r"token_id:(\d{1,18})")
"""vLLM's, where it was asked for ids in place of texts."""
_BYTES = re.compile(r"(?:\\x[0-9a-fA-F]{2}|[^\\])+")
"""What follows `bytes:` in OpenAI's older API: bytes that are no text are escaped."""


def id_list(value: JSON) -> list[int] | None:
    """A list of ids, if it is one and not empty. Some servers write them with a point."""
    if not isinstance(value, list) or not value:
        return None
    if set(map(type, value)) == {int}:  # there may be hundreds of thousands
        return value if min(value) >= 0 and max(value) < 1 << 63 else None
    ids = [whole(one) for one in value]
    return None if None in ids else ids  # type: ignore[return-value]  # None was looked for


def of_ids(ids: JSON, side: Side = "output", index: int = 0, source: str = Source.SERVER) -> list[Tokens]:
    """A list of ids; nothing if it is none."""
    known = id_list(ids)
    return [] if known is None else [Tokens(side=side, index=index, source=source, ids=known)]


def of_prompts(prompt: JSON) -> list[Tokens]:
    """Those of the prompts of a request that the application sent as ids: one list, or several among others."""
    if id_list(prompt) is not None:
        return of_ids(prompt, "input", source=Source.APP)
    listed = prompt if isinstance(prompt, list) else ()
    return [tokens for at, one in enumerate(listed) for tokens in of_ids(one, "input", at, Source.APP)]


def of_choice(logprobs: JSON, index: int = 0, side: Side = "output") -> list[Tokens]:
    """The `logprobs` of a choice in either shape: a list of objects for what was said or refused, or a list for each column."""
    if not isinstance(logprobs, Mapping):
        return []
    entries = [one for name in ("content", "refusal") for one in _objects(logprobs.get(name))]
    return of_logprobs(entries, index, side) or of_columns(logprobs, index, side)


def of_logprobs(entries: JSON, index: int = 0, side: Side = "output") -> list[Tokens]:
    """A list of objects as OpenAI's chat has them: `token`, `bytes`, `logprob`, `top_logprobs`, and with some servers an id."""
    listed = _objects(entries)
    if not listed:
        return []
    ids, pieces = [id_of(entry) for entry in listed], [piece(entry) for entry in listed]
    has_ids = any(one is not None for one in ids)
    has_top = any(entry.get("top_logprobs") for entry in listed)
    return [
        Tokens(
            side=side,
            index=index,
            source=Source.SERVER if has_ids else Source.LOGPROBS,
            ids=ids if has_ids else None,
            pieces=pieces,
            logprobs=[number(entry.get("logprob")) for entry in listed],
            top=[[alternative(one) for one in _objects(entry.get("top_logprobs"))] for entry in listed] if has_top else None,
            unknown={"pieces": NO_BYTES} if None in pieces else {},
        )
    ]


def of_columns(logprobs: Mapping[str, Any], index: int = 0, side: Side = "output") -> list[Tokens]:
    """OpenAI's older shape: `tokens`, `token_logprobs` and `top_logprobs`, a list each; `token_ids` too with some servers."""
    texts, scores, ids = (_list(logprobs.get(name)) for name in ("tokens", "token_logprobs", "token_ids"))
    length = len(texts or scores or ids)
    if not length:
        return []
    pieces = [piece_of_text(text) for text in texts] if len(texts) == length else None
    known_ids = id_list(ids) if len(ids) == length else [_placeholder(text) for text in texts]
    has_ids = known_ids is not None and any(one is not None for one in known_ids)
    tops = _list(logprobs.get("top_logprobs"))
    return [
        Tokens(
            side=side,
            index=index,
            source=Source.SERVER if has_ids else Source.LOGPROBS,
            ids=known_ids if has_ids else None,
            pieces=pieces,
            logprobs=[number(score) for score in scores] if len(scores) == length else None,
            top=[_by_text(top) for top in tops] if len(tops) == length and any(tops) else None,
            unknown={"pieces": NO_BYTES} if pieces is not None and None in pieces else {},
        )
    ]


def id_of(entry: Mapping[str, Any]) -> int | None:
    """The id of a token: llama.cpp's servers and Fireworks' tell it, each by a name of its own; vLLM in place of the text."""
    for name in ("id", "token_id"):
        told = count(entry.get(name))
        if told is not None:
            return told
    return _placeholder(entry.get("token"))


def piece(entry: Mapping[str, Any]) -> bytes | None:
    """The bytes of a token: its text alone may not tell them."""
    told, text = entry.get("bytes"), entry.get("token")
    if not isinstance(told, list) or not all(type(one) is int and 0 <= one < 256 for one in told):
        return piece_of_text(text)
    # Servers that have only the text make the bytes of that, also where it stands for others.
    is_of_the_text = isinstance(text, str) and bytes(told) == text.encode("utf-8", "replace")
    return piece_of_text(text) if is_of_the_text else bytes(told)


def piece_of_text(text: JSON) -> bytes | None:
    """The bytes of a token of which only the text is told; None if that stands for bytes that are no text."""
    if not isinstance(text, str) or _REPLACED in text or _PLACEHOLDER.fullmatch(text):
        return None
    if text.startswith("bytes:") and "\\x" in text and _BYTES.fullmatch(text, 6):
        return re.sub(rb"\\x([0-9a-fA-F]{2})", lambda found: bytes.fromhex(found[1].decode()), text[6:].encode("utf-8", "replace"))
    try:
        return text.encode()
    except UnicodeEncodeError:
        return None


def number(value: JSON) -> float | None:
    """A log-probability."""
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        return None
    try:
        known = float(value)
    except OverflowError:
        return None
    return None if math.isnan(known) else known


def alternative(entry: Mapping[str, Any]) -> Alternative:
    """One of the likeliest tokens at a place."""
    return Alternative(id_of(entry), piece(entry), number(entry.get("logprob")))


def _by_text(top: JSON) -> list[Alternative]:
    if not isinstance(top, dict):
        return []
    return [Alternative(_placeholder(text), piece_of_text(text), number(score)) for text, score in top.items()]


def _placeholder(text: JSON) -> int | None:
    found = _PLACEHOLDER.fullmatch(text) if isinstance(text, str) else None
    return int(found[1]) if found else None


def _objects(value: JSON) -> Sequence[Mapping[str, Any]]:
    return [one for one in value if isinstance(one, Mapping)] if isinstance(value, list) else []


def _list(value: JSON) -> list[Any]:
    return value if isinstance(value, list) else []
