"""A fake of Elasticsearch and OpenSearch: `_search` over HTTP."""

from __future__ import annotations

from typing import Any

from support.hosts import Host
from support.stores import DOCUMENTS, NEAREST, QUERY, VECTORS, Place, Stand, Strike
from support.wire import Answer, Received, Reply, json_answer

STATE: dict[str, Any] = {}


def hits(ids: Any) -> Any:
    found = [
        {"_index": "docs", "_id": one, "_score": 0.9 - index / 10, "_source": {"text": DOCUMENTS[one], "vector": VECTORS[one] * 4}}
        for index, one in enumerate(ids)
    ]
    return {"took": 1, "timed_out": False, "hits": {"total": {"value": len(found), "relation": "eq"}, "hits": found}}


def answer(request: Received) -> Reply:
    """What the server answers to a search; the index says what is to happen."""
    product = {"x-elastic-product": "Elasticsearch"}
    if request.path.startswith("/hang"):
        STATE["strike"]()
        return Answer(b"", then="stall")
    if request.path.startswith("/wrong"):
        return json_answer({"error": {"type": "index_not_found_exception", "reason": "none"}, "status": 404}, 404, headers=product)
    if request.path.endswith("/_msearch"):
        return json_answer({"took": 1, "responses": [hits(NEAREST), hits(())]}, headers=product)
    return json_answer(hits(() if b'"filter"' in request.body else NEAREST), headers=product)


def _elasticsearch(place: Place) -> Any:
    import elasticsearch

    kind: Any = elasticsearch.AsyncElasticsearch if place.host.asynchronous else elasticsearch.Elasticsearch
    return kind(place.server.url)


def _opensearch(place: Place) -> Any:
    import opensearchpy

    kind: Any = opensearchpy.AsyncOpenSearch if place.host.asynchronous else opensearchpy.OpenSearch
    return kind(hosts=[{"host": "127.0.0.1", "port": place.server.port}])


def _opening(make: Any) -> Any:
    async def open(place: Place) -> Any:
        place.server.serve(answer)
        client = make(place)
        place.opened.append(client)
        return client

    return open


async def _ids(result: Any, host: Host) -> Any:
    return [hit["_id"] for hit in result["hits"]["hits"]]


def _nearest(client: Any, index: str = "docs", **more: Any) -> Any:
    knn = {"field": "vector", "query_vector": QUERY, "k": 2, "num_candidates": 10, **more}
    return client.search(index=index, knn=knn, size=2)


def _neighbours(client: Any, index: str = "docs", **more: Any) -> Any:
    return client.search(index=index, body={"size": 2, "query": {"knn": {"vector": {"vector": QUERY, "k": 2, **more}}}})


def _stand(name: str, library: str, package: str, make: Any, search: Any) -> Stand:
    def hang(client: Any, place: Place, strike: Strike) -> Any:
        STATE["strike"] = strike
        return search(client, "hang")

    return Stand(
        name=name,
        library=library,
        packages=(package, "aiohttp"),
        open=_opening(make),
        search=search,
        search_in_vain=lambda client: search(client, filter={"term": {"page": 99}}),
        fail=lambda client: search(client, "wrong"),
        hang=hang,
        ids=_ids,
        operation="perform_request",
    )


STANDS = (
    _stand("elasticsearch", "elasticsearch", "elasticsearch", _elasticsearch, _nearest),
    _stand("opensearch", "opensearch", "opensearchpy", _opensearch, _neighbours),
)
