"""The store that a command reads."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from ..store import location
from ..store.errors import StoreError
from ..store.reader import Store


def store_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Lets a command be told which store it is to read."""
    return click.option("--store", metavar="PATH", help="The store to read. Default: GENBA_STORE, else .genba/genba.db.")(command)


@contextmanager
def opened(said: str | None) -> Iterator[Store]:
    """The store that was said, or else the usual one. What is wrong with it ends the command, in words for a person."""
    try:
        with Store(_located(said)) as store:
            yield store
    except StoreError as error:
        raise click.ClickException(str(error)) from error


def _located(said: str | None) -> Path:
    path = location.locate(said)
    if path is None:
        raise StoreError("The store is switched off, so there is nothing to look at here. Say where a store is with --store PATH.")
    return path
