"""A retrieval of the host's own, or of a framework, over a store: one span, with what both know. What makes the vectors lies below."""

from __future__ import annotations

import json
from typing import Any

import pytest

import genba
from support.hosts import HOSTS
from support.spans import Spans, attributes, tree
from support.stores import DOCUMENTS, NEAREST, QUERY, STANDS, WORDS, Place
from support.wire import Server

pytest.importorskip("chromadb", reason="chromadb is not installed")

_CHROMA = next(stand for stand in STANDS if stand.name == "chroma")


@pytest.fixture
def collection(server: Server, tmp_path: Any) -> Any:
    return HOSTS[0].run(lambda: _CHROMA.open(Place(HOSTS[0], server, tmp_path)))


def found(spans: Spans) -> Any:
    return json.loads(attributes(spans.only())["gen_ai.retrieval.documents"])


def test_a_decorated_search_over_a_store_is_one_retrieval_with_what_the_store_found(collection: Any, spans: Spans) -> None:
    @genba.retrieval("handbook")
    def search(query: str) -> list[str]:
        return collection.query(query_embeddings=[QUERY], n_results=2)["documents"][0]  # type: ignore[no-any-return]

    assert search(WORDS) == list(DOCUMENTS.values())
    told = attributes(spans.only())
    assert spans.only().name == "retrieval handbook"
    assert (told["gen_ai.data_source.id"], told["db.collection.name"], told["db.system.name"]) == ("handbook", "docs", "chroma")
    assert told["gen_ai.retrieval.query.text"] == WORDS, "the store was given a vector; the function knows the words"
    assert told["gen_ai.retrieval.top_k"] == 2
    assert [one["id"] for one in found(spans)] == list(NEAREST)


def test_what_several_searches_of_one_retrieval_found_stands_together(collection: Any, spans: Spans) -> None:
    @genba.retrieval("handbook")
    def search(query: str) -> list[str]:
        near = collection.query(query_texts=query, n_results=1)
        far = collection.query(query_texts="no air", n_results=1, where={"page": 1})
        return [*near["documents"][0], *far["documents"][0]]

    search(WORDS)
    assert [one["id"] for one in found(spans)] == list(NEAREST)
    assert attributes(spans.only())["gen_ai.retrieval.query.text"] == WORDS


def test_what_the_host_tells_of_what_it_found_stands(collection: Any, spans: Spans) -> None:
    with genba.retrieval("handbook") as retrieval:
        collection.query(query_texts=WORDS, n_results=2)
        retrieval.request(query="asked otherwise")
        retrieval.response([{"id": "a1", "score": 0.7, "content": "reranked"}])
    assert found(spans) == [{"id": "a1", "score": 0.7, "content": "reranked"}]
    assert attributes(spans.only())["gen_ai.retrieval.query.text"] == "asked otherwise"


def test_the_model_that_makes_the_vector_lies_below_the_search(collection: Any, spans: Spans) -> None:
    class Embedding(type(collection._embedding_function)):  # type: ignore[misc]
        @genba.embeddings(model="tiny")
        def __call__(self, input: Any) -> Any:
            return [QUERY for _ in input]

        @staticmethod
        def name() -> str:
            return "traced"

    collection._embedding_function = Embedding()
    collection.query(query_texts=WORDS, n_results=2)
    assert tree(spans) == ["retrieval docs", "  embeddings tiny"]


def test_a_search_in_an_agents_tool_is_a_child_of_the_tool(collection: Any, spans: Spans) -> None:
    @genba.tool
    def look_up(query: str) -> Any:
        return collection.query(query_texts=query, n_results=1)["documents"]

    look_up(WORDS)
    assert tree(spans) == ["execute_tool look_up", "  retrieval docs"]
