"""`genba export`: calls or traces as a file that other programs read, a row each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import click

from ..conversation.reading import tree
from ..drift.query import QueryError, moment_ns
from ..drift.sides import Progress
from ..store.querying import Conditions, SpanStore, with_content
from ..store.stored import valued
from .export_columns import CALL_COLUMNS, TRACE_COLUMNS, Said
from .export_files import ENDINGS, Format, sheet
from .listing import CALLS
from .opening import opened, store_option
from .progress import progress_bar

_ID: Final = 16
"""Bytes in the id of a trace."""
_AT_ONCE: Final = 20


@click.command()
@store_option
@click.option("--to", required=True, metavar="FILE", help="The file to write; '-' is standard output.")
@click.option("--format", "said", type=click.Choice(sorted(set(ENDINGS.values()))), help="Default: what the file's name ends in.")
@click.option("--traces", is_flag=True, help="A row for each trace, with all its spans, instead of each model call.")
@click.option("--model", help="Only calls of this model, asked for or answering; traces with such a call.")
@click.option("--error", is_flag=True, help="Only what failed.")
@click.option("--conversation", metavar="ID", help="Only this conversation.")
@click.option("--user", metavar="ID", help="Only this user.")
@click.option("--since", metavar="TIME", help="Only what began then or later, as in 2026-11-01 or 2026-11-01T18:30.")
@click.option("--until", metavar="TIME", help="Only what began before that.")
def export(
    store: str | None,
    to: str,
    said: Format | None,
    traces: bool,
    model: str | None,
    error: bool,
    conversation: str | None,
    user: str | None,
    since: str | None,
    until: str | None,
) -> None:
    """Write calls or traces to a file: JSON Lines, CSV or Parquet, a row each.

    However many there are, only some thousands are in memory at a time.
    """
    format = said or _format_of(to)
    if to == "-" and format == "parquet":
        raise click.UsageError("Parquet is no text: name a file with --to FILE.parquet.")
    try:
        times = moment_ns("since", since), moment_ns("until", until)
    except QueryError as wrong:
        raise click.UsageError(f"--{wrong}") from wrong
    conditions: Conditions = {
        "model": model,
        "error": error,
        "conversation_id": conversation,
        "user_id": user,
        "since_ns": times[0],
        "until_ns": times[1],
    }
    if not traces or model is not None:
        conditions["operations"] = CALLS
    columns = TRACE_COLUMNS if traces else CALL_COLUMNS
    written = 0
    with opened(store) as source, progress_bar() as progress, sheet(to, format, columns) as file:
        for item in (_traces if traces else _calls)(source, conditions, progress):
            file.write([column.read(item) for column in columns])
            written += 1
        if not written:
            what = "traces" if traces else "model calls"
            raise click.ClickException(f"There are no {what} that fit in {source.place}, so nothing was written.")
    if to != "-":
        thing = ("trace" if traces else "call") + ("" if written == 1 else "s")
        click.echo(f"{written:,} {thing} in {to} ({_size(Path(to).stat().st_size)})", err=True)


def _format_of(to: str) -> Format:
    found = ENDINGS.get(Path(to).suffix.lower())
    if found is None:
        raise click.UsageError(
            f"What {to!r} is to be cannot be told from its name. Let it end in {', '.join(ENDINGS)}, or say --format."
        )
    return found


def _calls(store: SpanStore, conditions: Conditions, progress: Progress) -> Iterator[Said]:
    scan = store.scan(**conditions)
    for done, (_, span, content) in enumerate(with_content(store, scan.spans)):
        if done % 100 == 0:
            progress("exporting calls", done, scan.total)
        yield Said(span, valued(content))


def _traces(store: SpanStore, conditions: Conditions, progress: Progress) -> Iterator[Sequence[Said]]:
    # A hundred thousand of them are two megabytes so.
    ids = b"".join(store.trace_ids(**conditions))
    count = len(ids) // _ID
    for start in range(0, count, _AT_ONCE):
        progress("exporting traces", start, count)
        some = [ids[at * _ID : (at + 1) * _ID] for at in range(start, min(start + _AT_ONCE, count))]
        for found in filter(None, store.traces(some)):
            spans = [branch.span for branch in tree(found)]
            yield [Said(span, valued(content)) for span, content in zip(spans, store.contents(spans), strict=True)]


def _size(size: float) -> str:
    for unit in ("bytes", "KiB", "MiB"):
        if size < 1024:
            return f"{size:.0f} {unit}" if unit == "bytes" else f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:.1f} GiB"
