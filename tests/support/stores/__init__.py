"""Vector stores for the tests: real ones where they run in a test, else fakes that speak the store's wire; one module each.

All hold the same two documents. A module exports `STANDS`, which import their library only when they are opened.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from support.hosts import Host
from support.wire import Server

DOCUMENTS = {"a1": "Cats purr when they are content.", "b2": "The moon has no air."}
NEAREST = ("a1", "b2")
VECTORS = {"a1": [1.0, 0.123456, 0.0], "b2": [0.0, 0.123456, 1.0]}
QUERY = [1.0, 0.123456, 0.1]
TELLTALE = "0.123456"
"""A number that is in every vector, and must be in nothing that is recorded."""
WORDS = "What do cats do?"

Strike = Callable[[], None]
"""Cancels the search that is under way, from whatever thread."""


@dataclass
class Place:
    """Where a store is to be opened."""

    host: Host
    server: Server
    folder: Path
    opened: list[Any] = field(default_factory=list)
    """What is to be closed in the end, clients of whatever kind."""


@dataclass(frozen=True, kw_only=True)
class Stand:
    """How a store is opened and searched. Each function gives what the client gives: a value, or with an async host an awaitable."""

    name: str
    """`db.system.name`."""
    library: str
    """What `instrument` calls it."""
    packages: Sequence[str]
    open: Callable[[Place], Any]
    """An awaitable of the client."""
    search: Callable[[Any], Any]
    """Finds both documents, the nearer first, with `top_k` 2."""
    search_in_vain: Callable[[Any], Any]
    fail: Callable[[Any], Any]
    hang: Callable[[Any, Place, Strike], Any]
    """A search that takes long, and calls the last argument while it is under way."""
    ids: Callable[[Any, Host], Any]
    """An awaitable of the ids in what a search returned."""
    says: Mapping[str, Any] = field(default_factory=dict)
    """Further attributes of its spans."""
    collection: str | None = "docs"
    reads_words: bool = False
    """Whether `search` is given `WORDS` rather than a vector."""
    operation: str = "query"


def _is_installed(package: str) -> bool:
    try:
        return find_spec(package) is not None
    except ModuleNotFoundError:
        return False


def _collected() -> tuple[Stand, ...]:
    modules = sorted(pkgutil.iter_modules(__path__), key=lambda module: module.name)
    stands = [stand for module in modules for stand in importlib.import_module(f"{__name__}.{module.name}").STANDS]
    return tuple(stand for stand in stands if all(map(_is_installed, stand.packages)))


STANDS = _collected()
