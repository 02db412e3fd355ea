"""The examples of the vector stores run, and leave a retrieval each in the store."""

from __future__ import annotations

from pathlib import Path

import pytest

from support import programs, stored
from support.hosts import HOSTS
from support.stores import STANDS, Place
from support.wire import Server

EXAMPLES = Path(__file__).parents[3] / "examples" / "libraries"
AS_A_SCRIPT = "import os, runpy, sys; sys.path.insert(0, os.path.dirname(sys.argv[1])); runpy.run_path(sys.argv[1])"
CASES = {
    "chroma": ("chroma", lambda _: {}),
    "qdrant": ("qdrant", lambda _: {}),
    "pinecone_index": ("pinecone", lambda place: {"PINECONE_INDEX_HOST": place.server.url, "PINECONE_API_KEY": "key"}),
    "weaviate_collection": ("weaviate", lambda place: {"WEAVIATE_PORT": str(place.server.port), "WEAVIATE_GRPC_PORT": _weaviate()}),
    "pgvector": ("postgresql", lambda _: {"DATABASE_URL": _postgresql()}),
    "opensearch": ("opensearch", lambda place: {"OPENSEARCH_URL": place.server.url}),
    "elasticsearch_index": ("elasticsearch", lambda place: {"ELASTICSEARCH_URL": place.server.url}),
}


def _weaviate() -> str:
    from support.stores import weaviate

    return str(weaviate.STATE["port"])


def _postgresql() -> str:
    from support.stores import postgresql

    return postgresql.address()


@pytest.mark.parametrize("name", CASES)
def test_an_example_leaves_a_retrieval(name: str, server: Server, tmp_path: Path) -> None:
    store, environment = CASES[name]
    stand = next((stand for stand in STANDS if stand.name == store), None)
    if stand is None:
        pytest.skip(f"{store} is not installed")
    place = Place(HOSTS[0], server, tmp_path)
    HOSTS[0].run(lambda: stand.open(place))  # fills it, and where it is a fake, serves it
    ran = programs.run(AS_A_SCRIPT, str(EXAMPLES / f"{name}.py"), folder=tmp_path, **environment(place))
    for opened in place.opened:
        opened.close()
    assert ran.out.strip(), "it prints what it found"
    assert [found.partition(" ")[0] for found in stored.names(tmp_path)] == ["retrieval"]
