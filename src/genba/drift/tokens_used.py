"""How often each token of prompts and answers is used, as a subject of the comparison; each word, where there are no tokens in common."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from ..conversation.tokens import Side as Direction
from . import frequencies
from .lines import Line
from .said import Said
from .sides import Progress, Side
from .subjects import TOLD, Sides, Subject, Test, percent, some


def of_tokens(direction: Direction, base: Side, other: Side, seed: int, unsaid: str, progress: Progress) -> Subject:
    """How often each token is used; each word, where both sides do not have the ids of one tokenizer."""
    key, title = f"{direction}_tokens_used", f"{'prompt' if direction == 'input' else 'answer'}: tokens"
    if unsaid:
        return Subject(Line(key=key, title=title, verdict="not compared", words=unsaid))
    tokenizer = _common_tokenizer(direction, (base, other))
    if tokenizer is None:
        title = title.replace("tokens", "words")
    bags = [_bags(side, direction, tokenizer) for side in (base, other)]
    if not all(bags):
        return Subject(Line(key=key, title=title, verdict="not compared", words="there is no text on one of the sides"))
    units = (len(bags[0]), len(bags[1]))
    found = frequencies.differing(
        list(bags[0].values()),
        list(bags[1].values()),
        seed,
        lambda done, total: progress(f"dealing {title} at random", done, total),
    )
    names = _names(direction, tokenizer, (base, other))
    told = [(names(share.token), share) for share in found.shares]
    words = f"{found.bits:.3f} bits apart ({found.by_chance:.3f} by chance)"
    most = ", ".join(f"{name} {percent(share.base)} → {percent(share.other)}" for name, share in told[:TOLD])
    line = Line(
        key=key,
        title=title,
        verdict="same",
        words=f"{words}: {most}" if most else words,
        effect=max(0.0, found.bits - found.by_chance),
        base_spans=_telling(base, direction, tokenizer, [one.token for one in found.shares if one.base > one.other]),
        other_spans=_telling(other, direction, tokenizer, [one.token for one in found.shares if one.other > one.base]),
        details={
            "divergence": found.bits,
            "by_chance": found.by_chance,
            "tokenizer": tokenizer,
            "tokens": [
                {
                    "token": name,
                    "id": share.token if tokenizer else None,
                    "base": share.base,
                    "other": share.other,
                    "bits": share.bits,
                }
                for name, share in told
            ],
        },
    )
    return Subject(line, [Test(found.attainable, p) for p in found.chances], units, varies=found.bits > 0)


def _telling(side: Side, direction: Direction, tokenizer: str | None, tokens: Sequence[Any]) -> list[bytes]:
    def weight(counts: Counter[Any]) -> float:
        return sum(counts[token] for token in tokens) / (sum(counts.values()) or 1)

    found = [
        (-weight(counts), call)
        for call, said in zip(side.content.calls, side.content.said, strict=True)
        if (counts := _counts(said, direction, tokenizer))
    ]
    return some(side, (call for _, call in sorted(found)))


def _common_tokenizer(direction: Direction, sides: Sides) -> str | None:
    """The tokenizer of which both sides have the ids of most calls that have any words."""
    having = [Counter(said.ids[direction][0] for said in side.content.said if direction in said.ids) for side in sides]
    shared = [(min(having[0][name], having[1][name]), name) for name in having[0] if name in having[1]]
    if not shared:
        return None
    _, name = max(shared)
    worded = [sum(1 for said in side.content.said if direction in said.words) for side in sides]
    return name if all(some[name] * 2 >= words for some, words in zip(having, worded, strict=True)) else None


def _counts(said: Said, direction: Direction, tokenizer: str | None) -> Counter[Any] | None:
    if tokenizer is None:
        return said.words.get(direction)
    name, ids = said.ids.get(direction, (None, None))
    return ids if name == tokenizer else None


def _bags(side: Side, direction: Direction, tokenizer: str | None) -> dict[int, Counter[Any]]:
    bags: dict[int, Counter[Any]] = {}
    for call, said in zip(side.content.calls, side.content.said, strict=True):
        counts = _counts(said, direction, tokenizer)
        if counts:
            bags.setdefault(side.units[call], Counter()).update(counts)
    return bags


def _names(direction: Direction, tokenizer: str | None, sides: Sides) -> Callable[[Any], str]:
    if tokenizer is None:
        return repr
    pieces: dict[int, bytes] = {}
    for side in sides:
        for said in side.content.said:
            if direction in said.ids and said.ids[direction][0] == tokenizer:
                pieces.update(said.pieces.get(direction, {}))
    return lambda token: f"{token} {_piece(pieces[token])}" if token in pieces else str(token)


def _piece(piece: bytes) -> str:
    try:
        return repr(piece.decode())
    except UnicodeDecodeError:
        return piece.hex(" ")
