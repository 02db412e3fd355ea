"""The tokens of a record one by one: ids, places, probabilities, what else was likely, and when each came; for people and for programs."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any, Final

from ..conversation.reading import Words, duration
from ..conversation.tokens import Alternative, Tokens
from ..tokens import Timeline
from .printing import Column
from .token_pieces import entry, one_line, probability, shown

MOST_ALTERNATIVES: Final = 5

_COLUMNS: Final = (
    Column("AT", is_number=True),
    Column("BYTE", is_number=True, may_go=True),
    Column("ID", is_number=True),
    Column("PIECE"),
    Column("LOGPROB", is_number=True),
    Column("P", is_number=True),
    Column("RANK", is_number=True),
    Column("ENTROPY", is_number=True),
    Column("CHUNK", is_number=True, may_go=True),
    Column("CAME", is_number=True, may_go=True),
    Column("OTHERS"),
)
_ALWAYS: Final = ("AT", "ID", "PIECE")
_UNKNOWN: Final = Words("-", "faint")


def columns_and_rows(
    record: Tokens, runs: Sequence[range], timeline: Timeline | None
) -> tuple[Sequence[Column], Sequence[Sequence[Words]]]:
    """A table of the tokens in these runs. Columns of which nothing is known are left out."""
    positions = record.positions
    rows: list[Sequence[Words]] = []
    for run in runs:
        if rows:
            rows.append([Words("…", "faint"), *[Words("")] * (len(_COLUMNS) - 1)])
        for token in shown(record, run, has_colours=True):
            piece = Words(token.text.replace("\n", ""), "tool" if token.is_special else "plain")
            rows.append(_row(record, token.place, piece, positions, timeline))
    kept = [
        at
        for at, column in enumerate(_COLUMNS)
        if column.title in _ALWAYS or any(row[at].text not in ("", _UNKNOWN.text) for row in rows)
    ]
    # A table gives its last column what is left of the width.
    columns = [_COLUMNS[at] for at in kept]
    if kept[-1] != len(_COLUMNS) - 1:
        return [*columns, Column("")], [[*(row[at] for at in kept), Words("")] for row in rows]
    return columns, [[row[at] for at in kept] for row in rows]


def as_json(record: Tokens, timeline: Timeline | None) -> dict[str, Any]:
    """The record with its columns decoded."""
    positions = record.positions
    special = frozenset(record.special) if record.special is not None else None
    return {
        "index": record.index,
        "source": record.source,
        "ids_source": record.ids_source,
        "tokenizer": record.tokenizer,
        "count": len(record),
        "unknown": record.unknown,
        "tokens": [
            {
                "at": at,
                "bytes": list(positions[at]) if positions is not None else None,
                "id": entry(record.ids, at),
                "piece": piece_as_json(entry(record.pieces, at)),
                "special": at in special if special is not None else None,
                "logprob": entry(record.logprobs, at),
                "entropy": entry(record.entropies, at),
                "top": [
                    {"id": one.id, "piece": piece_as_json(one.piece), "logprob": one.logprob} for one in entry(record.top, at) or ()
                ]
                if record.top is not None
                else None,
                "chunk": entry(record.chunks, at),
                "offset_ns": came(record, at, timeline),
            }
            for at in range(len(record))
        ],
    }


def piece_as_json(piece: bytes | None) -> str | Mapping[str, str] | None:
    """A piece as it is in the recorded JSON: as text where it is UTF-8, as `{"hex": …}` where it is not."""
    if piece is None:
        return None
    try:
        return piece.decode()
    except UnicodeDecodeError:
        return {"hex": piece.hex()}


def came(record: Tokens, at: int, timeline: Timeline | None) -> int | None:
    """When the token came, in nanoseconds since the call began."""
    chunk = entry(record.chunks, at)
    found: int | None = entry(timeline.offsets_ns, chunk) if timeline is not None and chunk is not None else None
    return found


def rank(record: Tokens, at: int) -> str:
    """The chosen token's place among the likeliest, as far as they are told."""
    top, logprob = entry(record.top, at), entry(record.logprobs, at)
    if not top or logprob is None:
        return ""
    better = sum(one.logprob is not None and one.logprob > logprob for one in top)
    return f">{len(top)}" if better == len(top) else str(better + 1)


def _row(
    record: Tokens, at: int, piece: Words, positions: Sequence[tuple[int, int]] | None, timeline: Timeline | None
) -> Sequence[Words]:
    logprob, entropy, chunk = (entry(column, at) for column in (record.logprobs, record.entropies, record.chunks))
    offset = came(record, at, timeline)
    return (
        Words(str(at), "faint"),
        _known(positions and positions[at][0]),
        _known(entry(record.ids, at)),
        piece,
        _known(logprob, "{:.4f}"),
        _known(None if logprob is None else probability(logprob), "{:.3f}"),
        Words(rank(record, at)),
        _known(entropy, "{:.3f}"),
        _known(chunk),
        _UNKNOWN if offset is None else Words(duration(offset), "fact"),
        Words(_others(record, at), "fact"),
    )


def _known(value: Any, form: str = "{}") -> Words:
    return _UNKNOWN if value is None else Words(form.format(value))


def _others(record: Tokens, at: int) -> str:
    """The likeliest tokens besides the chosen one."""
    id, piece = entry(record.ids, at), entry(record.pieces, at)
    others = (one for one in entry(record.top, at) or () if not _is_chosen(one, id, piece))
    return "  ".join(_alternative(one) for one in itertools.islice(others, MOST_ALTERNATIVES))


def _is_chosen(one: Alternative, id: int | None, piece: bytes | None) -> bool:
    if one.id is not None and id is not None:
        return one.id == id
    return one.piece is not None and one.piece == piece


def _alternative(one: Alternative) -> str:
    name = one_line(one.piece) if one.piece is not None else f"⟨#{one.id}⟩" if one.id is not None else "⟨?⟩"
    return name if one.logprob is None else f"{name} {probability(one.logprob):.3f}"
