"""`genba spool`: what waits for its destinations on this machine, and what was refused; send it again, or drop it."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import click

from ..conversation.reading import Words
from ..settings import SettingsError
from ..settings.table import DEFAULT_SPOOL
from ..spooling import dead, locks
from ..spooling.folder import Folder, meta, untold
from ..spooling.spool import left_behind, taken_over
from .printing import Column, print_json, print_table

COLUMNS = (Column("spans", is_number=True), Column("destination"), Column("state"), Column("since"), Column("why"))


def _spool_option(command: Callable[..., Any]) -> Callable[..., Any]:
    return click.option("--spool", metavar="FOLDER", help="The spool. Default: GENBA_SPOOL, else .genba/spool.")(command)


@click.group()
def spool() -> None:
    """Spans that wait for a destination, or that one has refused."""


@spool.command()
@_spool_option
@click.option("--json", "as_json", is_flag=True, help="A JSON array.")
def status(spool: str | None, as_json: bool) -> None:
    """What waits, for which destination, and what was refused and why."""
    path = _located(spool)
    rows = [*_waiting(path), *_refused(path)]
    if as_json:
        print_json(rows)
    elif rows:
        print_table(
            COLUMNS, [[Words(str(row[name])) for name in ("spans", "destination", "state", "since", "reason")] for row in rows]
        )
    else:
        click.echo(f"Nothing waits in {path}, and nothing was refused.", err=True)


@spool.command()
@_spool_option
@click.option("--from", "only", metavar="NAME", help="Only what is for this destination.")
@click.option("--to", metavar="NAME", help="Send to this destination instead: otlp, or a backend's name such as langfuse.")
@click.option("--timeout", default=60.0, show_default=True, help="Seconds, for all of it.")
@click.option("--json", "as_json", is_flag=True, help="A JSON object.")
def replay(spool: str | None, only: str | None, to: str | None, timeout: float, as_json: bool) -> int:
    """Send what dead processes have left, and what was refused. Addresses and keys come from the environment, as for genba.init."""
    from ..exporting.otlp.replaying import Replay

    going = Replay(_located(spool), only=only, to=to, timeout=timeout)
    try:
        going.left_by_the_dead()
        going.dead_letters()
    except SettingsError as error:
        raise click.ClickException(str(error)) from error
    if as_json:
        print_json({"sent": dict(going.sent), "refused": dict(going.refused), "left": going.left})
    else:
        for name, number in going.sent.items():
            click.echo(f"sent {number} spans to {name}")
        for reason, number in going.refused.items():
            click.echo(f"refused again {number} spans by {reason}")
        click.echo(f"{going.left} spans still wait" if going.left else "nothing is left to send")
    return 1 if going.left or going.refused else 0


@spool.command()
@_spool_option
@click.option("--from", "only", metavar="NAME", help="Only what is for this destination.")
@click.option("--yes", is_flag=True, help="Do not ask.")
def drop(spool: str | None, only: str | None, yes: bool) -> None:
    """Give up what dead processes have left, and what was refused. What living processes have is left alone."""
    path = _located(spool)
    number = sum(
        row["spans"]
        for row in [*_waiting(path), *_refused(path)]
        if row["state"] != "waiting" and only in (None, row["destination"])
    )
    if not number:
        click.echo("There is nothing to drop.", err=True)
        return
    if not yes:
        click.confirm(f"Drop {number} spans from {path}? They cannot be had back.", abort=True)
    dropped = 0
    for folder_path in left_behind(path):
        folder = taken_over(folder_path, untold)
        if folder is not None:
            dropped += folder.drop_all([key for key, name in folder.names.items() if only in (None, name)])
            folder.close()
    gone: list[dead.Letter] = []

    def decide(letters: Any) -> list[dead.Letter]:
        stay = [letter for letter in letters if only not in (None, letter.destination)]
        gone.extend(letter for letter in letters if letter not in stay)
        return stay

    dead.settle(path, decide)
    click.echo(f"dropped {dropped + len(gone)} spans")


def _located(said: str | None) -> Path:
    words = said or os.environ.get("GENBA_SPOOL", "").strip()
    if words.lower() in ("off", "false"):
        raise click.ClickException("The spool is switched off by GENBA_SPOOL. Say where one is with --spool FOLDER.")
    return Path(words if words and words.lower() not in ("on", "true") else DEFAULT_SPOOL).expanduser().absolute()


def _waiting(path: Path) -> list[dict[str, Any]]:
    rows = []
    for one in left_behind(path):
        said = meta(one)
        lock = locks.take(one / locks.NAME)
        if lock is not None:
            locks.release(lock)
        # Only looked at: it may be another's, so it is neither locked nor closed.
        folder = Folder(one, -1, said.get("destinations", {}), untold)
        for key, name in folder.names.items():
            waiting = folder.waiting(key)
            if waiting:
                rows.append({
                    "spans": waiting,
                    "destination": name,
                    "state": "waiting" if lock is None else "left",
                    "since": _time(int(one.name.partition("-")[0])),
                    "reason": f"by process {said.get('pid')}, which {'is running' if lock is None else 'has ended'}",
                    "folder": str(one),
                })  # fmt: skip
    return rows


def _refused(path: Path) -> list[dict[str, Any]]:
    counts: Counter[tuple[str, str]] = Counter()
    since: dict[tuple[str, str], int] = {}
    for letter in dead.letters(path):
        kind = (letter.destination, letter.reason)
        counts[kind] += 1
        since[kind] = min(since.get(kind, letter.at_ns), letter.at_ns)
    return [
        {
            "spans": number,
            "destination": kind[0],
            "state": "refused",
            "since": _time(since[kind]),
            "reason": kind[1],
            "folder": str(path),
        }
        for kind, number in counts.items()
    ]


def _time(at_ns: int) -> str:
    return datetime.fromtimestamp(at_ns / 1e9, tz=timezone.utc).isoformat(timespec="seconds")
