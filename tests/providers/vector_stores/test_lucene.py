"""Which bodies of Elasticsearch's and OpenSearch's `_search` look for vectors, and for which words."""

from __future__ import annotations

from typing import Any

import pytest

from genba.providers.vector_stores.lucene import asked, found

BY_VECTORS = [
    ({"knn": {"field": "v", "query_vector": [0.1], "k": 3}}, [], 3),
    ({"knn": [{"field": "v", "query_vector": [0.1], "k": 3}], "query": {"match": {"text": "cats"}}, "size": 5}, ["cats"], 5),
    ({"query": {"knn": {"v": {"vector": [0.1], "k": 3}}}}, [], 3),
    ({"query": {"neural": {"v": {"query_text": "cats", "model_id": "m", "k": 3}}}}, ["cats"], 3),
    ({"query": {"hybrid": {"queries": [{"match": {"t": {"query": "cats"}}}, {"neural": {"v": {"query_text": "cats", "k": 3}}}]}}}, ["cats"], 3),
    ({"query": {"neural_sparse": {"v": {"query_text": "cats"}}}}, ["cats"], None),
    ({"query": {"semantic": {"field": "s", "query": "cats"}}}, ["cats"], None),
    ({"query": {"sparse_vector": {"field": "s", "inference_id": "e", "query": "cats"}}}, ["cats"], None),
    ({"query": {"text_expansion": {"ml": {"model_id": "e", "model_text": "cats"}}}}, ["cats"], None),
    (
        {"retriever": {"rrf": {"retrievers": [{"standard": {"query": {"multi_match": {"query": "cats", "type": "best_fields"}}}},
                                              {"knn": {"field": "v", "query_vector": [0.1], "k": 3}}]}}},
        ["cats"], 3,
    ),
    (
        {"query": {"script_score": {"query": {"match_all": {}}, "script": {"source": "cosineSimilarity(params.v, 'v')", "params": {}}}}},
        [], None,
    ),
]  # fmt: skip


@pytest.mark.parametrize(("body", "words", "top_k"), BY_VECTORS)
def test_every_way_to_look_for_vectors_is_seen(body: Any, words: Any, top_k: Any) -> None:
    search = asked("/docs,more/_search", None, body, "localhost", 9200)
    assert search is not None
    assert (search.collection, list(search.queries), search.top_k, search.is_filtered) == ("docs,more", words, top_k, False)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/docs/_search", {"query": {"match": {"text": "cats"}}}),
        ("/docs/_search", {"query": {"script_score": {"query": {}, "script": {"source": "doc['likes'].value"}}}}),
        ("/docs/_search", {"query": {"term": {"semantic": "yes"}}}),
        ("/docs/_search", None),
        ("/docs/_search", b"bytes"),
        ("/docs/_search", ["odd"]),
        ("/docs/_msearch", b"bytes"),
        ("/docs/_msearch", [{}, {"query": {}}]),
        ("/docs/_doc/1", {"knn": {"field": "v"}}),
        ("/_search/scroll", {"scroll_id": "x"}),
    ],
)
def test_others_are_none(path: str, body: Any) -> None:
    assert asked(path, None, body, None, None) is None


def test_the_size_may_stand_in_the_address_and_a_filter_anywhere() -> None:
    body = {"query": {"bool": {"filter": [{"term": {"page": 1}}], "must": [{"knn": {"v": {"vector": [0.1], "k": 3}}}]}}}
    search = asked("/_search?pretty", {"size": 9}, body, None, None)
    assert search is not None
    assert (search.collection, search.top_k, search.is_filtered) == (None, 9, True)


def test_an_answer_of_any_shape_is_read() -> None:
    hit = {"_id": "a1", "_score": None, "fields": {"text": ["x"]}}
    assert list(found({"hits": {"hits": [hit, "odd", {}]}})) == [{"id": "a1", "metadata": {"text": ["x"]}}, {}]
    assert list(found({"hits": None})) == list(found({})) == list(found(None)) == []
