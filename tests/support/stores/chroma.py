"""Chroma itself: in this process, and for async hosts a server of its own."""

from __future__ import annotations

import atexit
import functools
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from support.hosts import Host
from support.stores import DOCUMENTS, QUERY, VECTORS, WORDS, Place, Stand, Strike


async def _open(place: Place) -> Any:
    import chromadb
    from chromadb.config import Settings

    settings = Settings(anonymized_telemetry=False)
    client: Any
    if place.host.asynchronous:
        client = await chromadb.AsyncHttpClient(port=_server(), settings=settings)
    else:
        client = chromadb.EphemeralClient(settings)
    collection = await place.host.result(client.get_or_create_collection("docs", embedding_function=_embedding()))
    ids = list(DOCUMENTS)
    metadatas = [{"page": number} for number in range(len(ids))]
    filling = collection.upsert(
        ids=ids, embeddings=[VECTORS[one] for one in ids], documents=list(DOCUMENTS.values()), metadatas=metadatas
    )
    await place.host.result(filling)
    return collection


@functools.cache
def _embedding() -> Any:
    from chromadb import EmbeddingFunction

    class Embedding(EmbeddingFunction[Any]):  # type: ignore[misc]  # untyped where it is not installed
        def __init__(self) -> None:
            pass

        def __call__(self, input: Any) -> Any:
            for strike in _strikes:
                strike()
            return [QUERY for _ in input]

        @staticmethod
        def name() -> str:
            return "fixed"

        @staticmethod
        def build_from_config(_config: Any) -> Any:
            return Embedding()

        def get_config(self) -> Any:
            return {}

    return Embedding()


@functools.cache
def _server() -> int:
    """The port of a server of this run."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = int(taken.getsockname()[1])
    folder = tempfile.mkdtemp()
    command = Path(sys.executable).with_name("chroma")
    server = subprocess.Popen(
        [str(command), "run", "--path", folder, "--port", str(port)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    atexit.register(server.kill)
    for _ in range(400):
        with socket.socket() as trying:
            if trying.connect_ex(("127.0.0.1", port)) == 0:
                return port
        time.sleep(0.05)
    raise TimeoutError("the Chroma server does not start")


_strikes: list[Strike] = []


def _hang(collection: Any, place: Place, strike: Strike) -> Any:
    _strikes.append(strike)
    if place.host.asynchronous:
        return _then_calm(collection.query(query_texts=WORDS))
    try:
        return collection.query(query_texts=WORDS)
    finally:
        _strikes.clear()


async def _then_calm(result: Any) -> Any:
    try:
        return await result
    finally:
        _strikes.clear()


async def _ids(result: Any, host: Host) -> Any:
    return result["ids"][0]


STANDS = (
    Stand(
        name="chroma",
        library="chromadb",
        packages=("chromadb",),
        open=_open,
        search=lambda collection: collection.query(query_texts=WORDS, n_results=2),
        search_in_vain=lambda collection: collection.query(query_texts=WORDS, n_results=2, where={"page": 99}),
        fail=lambda collection: collection.query(query_embeddings=[[1.0]], n_results=2),
        hang=_hang,
        ids=_ids,
        says={"db.namespace": "default_database"},
        reads_words=True,
    ),
)
