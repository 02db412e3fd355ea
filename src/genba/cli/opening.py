"""The store that a command reads."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import click

from ..store.errors import StoreError
from ..store.opening import open_store
from ..store.querying import SpanStore
from ..store.reader import Store


def store_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Lets a command be told which store it is to read."""
    return click.option(
        "--store",
        metavar="PATH|URL",
        help="The store to read: a file, or clickhouse://… Default: GENBA_STORE, else .genba/genba.db.",
    )(command)


@contextmanager
def opened(said: str | None) -> Iterator[SpanStore]:
    """The store that was said, or else the usual one. What is wrong with it ends the command, in words for a person."""
    try:
        with open_store(said) as store:
            yield store
    except StoreError as error:
        raise click.ClickException(str(error)) from error


@contextmanager
def opened_here(said: str | None) -> Iterator[Store]:
    """The same for what only the embedded store knows: how the runs of processes stand."""
    with opened(said) as store:
        if not isinstance(store, Store):
            raise click.ClickException(
                f"How runs stand is known to the embedded store of a machine alone, not to {store.place}. There, ask for gaps in "
                "genba.call.sequence by genba.run.id: docs/do/accounting.md has the query."
            )
        yield store
