"""`genba drift`: what differs between test and production, or between last week and today."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import click

from ..conversation.reading import Line as Printed
from ..conversation.reading import Style, Words, escaped
from ..drift import Report, Side, compare, gather
from ..drift.facts import OPERATIONS
from ..drift.lines import Line
from ..drift.query import Query, QueryError, parse
from ..drift.sides import Progress, Unit
from ..store.clickhouse.address import hidden
from ..store.querying import Conditions, Scan
from .opening import opened
from .printing import print_json, print_lines
from .progress import progress_bar

_STYLES: Final[dict[str, Style]] = {"drifted": "error", "too few": "tool", "same": "faint", "not compared": "tool"}


@click.command()
@click.option("--base", required=True, metavar="STORE|QUERY", help="What to compare with: a store, or calls of one (see above).")
@click.option("--other", required=True, metavar="STORE|QUERY", help="What may differ from it.")
@click.option(
    "--store",
    metavar="PATH|URL",
    help="The store that a query without store= is about. Default: GENBA_STORE, else .genba/genba.db.",
)
@click.option(
    "--alpha", default=0.01, show_default=True, type=click.FloatRange(0.001, 0.5), help="How likely a false alarm may be, in all."
)
@click.option(
    "--unit",
    default="conversation",
    show_default=True,
    type=click.Choice(["conversation", "call"]),
    help="What is independent of one another: conversations (or traces, where there are none), or every single call.",
)
@click.option(
    "--sample",
    default=500,
    show_default=True,
    type=click.IntRange(1, 100_000),
    help="Of how many calls of each side what was said is read.",
)
@click.option("--seed", default=0, show_default=True, type=int, help="What the sample is drawn with.")
@click.option("--limit", default=20, show_default=True, type=click.IntRange(1), help="How many differences to show.")
@click.option("--json", "as_json", is_flag=True, help="A JSON object with everything that was compared.")
def drift(
    base: str, other: str, store: str | None, alpha: float, unit: Unit, sample: int, seed: int, limit: int, as_json: bool
) -> int:
    """Compare two sets of model calls: what differs, how much, and how sure that is. Exit code 1 if anything differs.

    Each side is the path of a store, or a query: words key=value, as in "model=gpt-5-mini since=2026-11-01 until=2026-11-20". The keys are
    store, model, since, until, user, conversation, run, tag, name, operation, provider, environment and service.
    """
    with progress_bar() as progress:
        sides = [
            _side(said, name, store, unit=unit, sample=sample, seed=seed, progress=progress)
            for said, name in ((base, "base"), (other, "other"))
        ]
        report = compare(sides[0], sides[1], alpha=alpha, seed=seed, unit=unit, progress=progress)
    base, other = hidden(base), hidden(other)
    if as_json:
        print_json(_as_json(report, base, other))
    else:
        print_lines(_lines(report, base, other, limit))
    return 1 if report.drifted else 0


def _side(said: str, name: str, store: str | None, *, unit: Unit, sample: int, seed: int, progress: Progress) -> Side:
    try:
        query = parse(said)
    except QueryError as error:
        raise click.UsageError(f"--{name}: {error}") from error
    with opened(query.store if query.store is not None else store) as source:
        operations = [one for one in OPERATIONS if query.operation in (None, one)]
        conditions: Conditions = {**query.conditions, "operations": operations}
        scan = source.scan(**conditions) if operations else Scan(0, iter(()))
        side = gather(source, name, scan, query.fits, unit=unit, sample=sample, seed=seed, progress=progress)
        if not side:
            raise click.ClickException(
                f"There are no model calls {_that_fit(query)}in {source.place}, so --{name} has nothing to compare."
            )
    return side


def _that_fit(query: Query) -> str:
    return "" if query.said == hidden(query.store or "") else f"that fit {query.said!r} "


def _lines(report: Report, base: str, other: str, limit: int) -> Iterator[Printed]:
    by_call = report.unit == "call"
    for name, said, calls, units in zip(("base ", "other"), (base, other), report.calls, report.units, strict=True):
        within = "" if by_call else f" in {_number(units, 'conversation or trace', 'conversations or traces')}"
        yield [
            Words(f"{name}  ", "role"),
            Words(escaped(said, one_line=True), "name"),
            Words(f"  {_number(calls, 'call')}{within}", "fact"),
        ]
    yield [Words(_how(report), "faint")]
    for note in report.notes:
        yield [Words(escaped(note, one_line=True), "tool")]
    yield []
    found = {verdict: [line for line in report.lines if line.verdict == verdict] for verdict in _STYLES}
    drifted = found["drifted"]
    if not drifted:
        yield [Words("No drift found.", "name")]
    for line in drifted[:limit]:
        yield from _difference(line)
    if len(drifted) > limit:
        yield [Words(f"… and {len(drifted) - limit} more: --limit {len(drifted)} shows them", "faint")]
    for verdict in ("too few", "not compared"):
        for line in found[verdict]:
            yield _short(line)
    if found["too few"] and not by_call and sum(report.calls) > sum(report.units):
        yield [
            Words(
                "Calls of one conversation or trace are counted as one. Where they do not depend on one another: --unit call",
                "faint",
            )
        ]
    if found["same"]:
        yield []
        titles = ", ".join(line.title for line in found["same"])
        yield [Words(f"no difference beyond chance in {len(found['same'])}: ", "faint"), Words(titles, "faint")]


def _difference(line: Line) -> Iterator[Printed]:
    effect = "" if line.effect is None else f"effect {line.effect:.2f}"
    sure = "" if line.p is None else f"p {_chance(line.p)}"
    yield [Words("drifted  ", "error"), Words(f"{line.title:<32}", "name"), Words(f"  {effect:<11}  {sure}", "fact")]
    yield [Words(f"         {escaped(line.words, one_line=True)}", "plain")]
    yield [Words(f"         base {_ids(line.base_spans)}   other {_ids(line.other_spans)}", "fact")]


def _short(line: Line) -> Printed:
    spans = f"  base {_ids(line.base_spans)}   other {_ids(line.other_spans)}" if line.base_spans or line.other_spans else ""
    said = line.words if line.verdict == "too few" else f"not compared: {line.words}"
    return [Words(f"{line.title}: ", "name"), Words(escaped(said, one_line=True), _STYLES[line.verdict]), Words(spans, "fact")]


def _how(report: Report) -> str:
    sampled = ""
    if sum(report.sampled):
        one, two = report.sampled
        sampled = f"; what was said was read of {one} and {two} calls (seed {report.seed})"
    return f"{_number(report.tests, 'test')}, corrected for their number; at most {report.alpha:g} of a false alarm in all{sampled}"


def _ids(spans: Any) -> str:
    return " ".join(span.hex()[:8] for span in spans) or "-"


def _chance(p: float) -> str:
    return "< 1e-99" if p < 1e-99 else f"{p:.1e}" if p < 0.001 else f"{p:.3f}"


def _number(count: int, one: str, several: str | None = None) -> str:
    return f"{count:,} {one if count == 1 else several or one + 's'}"


def _as_json(report: Report, base: str, other: str) -> dict[str, Any]:
    return {
        "drifted": report.drifted,
        "alpha": report.alpha,
        "tests": report.tests,
        "unit": report.unit,
        "seed": report.seed,
        **{
            name: {"query": said, "calls": report.calls[at], "units": report.units[at], "calls_read": report.sampled[at]}
            for at, (name, said) in enumerate((("base", base), ("other", other)))
        },
        "notes": list(report.notes),
        "lines": [
            {
                "key": line.key,
                "title": line.title,
                "verdict": line.verdict,
                "effect": line.effect,
                "p": line.p,
                "words": line.words,
                "base_spans": [span.hex() for span in line.base_spans],
                "other_spans": [span.hex() for span in line.other_spans],
                **({"details": dict(line.details)} if line.details else {}),
            }
            for line in report.lines
        ],
    }
