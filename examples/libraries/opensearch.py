"""The nearest documents of an index in OpenSearch: a retrieval. A search by words alone is none."""

from __future__ import annotations

import os

from opensearchpy import OpenSearch

import genba

genba.init()

client = OpenSearch(os.environ["OPENSEARCH_URL"])
search = {"size": 2, "query": {"knn": {"vector": {"vector": [0.9, 0.1, 0.0], "k": 2}}}}
for hit in client.search(index="docs", body=search)["hits"]["hits"]:
    print(hit["_score"], hit["_source"]["text"])
