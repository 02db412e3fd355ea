"""Open the store that was named, whichever kind it is."""

from __future__ import annotations

import os

from . import location
from .clickhouse import address
from .errors import StoreError
from .querying import SpanStore
from .reader import Store


def open_store(explicit: str | os.PathLike[str] | None = None) -> SpanStore:
    """The store that was said, else that of `GENBA_STORE`, else `.genba/genba.db`, for reading.

    Raises:
        StoreError: it is switched off, is not there, or cannot be read.
    """
    said, origin = (explicit, "The store") if explicit is not None else (os.environ.get(location.VARIABLE), location.VARIABLE)
    if isinstance(said, str) and address.is_one(said):
        # With its client, which takes a while to load.
        from .clickhouse.reader import ClickHouseStore

        return ClickHouseStore(address.parse(said, origin))
    path = location.locate(explicit)
    if path is None:
        raise StoreError("The store is switched off, so there is nothing to look at here. Say where a store is with --store PATH.")
    return Store(path)
