"""PostgreSQL with pgvector, through psycopg 3: statements that order by nearness, among all others of a database.

Every statement passes here, so what is none of ours must cost next to nothing: one look for `<`. The rows are read from the result as
the server sent it, which takes none from the cursor; a server-side cursor has none yet, and is not seen.
"""

from __future__ import annotations

from collections.abc import Sequence

from ...observing.arguments import Arguments
from ...observing.methods import patches as patched
from ...observing.patching import Patch
from .retrieval import Asked, Store
from .rows import documents_of
from .statements import Statement, written

_POSTGRESQL = Store("postgresql")


def patches() -> Sequence[Patch]:
    """Both cursors; those of other kinds that psycopg has are made from them, and connections use them."""
    return patched(
        "psycopg",
        [
            _POSTGRESQL.search("psycopg.cursor:Cursor.execute", _statement, documents_of),
            _POSTGRESQL.search("psycopg.cursor_async:AsyncCursor.execute", _statement, documents_of),
        ],
    )


def _statement(arguments: Arguments) -> Asked | None:
    query = arguments.get("query")
    text = query if type(query) is str else written(query)
    if "<" not in text:
        return None
    statement = Statement(text, arguments.get("params"))
    if not statement.looks_for_vectors:
        return None
    info = arguments.receiver.connection.info
    return Asked(
        collection=statement.table,
        top_k=statement.limit,
        is_filtered=statement.is_filtered,
        namespace=info.dbname,
        address=info.host or None,
        port=info.port,
    )
