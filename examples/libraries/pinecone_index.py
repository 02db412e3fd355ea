"""The nearest vectors of an index: a retrieval with ids, scores and the texts that are stored with them."""

from __future__ import annotations

import os

from pinecone import Index

import genba

genba.init()

index = Index(host=os.environ["PINECONE_INDEX_HOST"], api_key=os.environ["PINECONE_API_KEY"])
for match in index.query(vector=[0.9, 0.1, 0.0], top_k=2, include_metadata=True).matches:
    print(match.score, (match.metadata or {}).get("text"))
