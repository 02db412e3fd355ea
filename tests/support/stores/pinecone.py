"""A fake of Pinecone's data plane: vectors that are looked for over HTTP."""

from __future__ import annotations

from typing import Any

from support.hosts import Host
from support.stores import DOCUMENTS, QUERY, VECTORS, Place, Stand, Strike
from support.wire import Answer, Received, Reply, json_answer

STATE: dict[str, Any] = {}


def _answer(request: Received) -> Reply:
    asked = request.json
    if asked.get("filter", {}).get("kind") == "hang":
        STATE["strike"]()
        return Answer(b"", then="stall")
    if asked.get("namespace") == "wrong":
        return json_answer({"code": 3, "message": "no such namespace", "details": []}, 400)
    matches = [] if asked.get("filter") else [_match(one, 0.9 - index / 10) for index, one in enumerate(DOCUMENTS)]
    return json_answer({"matches": matches, "namespace": asked.get("namespace", ""), "usage": {"readUnits": 1}})


def _match(one: str, score: float) -> Any:
    return {"id": one, "score": score, "values": VECTORS[one], "metadata": {"text": DOCUMENTS[one], "page": 1.0}}


async def _open(place: Place) -> Any:
    import pinecone

    place.server.serve(_answer)
    kind: Any = pinecone.AsyncIndex if place.host.asynchronous else pinecone.Index
    index = kind(host=place.server.url, api_key="key")
    place.opened.append(index)
    return index


def _hang(index: Any, place: Place, strike: Strike) -> Any:
    STATE["strike"] = strike
    return _query(index, filter={"kind": "hang"})


def _query(index: Any, **more: Any) -> Any:
    return index.query(top_k=2, vector=QUERY, include_metadata=True, include_values=True, **more)


async def _ids(result: Any, host: Host) -> Any:
    return [match.id for match in result.matches]


STANDS = (
    Stand(
        name="pinecone",
        library="pinecone",
        packages=("pinecone",),
        open=_open,
        search=lambda index: _query(index, namespace="animals"),
        search_in_vain=lambda index: _query(index, filter={"kind": "none"}),
        fail=lambda index: _query(index, namespace="wrong"),
        hang=_hang,
        ids=_ids,
        says={"db.namespace": "animals"},
        collection=None,
    ),
)
