"""A question answered from documents: what the store found, and why it came first."""

from __future__ import annotations

import chromadb

import genba

genba.init()

VECTORS = {"Bees make honey.": [1.0, 0.0], "Wasps make paper.": [0.0, 1.0]}  # an embedding model would make these

collection = chromadb.EphemeralClient().get_or_create_collection("insects", embedding_function=None)
collection.upsert(ids=["bees", "wasps"], documents=list(VECTORS), embeddings=list(VECTORS.values()))


@genba.retrieval("insects")
def look_up(query: str) -> list[str]:
    found = collection.query(query_embeddings=[[0.9, 0.1]], n_results=1)
    return (found["documents"] or [[]])[0]


print(look_up("Who makes honey?"))
