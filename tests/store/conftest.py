"""A store in a folder of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from genba.store.reader import Store
from genba.store.writer import StoreWriter


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / ".genba" / "genba.db"


@pytest.fixture
def writer(path: Path) -> Iterator[StoreWriter]:
    writer = StoreWriter(path)
    yield writer
    writer.close()


@pytest.fixture
def opened(path: Path) -> Iterator[Callable[[], Store]]:
    """Open the store for reading, as it is at that moment."""
    stores: list[Store] = []

    def open_() -> Store:
        stores.append(Store(path))
        return stores[-1]

    yield open_
    for store in stores:
        store.close()
