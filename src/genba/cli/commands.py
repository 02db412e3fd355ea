"""The commands themselves."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import click

from . import listing, showing
from .drift import drift
from .export import export
from .opening import opened, opened_here, store_option
from .printing import print_json, print_lines, print_table
from .run import Target, run_target
from .spool import spool
from .status import print_in_flight, status
from .tokenizers import tokenizer
from .tokens import tokens


def run_command_line(argv: Sequence[str]) -> int:
    """Do what the words say; the exit code. A program that is run exits by itself."""
    for stream in (sys.stdout, sys.stderr):
        # A pipe may know fewer characters than a prompt.
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    try:
        done = commands.main(list(argv), prog_name="genba", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except click.exceptions.Abort:
        return 130
    if isinstance(done, Target):
        # Outside of click, which would take the program's exceptions for its own.
        run_target(done.argv, _start)
    return done if isinstance(done, int) else 0


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(version=None, package_name="genba", prog_name="genba")
def commands() -> None:
    """See exactly what went into and came out of your language models."""


commands.add_command(tokenizer)
commands.add_command(tokens)
commands.add_command(drift)
commands.add_command(export)
commands.add_command(status)
commands.add_command(spool)


@commands.command("list")
@store_option
@click.option("--limit", default=20, show_default=True, type=click.IntRange(1), help="How many.")
@click.option("--traces", is_flag=True, help="Traces instead of model calls.")
@click.option("--model", help="Only calls of this model, asked for or answering.")
@click.option("--error", is_flag=True, help="Only what failed.")
@click.option("--in-flight", is_flag=True, help="What is under way now, in every process that writes to the store.")
@click.option("--json", "as_json", is_flag=True, help="A JSON array.")
def list_(store: str | None, limit: int, traces: bool, model: str | None, error: bool, in_flight: bool, as_json: bool) -> None:
    """The newest model calls, or traces."""
    if in_flight:
        if traces or error or model is not None:
            raise click.UsageError("--in-flight goes with no other choice.")
        with opened_here(store) as here:
            print_in_flight(here.standings(1000), here.path, as_json=as_json)
        return
    with opened(store) as source:
        if traces and (model is not None or error):
            raise click.UsageError("--model and --error choose calls; leave out --traces.")
        rows = listing.traces(source, limit) if traces else listing.calls(source, limit, model=model, error=error)
        if as_json:
            print_json([row.as_json() for row in rows])
        elif rows:
            print_table(listing.TRACE_COLUMNS if traces else listing.CALL_COLUMNS, [row.cells() for row in rows])
        else:
            fits = " that fit" if model is not None or error else ""
            click.echo(f"There are no {'traces' if traces else f'model calls{fits}'} in {source.place}.", err=True)


@commands.command()
@click.argument("what", metavar="TRACE|SPAN|last")
@store_option
@click.option("--json", "as_json", is_flag=True, help="A JSON object with everything, the raw exchange included.")
def show(what: str, store: str | None, as_json: bool) -> None:
    """A trace or span, by an id that may be shortened: the tree, then what was said."""
    with opened(store) as source:
        if what == "last":
            spans = next(map(source.trace, source.newest_traces()), [])
            if not spans:
                raise click.ClickException(f"Nothing is recorded in {source.place} yet. Run your program with 'genba run app.py'.")
            chosen = None
        else:
            trace_id, chosen = source.find(what)
            spans = source.trace(trace_id)
        if as_json:
            print_json(showing.as_json(source, spans, chosen))
        else:
            print_lines(showing.lines(source, spans, chosen))


class _Run(click.Command):
    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """What follows the module's name is the module's, also what looks like an option of ours."""
        before = 2 if args[:1] == ["-m"] else 1
        if args and args[0].startswith("-m") and len(args) > before:
            args.insert(before, "--")
        return super().parse_args(ctx, args)


@commands.command(cls=_Run, context_settings={"allow_interspersed_args": False})
@click.option("-m", "module", metavar="MODULE", help="Run a module, as 'python -m' does.")
@click.argument("argv", nargs=-1, type=click.UNPROCESSED, metavar="[SCRIPT] [ARGS]...")
def run(module: str | None, argv: tuple[str, ...]) -> Target:
    """Run a Python program with genba on, as in: genba run app.py its arguments."""
    if module is None and not argv:
        raise click.UsageError("Say what to run: genba run app.py args…, or genba run -m package args…")
    return Target(argv if module is None else ("-m", module, *argv))


@commands.command()
def doctor() -> None:
    """What genba would patch in this environment, where spans go, and what went wrong."""
    import genba

    click.echo(str(genba.doctor()))


def _start() -> None:
    import genba

    try:
        genba.init(set_global=True)
    except genba.SettingsError as error:
        click.echo(f"genba run: {error}", err=True)
        sys.exit(2)
