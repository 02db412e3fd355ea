"""`genba tokens`: what a model really saw and said, token by token; and where two calls part."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import click

from .. import semconv
from ..conversation.reading import Words, escaped
from ..conversation.tokens import Side, Source, Tokens
from ..tokens.spelled import spelled_special
from . import token_calls, token_diff, token_listing, token_timeline
from .opening import opened, store_option
from .printing import PaintedLine, has_colours, print_json, print_lines, print_table
from .token_calls import SIDES, Call
from .token_pieces import Colour, best_colour, legend, one_line, painted, shown

MOST: Final[dict[Side, int]] = {"input": 400, "output": 2000}
"""Tokens of one text that are shown where nothing else is said."""
MOST_RECORDS: Final = 20
"""Prompts, or choices, of one call that are shown."""
MOST_SPELLED: Final = 5
"""Places that look like control and are text, of one text, that are named."""


@dataclass(frozen=True, slots=True)
class View:
    """What is to be shown, and how."""

    sides: Sequence[Side]
    choice: int | None
    limit: int | None
    shows_all: bool
    shows_ids: bool
    colour: Colour | None
    has_colours: bool

    def runs(self, record: Tokens) -> list[range]:
        """The places that are shown: all, or a beginning and an end."""
        count = len(record)
        most = count if self.shows_all else self.limit or MOST[record.side]
        if count <= most:
            return [range(count)]
        return [run for run in (range((most + 1) // 2), range(count - most // 2, count)) if run]

    def records(self, call: Call, side: Side) -> Sequence[Tokens]:
        """Those that are wanted. A choice has no prompt of its own."""
        records = call.records[side]
        if self.choice is None or (side == "input" and len(records) == 1):
            return records
        return [record for record in records if record.index == self.choice]


class Incomparable(click.ClickException):
    """Two calls of which it cannot be told whether they differ."""

    exit_code = 2  # 1 says that they do


@click.command()
@click.argument("what", metavar="SPAN|TRACE|last")
@store_option
@click.option(
    "--diff",
    "other",
    metavar="OTHER",
    help="Compare with another call, token by token. Exit code 1 if they differ, 2 if it cannot be told.",
)
@click.option("--ids", "shows_ids", is_flag=True, help="A line for each token: place, id, piece, probability, alternatives, time.")
@click.option(
    "--colour",
    "--color",
    type=click.Choice(["logprob", "entropy", "none"]),
    help="What the colours tell. Default: logprob, where known.",
)
@click.option("--input", "wants_input", is_flag=True, help="Only what the model saw; with --diff, that too.")
@click.option("--output", "wants_output", is_flag=True, help="Only what the model said.")
@click.option("--choice", type=click.IntRange(0), metavar="N", help="Only this one of several choices or prompts, from 0.")
@click.option(
    "--limit",
    type=click.IntRange(1),
    metavar="N",
    help=f"So many tokens of a text, half of them from its end. Default: {MOST['input']} of the input, {MOST['output']} of the output.",
)
@click.option("--all", "shows_all", is_flag=True, help="All tokens, however many.")
@click.option("--json", "as_json", is_flag=True, help="A JSON object with everything, decoded.")
def tokens(
    what: str,
    store: str | None,
    other: str | None,
    shows_ids: bool,
    colour: Colour | None,
    wants_input: bool,
    wants_output: bool,
    choice: int | None,
    limit: int | None,
    shows_all: bool,
    as_json: bool,
) -> int:
    """The tokens of a model call: what it really saw and said.

    The newest call is 'last'; another is named by the id of its span or trace, which may be shortened.
    """
    sides: Sequence[Side] = SIDES
    if other is not None:
        sides = ("input", "output") if wants_input else ("output",)
    elif wants_input != wants_output:
        sides = ("input",) if wants_input else ("output",)
    view = View(sides, choice, limit, shows_all, shows_ids, colour, has_colours())
    if other is not None:
        return _diff(store, what, other, view, as_json=as_json)
    with opened(store) as source:
        call = token_calls.call(source, what)
    _check_choice(call, view)
    if as_json:
        print_json(_as_json(call, view))
    else:
        _show(call, view)
    return 0


def _show(call: Call, view: View) -> None:
    print_lines(token_calls.header(call))
    colours: dict[Colour, None] = {}
    reasons: set[str] = set()
    for side in view.sides:
        records = view.records(call, side)
        kept = records if view.shows_all or view.choice is not None else records[:MOST_RECORDS]
        print_lines(_troubles(call, side, reasons))
        for record in kept:
            several = len(call.records[side]) > 1
            if view.shows_ids:
                print_lines([[], *_heading(call, record, several=several)])
                _print_listing(call, record, view)
            else:
                colour = view.colour or best_colour(record)
                colours[colour] = None
                print_lines([[], *_heading(call, record, several=several), *_text(record, view, colour)])
        if len(kept) < len(records):
            print_lines([[], [Words(f"… {len(records) - len(kept):,} more; --choice N shows one, --all shows all", "faint")]])
        if side == "output":
            print_lines(token_timeline.lines(call))
    print_lines(token_calls.other_unknown(call))
    if view.has_colours:
        print_lines(line for colour in colours for line in ([], legend(colour)) if colour != "none")


def _troubles(call: Call, side: Side, known: set[str]) -> Iterator[PaintedLine]:
    for trouble in call.unreadable[side]:
        yield []
        yield [Words(f"{side:<11}", "role"), Words(escaped(trouble, one_line=True), "error")]
    if not call.records[side] and not call.unreadable[side]:
        yield []
        why, advice, _ = token_calls.nothing(call, side).partition(token_calls.ADVICE)
        said = "none either, for the same reason" if why in known else why + ("" if advice in known else advice)
        yield [Words(f"{side:<11}", "role"), Words(said, "faint")]
        known.update((why, advice))


def _heading(call: Call, record: Tokens, *, several: bool) -> Iterator[PaintedLine]:
    which = f"{'prompt' if record.side == 'input' else 'choice'} {record.index}, " if several else ""
    count = len(record)
    # Where it is known that single ones are told together, or not at all, it is not tokens that can be counted.
    what = "entry" if "tokens" in record.unknown and count == 1 else "entries" if "tokens" in record.unknown else "token"
    what += "s" if what == "token" and count != 1 else ""
    size = f", {len(text):,} bytes of text" if (text := record.text) is not None else ""
    control = f", {len(record.special):,} of them control" if record.special else ""
    yield [
        Words(f"{record.side:<11}", "role"),
        Words(f"{which}{count:,} {what}{control}{size}", "name"),
        Words(f"  {token_calls.told_by(record)}", "fact"),
    ]
    if record.ids_source is not None:
        yield [Words(f"  ids: {token_calls.counted_words(record.ids_source)}", "faint")]
    fingerprint = call.span.attributes.get(semconv.TOKENIZER_FINGERPRINT)
    if record.tokenizer not in (None, fingerprint) and record.source != Source.LOCAL:
        yield [Words(f"  tokenizer: {escaped(str(record.tokenizer), one_line=True)}", "faint")]
    reasons: dict[str, list[str]] = {}
    for column, why in token_calls.unknown(call, record).items():
        reasons.setdefault(why, []).append(column)
    for why, columns in reasons.items():
        yield [Words(escaped(f"  {', '.join(columns)} unknown: {why}", one_line=True), "faint")]


def _text(record: Tokens, view: View, colour: Colour) -> Iterator[PaintedLine]:
    if not len(record):
        yield [Words("  empty", "faint")]
    column = {"logprob": record.logprobs, "entropy": record.entropies}.get(colour)
    if view.colour not in (None, "none") and column is None:
        named = "log-probabilities" if colour == "logprob" else "entropies"
        yield [Words(f"  no {named} are recorded, so nothing is coloured by them", "faint")]
    runs = view.runs(record)
    ranges = spelled_special(record, None)
    places = {place for start, end in ranges for place in range(start, end)}
    for at, run in enumerate(runs):
        if at:
            yield _left_out(record, runs)
        cut = shown(record, run, has_colours=view.has_colours)
        for line in painted(record, cut, colour, has_colours=view.has_colours, spelled=places):
            yield [Words("  "), *line]
    for start, end in ranges[:MOST_SPELLED]:
        which = f"token {start}" if end - start == 1 else f"tokens {start} to {end - 1}"
        said = b"".join(piece or b"" for piece in (record.pieces or ())[start:end])
        yield [Words(f"  {which} only spell what looks like control: {one_line(said)} is text to the model", "error")]
    if len(ranges) > MOST_SPELLED:
        yield [Words(f"  … and {len(ranges) - MOST_SPELLED:,} more places like that", "error")]


def _left_out(record: Tokens, runs: Sequence[range]) -> PaintedLine:
    left = len(record) - sum(map(len, runs))
    return [Words(f"  … {left:,} token{'' if left == 1 else 's'} left out: --limit N shows more, --all shows all …", "faint")]


def _print_listing(call: Call, record: Tokens, view: View) -> None:
    if not len(record):
        print_lines([[Words("  empty", "faint")]])
        return
    runs = view.runs(record)
    print_table(*token_listing.columns_and_rows(record, runs, call.timeline))
    if len(runs) > 1:
        print_lines([_left_out(record, runs)])


def _as_json(call: Call, view: View) -> dict[str, Any]:
    records: dict[str, Any] = {
        side: [token_listing.as_json(record, call.timeline) for record in view.records(call, side)] for side in view.sides
    }
    missing = {side: token_calls.nothing(call, side) for side in view.sides if not call.records[side] and not call.unreadable[side]}
    return {
        **token_calls.as_json(call),
        **records,
        "not_recorded": missing,
        "unreadable": {side: call.unreadable[side] for side in view.sides if call.unreadable[side]},
        "timeline": token_timeline.as_json(call.timeline),
    }


def _check_choice(call: Call, view: View) -> None:
    if view.choice is None or any(view.records(call, side) for side in view.sides):
        return
    there = sorted({record.index for side in view.sides for record in call.records[side]})
    said = f"There are {', '.join(map(str, there))}." if there else "No tokens are recorded at all; leave --choice out to see why."
    raise click.ClickException(f"This call has no choice or prompt {view.choice} with recorded tokens. {said}")


def _diff(store: str | None, what: str, other: str, view: View, *, as_json: bool) -> int:
    try:
        with opened(store) as source:
            left, right = token_calls.call(source, what), token_calls.call(source, other)
    except click.ClickException as error:
        raise Incomparable(error.message) from error
    compared: list[token_diff.Comparison] = []
    troubles: list[str] = []
    for side in view.sides:
        for index, records in _paired(left, right, side, view).items():
            found = _compared(left, right, side, index, records)
            if isinstance(found, str):
                troubles.append(found)
            else:
                compared.append(found)
    if as_json:
        documents = {"a": token_calls.as_json(left), "b": token_calls.as_json(right)}
        print_json({**documents, "compared": [token_diff.as_json(one) for one in compared], "not_compared": troubles})
    else:
        _print_diff(left, right, compared, troubles, view)
    if any(not one.is_same for one in compared):
        return 1
    return 2 if troubles else 0


def _paired(left: Call, right: Call, side: Side, view: View) -> dict[int, tuple[Tokens | None, Tokens | None]]:
    """The records of both calls by their number. Where there is none on either side, there is still that to be said."""
    one, other = ({record.index: record for record in view.records(call, side)} for call in (left, right))
    if not one or not other:
        index = view.choice or 0
        return {index: (one.get(index), other.get(index))}
    return {index: (one.get(index), other.get(index)) for index in sorted({*one, *other})}


def _compared(
    left: Call, right: Call, side: Side, index: int, records: tuple[Tokens | None, Tokens | None]
) -> token_diff.Comparison | str:
    where = side if index == 0 else f"{side} {index}"
    one, other = records
    if one is None or other is None:
        whys = [
            f"{letter}: {token_calls.nothing(call, side) if not call.records[side] else f'there is no {index} among its records'}"
            for letter, call, record in (("A", left, one), ("B", right, other))
            if record is None
        ]
        return f"{where} cannot be compared. {' '.join(whys)}"
    fingerprints = [
        record.tokenizer or call.span.attributes.get(semconv.TOKENIZER_FINGERPRINT)
        for call, record in ((left, one), (right, other))
    ]
    found = token_diff.compare(one, other, (fingerprints[0], fingerprints[1]))
    return f"{where} cannot be compared: {found}." if isinstance(found, str) else found


def _print_diff(left: Call, right: Call, compared: Sequence[token_diff.Comparison], troubles: Sequence[str], view: View) -> None:
    for letter, call in (("A", left), ("B", right)):
        first, *_ = token_calls.header(replace(call, note=""))
        print_lines([[Words(f"{letter}  ", "role"), *first]])
        if call.note:
            print_lines([[Words(f"   {escaped(call.note, one_line=True)}", "faint")]])
    limit = None if view.shows_all else view.limit or MOST["input"]
    for one in compared:
        which = f" {one.left.index}" if one.left.index else ""
        print_lines([[], [Words(f"{one.left.side}{which}", "role")]])
        print_lines(token_diff.lines(one, limit=limit, has_colours=view.has_colours))
    for trouble in troubles:
        print_lines([[], [Words(escaped(trouble, one_line=True), "error")]])
