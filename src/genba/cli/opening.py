"""The store that a command reads."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import click

from ..store.errors import StoreError
from ..store.opening import open_store
from ..store.querying import SpanStore


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
