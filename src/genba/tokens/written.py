"""Token records and timelines as they are written on spans: `genba.tokens.input`, `genba.tokens.output`, `genba.chunks.timeline`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any, Final

import orjson

from ..conversation.tokens import Alternative, Chunk, Side, Tokens
from . import columns
from .columns import ColumnError

VERSION: Final = 1
_COLUMNS: Final = ("ids", "pieces", "logprobs", "entropies", "top", "chunks")
_PLAIN: Final = ("tokenizer", "ids_source")


class TokensError(ValueError):
    """Something that is no token record, or of a newer version than this genba reads."""


def write(tokens: Tokens) -> bytes:
    """One record as a JSON object."""
    return orjson.dumps(
        {
            "v": VERSION,
            "index": tokens.index,
            "source": tokens.source,
            "count": len(tokens),
            **{name: value for name in _PLAIN if (value := getattr(tokens, name)) is not None},
            **({"ids": columns.integers(tokens.ids)} if tokens.ids is not None else {}),
            **({"pieces": columns.pieces(tokens.pieces)} if tokens.pieces is not None else {}),
            **({"special": columns.rising(tokens.special)} if tokens.special is not None else {}),
            **({"logprobs": columns.floats(tokens.logprobs)} if tokens.logprobs is not None else {}),
            **({"entropies": columns.floats(tokens.entropies)} if tokens.entropies is not None else {}),
            **({"top": _top(tokens.top)} if tokens.top is not None else {}),
            **({"chunks": columns.rising(tokens.chunks)} if tokens.chunks is not None else {}),
            **({"unknown": dict(tokens.unknown)} if tokens.unknown else {}),
        }
    )


def decode(written: str | bytes | Sequence[Any], side: Side = "output") -> list[Tokens]:
    """The token records in the value of a `genba.tokens.input` or `genba.tokens.output` attribute.

    Args:
        written: The attribute's value: JSON text, or that already read.
        side: Which of the two attributes it was.

    Raises:
        TokensError: it is none, or was written by a newer genba.

    Example:
        >>> [record] = genba.tokens.decode(span.attributes["genba.tokens.output"])
        >>> record.ids, record.pieces
    """
    try:
        found = orjson.loads(written) if isinstance(written, (str, bytes, bytearray)) else written
    except orjson.JSONDecodeError as error:
        raise TokensError(f"This is no token record: {error}. Give the whole value of the attribute.") from error
    listed = found if isinstance(found, (list, tuple)) else [found]
    return [_read(one, side) for one in listed]


def _read(record: Any, side: Side) -> Tokens:
    if not isinstance(record, Mapping) or not isinstance(record.get("source"), str):
        raise TokensError(f"This is no token record: {str(record)[:80]!r}.")
    if record.get("v") != VERSION:
        raise TokensError(f"This token record has version {record.get('v')!r}; this genba reads version {VERSION}. Update genba.")
    try:
        tokens = Tokens(
            side=side,
            index=int(record.get("index", 0)),
            source=record["source"],
            **{name: record.get(name) for name in _PLAIN},
            ids=_column(record, "ids", columns.read_integers),
            pieces=_column(record, "pieces", columns.read_pieces),
            special=_column(record, "special", columns.read_rising),
            logprobs=_column(record, "logprobs", columns.read_floats),
            entropies=_column(record, "entropies", columns.read_floats),
            top=_column(record, "top", _read_top),
            chunks=_column(record, "chunks", columns.read_rising),
            unknown=record.get("unknown") or {},
        )
        _check_lengths(tokens, int(record.get("count", len(tokens))))
    except (ColumnError, ValueError, TypeError, OverflowError) as error:
        raise TokensError(f"This token record is damaged: {error}.") from error
    return tokens


def _check_lengths(tokens: Tokens, count: int) -> None:
    uneven = [name for name in _COLUMNS if (column := getattr(tokens, name)) is not None and len(column) != count]
    if uneven:
        raise ColumnError(f"it has {count} tokens, but not as many {uneven[0]}")


def _column(record: Mapping[str, Any], name: str, read: Any) -> Any:
    column = record.get(name)
    return None if column is None else read(column)


def _top(top: Sequence[Sequence[Alternative]]) -> Any:
    flat = [one for some in top for one in some]
    return {
        "counts": columns.integers([len(some) for some in top]),
        **({"ids": columns.integers([one[0] for one in flat])} if any(one[0] is not None for one in flat) else {}),
        **({"pieces": columns.pieces([one[1] for one in flat])} if any(one[1] is not None for one in flat) else {}),
        "logprobs": columns.floats([one[2] for one in flat]),
    }


def _read_top(column: Any) -> list[list[Alternative]]:
    if not isinstance(column, Mapping):
        raise ColumnError(f"alternatives were expected, not {str(column)[:80]!r}")
    counts = [value or 0 for value in columns.read_integers(column.get("counts"))]
    nothing: list[None] = [None] * sum(counts)
    ids = columns.read_integers(column["ids"]) if "ids" in column else nothing
    pieces = columns.read_pieces(column["pieces"]) if "pieces" in column else nothing
    flat = [Alternative(*one) for one in zip(ids, pieces, columns.read_floats(column.get("logprobs")), strict=True)]
    if len(flat) != len(nothing):
        raise ColumnError("the alternatives are not as many as they say")
    found, start = [], 0
    for count in counts:
        found.append(flat[start : start + count])
        start += count
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeline:
    """The chunks of a stream: each column has an entry for each chunk, or is None."""

    offsets_ns: Sequence[int]
    """When each came, in nanoseconds since the span began."""
    sizes: Sequence[int | None] | None = None
    """Length of each on the wire, in bytes."""
    characters: Sequence[int | None] | None = None
    """Characters of answer in each."""
    tokens: Sequence[int | None] | None = None
    """Tokens in each."""


def write_timeline(chunks: Sequence[Chunk], started_ns: int) -> str:
    """The chunks as JSON text: the value of `genba.chunks.timeline`."""
    # A clock may be set back.
    offsets = list(accumulate([chunk.at_ns - started_ns for chunk in chunks], max, initial=0))[1:]
    sizes = [chunk.size for chunk in chunks]
    characters = [chunk.characters for chunk in chunks]
    tokens = [sum(chunk.tokens.values()) if chunk.tokens else 0 for chunk in chunks]
    return orjson.dumps(
        {
            "v": VERSION,
            "count": len(chunks),
            "offsets_ns": columns.rising(offsets),
            **({"sizes": columns.integers(sizes)} if sizes.count(None) < len(sizes) else {}),
            **({"characters": columns.integers(characters)} if characters.count(None) < len(characters) else {}),
            **({"tokens": columns.integers(tokens)} if any(tokens) else {}),
        }
    ).decode()


def decode_timeline(written: str | bytes | Mapping[str, Any]) -> Timeline:
    """The chunks in the value of a `genba.chunks.timeline` attribute.

    Raises:
        TokensError: it is none, or was written by a newer genba.
    """
    try:
        found = orjson.loads(written) if isinstance(written, (str, bytes, bytearray)) else written
    except orjson.JSONDecodeError as error:
        raise TokensError(f"This is no timeline: {error}. Give the whole value of the attribute.") from error
    if not isinstance(found, Mapping) or found.get("v") != VERSION or "offsets_ns" not in found:
        raise TokensError(f"This is no timeline of version {VERSION}: {str(found)[:80]!r}.")
    try:
        return Timeline(
            offsets_ns=columns.read_rising(found["offsets_ns"]),
            sizes=_column(found, "sizes", columns.read_integers),
            characters=_column(found, "characters", columns.read_integers),
            tokens=_column(found, "tokens", columns.read_integers),
        )
    except (ColumnError, ValueError, TypeError, OverflowError) as error:
        raise TokensError(f"This timeline is damaged: {error}.") from error
