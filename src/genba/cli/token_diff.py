"""Two calls, token by token: what is the same is folded, what differs stands below each other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias

from ..conversation.reading import Line, Words, escaped
from ..conversation.tokens import Tokens
from ..tokens.alignment import Alignment, Kind, Run, align, align_bytes
from .printing import PaintedLine
from .token_listing import piece_as_json
from .token_pieces import DELETED, FOLDED, INSERTED, RECUT, entry, painted_alike, shown

Way: TypeAlias = Literal["ids", "pieces", "bytes"]

CONTEXT: Final = 4
"""Tokens of what is the same that are shown before and after a difference."""
MOST_RUNS: Final = 60


@dataclass(frozen=True, slots=True)
class Comparison:
    """The tokens of one prompt or choice of two calls."""

    left: Tokens
    right: Tokens
    way: Way
    why: str
    """Why in this way."""
    alignment: Alignment
    renumbered: int
    """Tokens that stand for the same bytes with other ids, where bytes are compared."""

    @property
    def is_same(self) -> bool:
        """Whether the model saw, or said, the same."""
        return self.alignment.is_same and not self.renumbered


def compare(left: Tokens, right: Tokens, fingerprints: tuple[str | None, str | None]) -> Comparison | str:
    """Align two records. Words say why they cannot be compared."""
    way, why = _way(left, right, fingerprints)
    if way is None:
        return why
    renumbered = 0
    if way == "ids":
        alignment = align(_whole(left.ids), _whole(right.ids))
    elif way == "pieces":
        alignment = align(*_keys(left, right))
    else:
        alignment = align_bytes(_whole(left.pieces), _whole(right.pieces))
        renumbered = _renumbered(left, right, alignment)
    return Comparison(left, right, way, why, alignment, renumbered)


def lines(one: Comparison, *, limit: int | None, has_colours: bool) -> Iterator[PaintedLine]:
    """The comparison. `limit` is for the tokens shown of one stretch, and None for all of everything."""
    yield from _summary(one)
    runs = one.alignment.runs
    kept = runs if limit is None else runs[:MOST_RUNS]
    for at, run in enumerate(kept):
        if run.kind == "same":
            yield from _same(one, run, is_first=at == 0, is_last=at == len(runs) - 1, has_colours=has_colours)
        else:
            shades = (RECUT, RECUT) if run.kind == "recut" else (DELETED, INSERTED)
            signs = "~~" if run.kind == "recut" else "-+"
            for sign, record, (start, end), colours in zip(
                signs, (one.left, one.right), (run.left, run.right), shades, strict=True
            ):
                if end > start:
                    yield from _stretch(record, start, end, sign, colours, limit=limit, has_colours=has_colours)
    if len(kept) < len(runs):
        more = sum(run.kind != "same" for run in runs[len(kept) :])
        yield [Words(f"  … {more:,} more differences; --all shows them", "faint")]


def as_json(one: Comparison) -> dict[str, Any]:
    """The comparison for programs."""
    return {
        "side": one.left.side,
        "index": one.left.index,
        "compared_by": one.way,
        "because": one.why,
        "same": one.is_same,
        "lengths": [len(one.left), len(one.right)],
        "same_prefix": one.alignment.prefix,
        "other_ids": one.renumbered,
        "fewest_differences": one.alignment.is_fewest,
        "runs": [
            {
                "kind": run.kind,
                "a": list(run.left),
                "b": list(run.right),
                **(
                    {}
                    if run.kind == "same"
                    else {"a_tokens": _tokens(one.left, run.left), "b_tokens": _tokens(one.right, run.right)}
                ),
            }
            for run in one.alignment.runs
        ],
    }


def _way(left: Tokens, right: Tokens, fingerprints: tuple[str | None, str | None]) -> tuple[Way | None, str]:
    have_ids, have_pieces = (
        all(column is not None and None not in column for column in columns)
        for columns in ((left.ids, right.ids), (left.pieces, right.pieces))
    )
    one, other = fingerprints
    differ = one is not None and other is not None and one != other
    why = f"different tokenizers, {one} and {other}"
    if not differ and have_ids and have_pieces and _contradict(left, right):
        differ, why = True, "different tokenizers: the same id stands for different pieces"
    if differ:
        if have_pieces:
            return "bytes", why
        return None, f"{why}, and what their tokens stand for is not known"
    if have_ids:
        known = one is not None and one == other
        same = f"the same tokenizer, {one}" if known else "that the tokenizer is the same is not known"
        return "ids", same if known or not have_pieces else f"{same}, but no id stands for two pieces"
    if have_pieces:
        return "pieces", "the ids are not known on both sides"
    return None, "neither the ids nor the pieces are known on both sides"


def _contradict(left: Tokens, right: Tokens) -> bool:
    known = dict(zip(left.ids or (), left.pieces or (), strict=False))
    return any(known.get(id, piece) != piece for id, piece in zip(right.ids or (), right.pieces or (), strict=False))


def _keys(left: Tokens, right: Tokens) -> tuple[list[Any], list[Any]]:
    """What is compared of pieces: a special token is another than text that is written like it, where that is known on both sides."""
    if left.special is None or right.special is None:
        return list(left.pieces or ()), list(right.pieces or ())
    special = frozenset(left.special), frozenset(right.special)
    one, other = (
        [(piece, at in places) for at, piece in enumerate(record.pieces or ())]
        for record, places in zip((left, right), special, strict=True)
    )
    return one, other


def _whole(column: Sequence[Any] | None) -> list[Any]:
    return list(column or ())


def _renumbered(left: Tokens, right: Tokens, alignment: Alignment) -> int:
    if left.ids is None or right.ids is None:
        return 0
    return sum(entry(left.ids, at) != entry(right.ids, its) for at, its in _pairs(alignment))


def _pairs(alignment: Alignment) -> Iterator[tuple[int, int]]:
    """The places of tokens that are the same."""
    for run in alignment.runs:
        if run.kind == "same":
            yield from zip(range(*run.left), range(*run.right), strict=True)


def _summary(one: Comparison) -> Iterator[Line]:
    alignment = one.alignment
    lengths = f"A {_tokens_said(len(one.left))}, B {_tokens_said(len(one.right))}"
    yield [Words(f"  compared by {one.way}: {escaped(one.why, one_line=True)}", "fact")]
    if one.is_same:
        yield [Words(f"  the same {_tokens_said(len(one.left))}" if len(one.left) else "  both are empty", "name")]
    elif alignment.is_same:
        yield [Words(f"  {lengths}: the same bytes, cut in the same places, but {one.renumbered:,} have other ids", "error")]
    else:
        changed, recut = (_of_kind(alignment, kind) for kind in ("changed", "recut"))
        said = [
            f"{len(runs):,} place{'s' if len(runs) > 1 else ''} {what} ({_extent(runs)})"
            for runs, what in ((changed, "with other tokens"), (recut, "with the same bytes cut differently"))
            if runs
        ]
        same = _tokens_said(alignment.prefix)
        first = (
            f"first difference at token {alignment.prefix:,}, after {same} that {'is' if alignment.prefix == 1 else 'are'} the same"
            if alignment.prefix
            else "the first token differs"
        )
        yield [Words(f"  {first}", "error")]
        yield [Words(f"  {lengths}; {'; '.join(said)}", "error")]
    if not alignment.is_fewest:
        yield [
            Words("  They are long and far apart: this is one way to pair them, not the one with the fewest differences.", "faint")
        ]
    if one.left.ids is not None and one.right.ids is not None and one.way != "bytes" and not one.is_same:
        left, right = ({id for id in ids if id is not None} for ids in (one.left.ids, one.right.ids))
        sets = f"distinct ids: {len(left):,} in A, {len(right):,} in B, {len(left & right):,} in both"
        yield [Words(f"  {sets}", "faint")]
    farthest = _farthest(one)
    if farthest is not None:
        at, distance = farthest
        yield [Words(f"  where they are the same, log-probabilities differ by at most {distance:.4f}, at token {at} of A", "faint")]


def _farthest(one: Comparison) -> tuple[int, float] | None:
    """Where the log-probabilities of the same tokens differ most, and by how much."""
    if one.left.logprobs is None or one.right.logprobs is None:
        return None
    found = None
    for at, its in _pairs(one.alignment):
        left, right = entry(one.left.logprobs, at), entry(one.right.logprobs, its)
        if left is not None and right is not None and left != right:
            distance = abs(left - right)
            if found is None or distance > found[1]:
                found = at, distance
    return found


def _same(one: Comparison, run: Run, *, is_first: bool, is_last: bool, has_colours: bool) -> Iterator[PaintedLine]:
    start, end = run.left
    after = min(0 if is_first else CONTEXT, end - start)
    before = min(0 if is_last else CONTEXT, end - start - after)
    folded = end - start - after - before
    if after:
        yield from _stretch(one.left, start, start + after, "=", FOLDED, limit=None, has_colours=has_colours)
    if folded:
        yield [Words(f"        … {_tokens_said(folded)} the same …", "faint")]
    if before:
        yield from _stretch(one.left, end - before, end, "=", FOLDED, limit=None, has_colours=has_colours)


def _stretch(
    record: Tokens, start: int, end: int, sign: str, shades: Sequence[str], *, limit: int | None, has_colours: bool
) -> Iterator[PaintedLine]:
    count = end - start
    parts = [range(start, end)]
    if limit is not None and count > limit:
        parts = [range(start, start + (limit + 1) // 2), range(end - limit // 2, end)]
    for at, part in enumerate(parts):
        if at:
            yield [Words(f"        … {_tokens_said(count - sum(map(len, parts)))} left out …", "faint")]
        if part:
            tokens = (token._replace(text=token.text.replace("\n", "")) for token in shown(record, part, has_colours=has_colours))
            for line in painted_alike(tokens, shades, has_colours=has_colours):
                yield [Words(f"{sign} {part[0]:>5} ", "faint"), *line]


def _of_kind(alignment: Alignment, kind: Kind) -> list[Run]:
    return [run for run in alignment.runs if run.kind == kind]


def _extent(runs: Sequence[Run]) -> str:
    left, right = (sum(end - start for start, end in ends) for ends in ([run.left for run in runs], [run.right for run in runs]))
    return f"{left:,} of A, {right:,} of B"


def _tokens_said(count: int) -> str:
    return f"{count:,} token{'' if count == 1 else 's'}"


def _tokens(record: Tokens, ends: tuple[int, int]) -> list[dict[str, Any]]:
    return [{"at": at, "id": entry(record.ids, at), "piece": piece_as_json(entry(record.pieces, at))} for at in range(*ends)]
