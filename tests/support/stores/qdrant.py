"""Qdrant itself, in memory; a search that hangs is one of a server that does not answer."""

from __future__ import annotations

import uuid
from inspect import signature
from typing import Any

from support.hosts import Host
from support.stores import DOCUMENTS, NEAREST, QUERY, VECTORS, Place, Stand, Strike
from support.wire import Answer

_IDS = {one: str(uuid.uuid5(uuid.NAMESPACE_OID, one)) for one in NEAREST}


def _client(place: Place, **where: Any) -> Any:
    import qdrant_client

    kind = qdrant_client.AsyncQdrantClient if place.host.asynchronous else qdrant_client.QdrantClient
    client = kind(**where)
    place.opened.append(client)
    return client


async def _open(place: Place) -> Any:
    from qdrant_client import models

    client = _client(place, location=":memory:")
    size = models.VectorParams(size=3, distance=models.Distance.COSINE)
    await place.host.result(client.create_collection("docs", vectors_config=size))
    points = [
        models.PointStruct(id=_IDS[one], vector=VECTORS[one], payload={"page_content": text, "metadata": {"name": one}})
        for one, text in DOCUMENTS.items()
    ]
    await place.host.result(client.upsert("docs", points))
    return client


def _nowhere() -> Any:
    from qdrant_client import models

    return models.Filter(must=[models.FieldCondition(key="page_content", match=models.MatchValue(value="nothing"))])


def _hang(client: Any, place: Place, strike: Strike) -> Any:
    def stall(_request: Any) -> Answer:
        strike()
        return Answer(b"", then="stall")

    place.server.serve(stall)
    checks = "check_compatibility" in signature(type(client)).parameters
    remote = _client(place, url=place.server.url, **({"check_compatibility": False} if checks else {}))
    return remote.query_points("docs", query=QUERY, limit=2)


async def _ids(result: Any, host: Host) -> Any:
    names = {given: one for one, given in _IDS.items()}
    return [names[point.id] for point in result.points]


STANDS = (
    Stand(
        name="qdrant",
        library="qdrant-client",
        packages=("qdrant_client",),
        open=_open,
        search=lambda client: client.query_points("docs", query=QUERY, limit=2, with_vectors=True),
        search_in_vain=lambda client: client.query_points("docs", query=QUERY, limit=2, query_filter=_nowhere()),
        fail=lambda client: client.query_points("no such collection", query=QUERY, limit=2),
        hang=_hang,
        ids=_ids,
        operation="query_points",
    ),
)
