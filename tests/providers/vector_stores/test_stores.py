"""What each store has of its own: other searches than the plainest, and what is no search."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from support.hosts import HOSTS
from support.spans import Spans, attributes, tree
from support.stores import DOCUMENTS, NEAREST, QUERY, STANDS, WORDS, Place
from support.wire import Received, Reply, Server, json_answer

Open = Callable[[str], Any]


@pytest.fixture
def opened(server: Server, tmp_path: Path) -> Any:
    """Opens a store by its name; closed after the test."""
    place = Place(HOSTS[0], server, tmp_path)

    def open(name: str) -> Any:
        stand = next((stand for stand in STANDS if stand.name == name), None)
        if stand is None:
            pytest.skip(f"{name} is not installed")
        return HOSTS[0].run(lambda: stand.open(place))

    yield open
    for one in place.opened:
        one.close()


def found(span: Any) -> Any:
    return json.loads(attributes(span).get("gen_ai.retrieval.documents", "[]"))


def texts(spans: Spans) -> Any:
    return attributes(spans.only()).get("gen_ai.retrieval.query.text")


# Chroma


def test_chroma_several_queries_at_once_are_told_apart(opened: Open, spans: Spans) -> None:
    opened("chroma").query(query_texts=["cats", "moon"], n_results=1)
    assert texts(spans) == "cats\nmoon"
    assert [(one["id"], one["query"], one["score_is"]) for one in found(spans.only())] == [
        ("a1", 0, "distance"),
        ("a1", 1, "distance"),
    ]


def test_chroma_documents_that_are_fetched_are_a_retrieval(opened: Open, spans: Spans) -> None:
    opened("chroma").get(ids=["b2"])
    assert found(spans.only()) == [{"id": "b2", "content": DOCUMENTS["b2"], "metadata": {"page": 1}}]
    assert attributes(spans.only())["db.operation.name"] == "get"


def test_chroma_what_is_not_included_is_not_there(opened: Open, spans: Spans) -> None:
    opened("chroma").query(query_embeddings=[QUERY], n_results=1, include=[])
    assert found(spans.only()) == [{"id": "a1"}]


def test_chroma_writes_are_not_traced(opened: Open, spans: Spans) -> None:
    collection = opened("chroma")
    collection.upsert(ids=["c3"], documents=["gone soon"])
    collection.delete(ids=["c3"])
    collection.count()
    assert spans.all() == []


def _chroma_cloud(request: Received) -> Reply:
    if request.path.endswith("/search"):
        assert request.json["searches"], "the client sends what it was asked"
        return json_answer(
            {
                "ids": [["a1"]],
                "documents": [["Cats purr."]],
                "metadatas": [[None]],
                "scores": [[0.5]],
                "embeddings": [None],
                "select": [[]],
            }
        )
    if request.path.endswith("/collections"):
        return json_answer(
            {"id": "2ba7c6c8-31a2-4f7e-8a3c-5d8b7b9b5d10", "name": "docs", "configuration_json": {}, "metadata": None, "dimension": 3,
             "tenant": "t", "database": "d", "version": 0, "log_position": 0}
        )  # fmt: skip
    if request.path.endswith("/identity"):
        return json_answer({"user_id": "u", "tenant": "t", "databases": ["d"]})
    return json_answer({"name": "d", "tenant": "t", "id": "2ba7c6c8-31a2-4f7e-8a3c-5d8b7b9b5d10"})


def test_chroma_search_says_what_it_ranks_by(server: Server, spans: Spans) -> None:
    chromadb = pytest.importorskip("chromadb", reason="chromadb is not installed")
    expression = pytest.importorskip("chromadb.execution.expression", reason="this chromadb has no search")
    if not hasattr(expression, "Search"):
        pytest.skip("this chromadb has no search")
    server.serve(_chroma_cloud)
    settings = chromadb.config.Settings(anonymized_telemetry=False)
    collection = chromadb.HttpClient(host="127.0.0.1", port=server.port, settings=settings).get_or_create_collection("docs")
    search = expression.Search().rank(expression.Knn(query=QUERY) + 1).where(expression.K("page") == 1).limit(3)
    collection.search(search)
    told = attributes(spans.only())
    assert (told["gen_ai.retrieval.top_k"], told["genba.retrieval.filtered"], told["db.operation.name"]) == (3, True, "search")
    assert (told["server.address"], told["server.port"]) == ("127.0.0.1", server.port)
    assert found(spans.only()) == [{"id": "a1", "score": 0.5, "content": "Cats purr."}]


def test_chroma_texts_in_a_ranking_are_read_wherever_they_stand() -> None:
    from genba.providers.vector_stores.chromadb import _texts_ranked_by

    rank = {"$sum": [{"$mul": [{"$knn": {"query": "cats", "limit": 5}}, {"$val": 2}]}, {"$knn": {"query": [0.1]}}]}
    assert list(_texts_ranked_by(rank)) == ["cats"]
    assert list(_texts_ranked_by(None)) == []


# Qdrant


def test_qdrant_the_payload_is_text_and_metadata(opened: Open, spans: Spans) -> None:
    opened("qdrant").query_points("docs", query=QUERY, limit=1)
    (one,) = found(spans.only())
    assert one["content"] == DOCUMENTS["a1"]
    assert one["metadata"] == {"name": "a1"}
    assert one["score"] > 0.9


def test_qdrant_batches_and_groups_are_one_retrieval_each(opened: Open, spans: Spans) -> None:
    models = pytest.importorskip("qdrant_client", reason="qdrant-client is not installed").models

    client = opened("qdrant")
    asked = models.QueryRequest(query=QUERY, limit=1, with_payload=True)
    client.query_batch_points("docs", [asked, asked])
    client.query_points_groups("docs", group_by="metadata.name", query=QUERY, limit=2)
    batch, groups = spans.all()
    assert [(one["content"], one["query"]) for one in found(batch)] == [(DOCUMENTS["a1"], 0), (DOCUMENTS["a1"], 1)]
    assert {one["content"] for one in found(groups)} == set(DOCUMENTS.values())
    assert (attributes(batch)["gen_ai.retrieval.top_k"], attributes(groups)["gen_ai.retrieval.top_k"]) == (1, 2)


def test_qdrant_points_that_are_fetched_by_id_are_a_retrieval(opened: Open, spans: Spans) -> None:
    client = opened("qdrant")
    (first, *_), _ = client.scroll("docs")
    assert spans.all() == [], "to page through a collection is no search"
    client.retrieve("docs", [first.id])
    assert [one["id"] for one in found(spans.only())] == [first.id]


def test_qdrant_texts_to_be_made_a_vector_of_are_the_query() -> None:
    models = pytest.importorskip("qdrant_client.models", reason="qdrant-client is not installed")
    from genba.providers.vector_stores.qdrant import _texts_of

    document = models.Document(text=WORDS, model="tiny")
    assert list(_texts_of(document)) == [WORDS]
    assert list(_texts_of(models.NearestQuery(nearest=document))) == [WORDS]
    assert list(_texts_of([models.Prefetch(query=document), models.Prefetch(query=QUERY)])) == [WORDS]
    assert list(_texts_of(QUERY)) == list(_texts_of("an id")) == list(_texts_of(None)) == []


# Pinecone


def test_pinecone_records_and_documents_that_are_searched_by_text(opened: Open, server: Server, spans: Spans) -> None:
    index = opened("pinecone")

    def reply(request: Received) -> Reply:
        if "/documents/" in request.path:
            return json_answer(
                {"matches": [{"_id": "a1", "_score": 0.5, "content": "Cats purr."}], "namespace": "n", "usage": {"read_units": 1}}
            )
        hit = {"_id": "a1", "_score": 0.5, "fields": {"chunk_text": "Cats purr.", "page": 1}}
        return json_answer({"result": {"hits": [hit]}, "usage": {"read_units": 1}})

    server.serve(reply)
    index.search(namespace="n", top_k=3, inputs={"text": WORDS}, filter={"page": 1})
    index.search_records(namespace="n", top_k=3, inputs={"text": WORDS})
    searches = [index.search, index.search_records]
    if "query" in inspect.signature(index.search).parameters:
        index.search(namespace="n", query={"inputs": {"text": WORDS}, "top_k": 3})
        searches.append(index.search)
    if hasattr(index, "documents"):
        index.documents.search(namespace="n", top_k=3, score_by=[{"type": "text", "fields": ["content"], "query": WORDS}])
        searches.append(index.documents.search)
    assert len(spans.all()) == len(searches)
    for span in spans.all():
        told = attributes(span)
        assert (told["gen_ai.retrieval.query.text"], told["gen_ai.retrieval.top_k"], told["db.namespace"]) == (WORDS, 3, "n")
        assert [(one["id"], one["score"], one["content"]) for one in found(span)] == [("a1", 0.5, "Cats purr.")]


def test_pinecone_vectors_that_are_fetched_say_what_is_stored_with_them(opened: Open, server: Server, spans: Spans) -> None:
    index = opened("pinecone")
    vector = {"id": "a1", "values": QUERY, "metadata": {"text": "Cats purr."}}
    server.serve(json_answer({"vectors": {"a1": vector}, "namespace": "", "usage": {"readUnits": 1}}))
    index.fetch(ids=["a1"])
    assert found(spans.only()) == [{"id": "a1", "content": "Cats purr."}]


def test_pinecone_the_index_is_named_by_its_host() -> None:
    from genba.providers.vector_stores.pinecone import _index_at

    assert _index_at("my-docs-a1b2c3d.svc.aped-4627-b74a.pinecone.io") == "my-docs"
    assert _index_at("127.0.0.1") is _index_at("localhost") is _index_at(None) is None


# Weaviate


def test_weaviate_every_kind_of_search_is_one(opened: Open, spans: Spans) -> None:
    query = opened("weaviate").query
    query.hybrid(query=WORDS, limit=2, vector=QUERY)
    query.bm25(query=WORDS, limit=2)
    query.near_object("5f0b4a52-7a8a-4a1c-9f65-0c4f7d0f7c11", limit=2)
    query.near_image("aGVsbG8=", limit=2)
    told = [attributes(span) for span in spans.all()]
    assert [one.get("gen_ai.retrieval.query.text") for one in told] == [WORDS, WORDS, None, None]
    (one, _) = found(spans.all()[0])
    assert (one["content"], one["metadata"], one["score"], one["score_is"]) == (
        DOCUMENTS["a1"], {"page": 1, "pages": [1, 2, 3]}, 0.25, "distance",
    )  # fmt: skip


def test_weaviate_objects_that_are_fetched_and_not_searched_for_are_no_retrieval(opened: Open, spans: Spans) -> None:
    opened("weaviate").query.fetch_objects(limit=2)
    assert spans.all() == []


def test_weaviate_values_of_every_kind_are_read() -> None:
    properties = pytest.importorskip("weaviate.proto.v1", reason="weaviate-client is not installed").properties_pb2
    from genba.providers.vector_stores.weaviate import _object

    made, value = properties.Properties, properties.Value
    fields = {
        "n": value(number_value=0.5), "b": value(bool_value=True), "none": value(null_value=0), "empty": value(),
        "o": value(object_value=made(fields={"i": value(int_value=7)})),
        "g": value(geo_value=properties.GeoCoordinate(latitude=1.0, longitude=2.0)),
        "p": value(phone_value=properties.PhoneNumber(input="030 1")), "blob": value(blob_value="aGVsbG8h"),
        "t": value(list_value=properties.ListValue(text_values=properties.TextValues(values=["x"]))), "l": value(list_value=properties.ListValue()),
    }  # fmt: skip
    assert _object(made(fields=fields)) == {
        "n": 0.5, "b": True, "none": None, "empty": None, "o": {"i": 7}, "g": {"latitude": 1.0, "longitude": 2.0},
        "p": "030 1", "blob": "<6 bytes>", "t": ["x"], "l": [],
    }  # fmt: skip


# PostgreSQL


def test_postgresql_other_statements_are_no_retrieval_and_the_rows_are_the_hosts(opened: Open, spans: Spans) -> None:
    connection = opened("postgresql")
    assert connection.execute("SELECT id FROM docs WHERE id < %s ORDER BY id", ("z",)).fetchone() == ("a1",)
    connection.execute("UPDATE docs SET content = content")
    assert spans.all() == []
    cursor = connection.execute("SELECT id FROM docs ORDER BY embedding <-> '[1,0,0]' LIMIT 2")
    assert (cursor.fetchone(), cursor.fetchall(), cursor.rowcount) == (("a1",), [("b2",)], 2)
    assert [one["id"] for one in found(spans.only())] == list(NEAREST)


def test_postgresql_a_binary_cursor_and_a_composed_statement_are_read_too(opened: Open, spans: Spans) -> None:
    sql = pytest.importorskip("psycopg", reason="psycopg is not installed").sql

    query = sql.SQL("SELECT id, content, embedding <=> {} AS distance FROM {} ORDER BY 3 LIMIT 1").format(
        sql.Literal(str(QUERY)), sql.Identifier("docs")
    )
    cursor = opened("postgresql").cursor(binary=True)
    cursor.execute(query)
    assert cursor.fetchall()[0][0] == "a1"
    (one,) = found(spans.only())
    assert (one["id"], one["content"], one["score_is"]) == ("a1", DOCUMENTS["a1"], "distance")
    assert attributes(spans.only())["db.collection.name"] == "docs"


def test_postgresql_the_vector_type_of_pgvectors_own_package_is_a_vector(opened: Open, spans: Spans) -> None:
    pgvector = pytest.importorskip("pgvector.psycopg", reason="pgvector is not installed")
    numpy = pytest.importorskip("numpy", reason="numpy is not installed")
    connection = opened("postgresql")
    pgvector.register_vector(connection)
    row = connection.execute("SELECT id, embedding FROM docs ORDER BY embedding <-> %s LIMIT 1", (numpy.array(QUERY),)).fetchone()
    assert row[0] == "a1"
    assert found(spans.only()) == [{"id": "a1"}]


# Elasticsearch and OpenSearch


def test_elasticsearch_several_searches_at_once_are_one_retrieval(opened: Open, spans: Spans) -> None:
    knn = {"field": "vector", "k": 4, "query_vector_builder": {"text_embedding": {"model_id": "m", "model_text": WORDS}}}
    opened("elasticsearch").msearch(
        searches=[{"index": "docs"}, {"knn": knn}, {}, {"query": {"match": {"text": "moon"}}}], index="docs"
    )
    told = attributes(spans.only())
    assert (told["gen_ai.retrieval.query.text"], told["gen_ai.retrieval.top_k"]) == (f"{WORDS}\nmoon", 4)
    assert [(one["id"], one["query"]) for one in found(spans.only())] == [("a1", 0), ("b2", 0)]


@pytest.mark.parametrize("name", ["elasticsearch", "opensearch"])
def test_a_search_by_words_alone_is_no_retrieval(opened: Open, spans: Spans, name: str) -> None:
    client = opened(name)
    client.search(index="docs", body={"query": {"match": {"text": WORDS}}})
    client.search(index="docs", body={"query": {"term": {"knn": "a field of this name"}}})
    assert spans.all() == []


def test_elasticsearch_its_own_span_of_the_request_stands_below(opened: Open, spans: Spans) -> None:
    client = opened("elasticsearch")
    if not hasattr(client, "_otel"):
        pytest.skip("this elasticsearch makes no spans")
    client._otel.tracer, client._otel.enabled = spans.provider.get_tracer("app.elasticsearch"), True
    client.search(index="docs", knn={"field": "vector", "query_vector": QUERY, "k": 2, "num_candidates": 10})
    assert tree(spans) == ["retrieval docs", "  search"]
