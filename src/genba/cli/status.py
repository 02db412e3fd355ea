"""`genba status`: what became of every call that was made, a line a run."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from typing import Any, Final

import click

from .. import semconv
from ..conversation.reading import Words, duration, escaped, moment
from ..store.journal import UnderWay
from ..store.standing import IN_FLIGHT, RUNNING, Missing, Standing
from .opening import opened_here, store_option
from .printing import Column, print_json, print_lines, print_table

COLUMNS: Final = (
    Column("STARTED"),
    Column("RUN"),
    Column("PID", is_number=True),
    Column("STATE"),
    Column("MADE", is_number=True),
    Column("ENDED", is_number=True, may_go=True),
    Column("STORED", is_number=True),
    Column("IN FLIGHT", is_number=True),
    Column("SAMPLED OUT", is_number=True, may_go=True),
    Column("LOST", is_number=True),
    Column("COMMAND"),
)
IN_FLIGHT_COLUMNS: Final = (
    Column("SINCE"),
    Column("RUN"),
    Column("PID", is_number=True),
    Column("CALL", is_number=True),
    Column("NAME"),
    Column("CONVERSATION"),
)
UNEXPLAINED: Final = "nobody knows why"
_MOST_RANGES: Final = 5


@click.command("status")
@store_option
@click.option("--limit", default=20, show_default=True, type=click.IntRange(1), help="How many runs.")
@click.option("--json", "as_json", is_flag=True, help="A JSON array, with every range of missing calls.")
def status(store: str | None, limit: int, as_json: bool) -> None:
    """What became of every call, run by run: stored, under way, lost and why.

    The exit code is 1 if a call is missing and nobody knows why.
    """
    with opened_here(store) as source:
        found = source.standings(limit)
        if as_json:
            print_json([_json(one) for one in found])
        elif found:
            print_table(COLUMNS, [_cells(one) for one in found])
            print_lines(_details(found))
        else:
            click.echo(f"No process has written to {source.path} yet.", err=True)
    if any(None in one.lost for one in found):
        click.get_current_context().exit(1)


def print_in_flight(found: Iterable[Standing], where: object, *, as_json: bool) -> None:
    """The calls that living processes have under way."""
    living = [(one, call) for one in found if one.state == RUNNING for call in one.under_way]
    living.sort(key=lambda pair: pair[1].started_ns)
    if as_json:
        print_json([{"run_id": one.run.run_id, "pid": one.run.pid, **_call(call)} for one, call in living])
    elif living:
        print_table(IN_FLIGHT_COLUMNS, [_line(one, call) for one, call in living])
    else:
        click.echo(f"Nothing has been in flight for longer than a moment in the processes that write to {where}.", err=True)


def _cells(one: Standing) -> Sequence[Words]:
    lost = sum(one.lost.values())
    in_flight = sum(piece.calls for piece in one.missing if piece.reason == IN_FLIGHT)
    return (
        Words(moment(one.run.started_ns, "%m-%d %H:%M:%S") if one.run.started_ns else "-", "fact"),
        Words(one.run.run_id[:8]),
        Words(_number(one.run.pid)),
        Words(one.state, "error" if one.state == "died" else "fact"),
        Words(str(one.made)),
        Words(_number(one.counts.get("ended"))),
        Words(str(one.stored)),
        Words(str(in_flight)),
        Words(_number(one.counts.get("sampled_out"))),
        Words(str(lost), "error" if lost else "plain"),
        Words(" ".join(one.run.command)),
    )


def _details(found: Iterable[Standing]) -> Iterable[Sequence[Words]]:
    for one in found:
        run = f"run {one.run.run_id[:8]}: "
        for reason in one.lost:
            calls = [piece for piece in one.missing if piece.reason == reason]
            words = f"{_counted(one.lost[reason])} missing ({_ranges(calls)}): {escaped(reason or UNEXPLAINED, one_line=True)}"
            yield (Words(run, "fact"), Words(words, "plain" if reason else "error"))
        for name, number in one.counts.get("dropped", {}).items():
            yield (Words(run, "fact"), Words(f"{number} dropped on the way: {escaped(str(name), one_line=True)}"))
        if one.counts.get("content_dropped"):
            yield (Words(run, "fact"), Words(f"{_counted(one.counts['content_dropped'])} kept without what was said: overload"))
        for call in one.under_way if one.state != RUNNING else ():
            name = escaped(call.name, one_line=True)
            when = moment(call.started_ns, "%H:%M:%S")
            yield (Words(run, "fact"), Words(f"died with call {call.sequence} under way: {name}, begun at {when}"))


def _ranges(pieces: Sequence[Missing]) -> str:
    shown = [str(one.first) if one.first == one.last else f"{one.first}–{one.last}" for one in pieces[:_MOST_RANGES]]
    return ", ".join([*shown, *(["…"] if len(pieces) > _MOST_RANGES else [])])


def _counted(number: int) -> str:
    return "1 call" if number == 1 else f"{number} calls"


def _line(one: Standing, call: UnderWay) -> Sequence[Words]:
    return (
        Words(duration(time.time_ns() - call.started_ns), "fact"),
        Words(one.run.run_id[:8]),
        Words(_number(one.run.pid)),
        Words(str(call.sequence)),
        Words(call.name, "name"),
        Words(str(call.attributes.get(semconv.CONVERSATION_ID) or "-")),
    )


def _number(value: object) -> str:
    return str(value) if isinstance(value, int) else "-"


def _json(one: Standing) -> dict[str, Any]:
    run = one.run
    return {
        "run_id": run.run_id,
        "parent_run_id": run.parent_run_id,
        "pid": run.pid,
        "command": list(run.command),
        "started_unix_nano": run.started_ns,
        "state": one.state,
        "made": one.made,
        "stored": one.stored,
        "as_of_unix_nano": one.at_ns,
        **{
            name: one.counts.get(name)
            for name in ("ended", "sampled_out", "exported", "dropped", "dropped_usage", "content_dropped")
        },
        "under_way": [_call(call) for call in one.under_way],
        "missing": [piece._asdict() for piece in one.missing],
        "lost": sum(one.lost.values()),
        "unexplained": one.lost.get(None, 0),
    }


def _call(call: UnderWay) -> dict[str, Any]:
    return {
        "sequence": call.sequence,
        "name": call.name,
        "start_time_unix_nano": call.started_ns,
        "trace_id": call.trace_id.hex(),
        "span_id": call.span_id.hex(),
        "attributes": dict(call.attributes),
    }
