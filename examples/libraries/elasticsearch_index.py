"""The nearest documents of an index in Elasticsearch: a retrieval. A search by words alone is none."""

from __future__ import annotations

import os

from elasticsearch import Elasticsearch

import genba

genba.init()

client = Elasticsearch(os.environ["ELASTICSEARCH_URL"])
found = client.search(index="docs", knn={"field": "vector", "query_vector": [0.9, 0.1, 0.0], "k": 2, "num_candidates": 10})
for hit in found["hits"]["hits"]:
    print(hit["_score"], hit["_source"]["text"])
