"""The nearest points of a collection: a retrieval with ids, scores and texts."""

from __future__ import annotations

from qdrant_client import QdrantClient, models

import genba

genba.init()

client = QdrantClient(":memory:")
client.create_collection("insects", vectors_config=models.VectorParams(size=2, distance=models.Distance.COSINE))
client.upsert("insects", [models.PointStruct(id=1, vector=[1.0, 0.0], payload={"text": "Bees make honey."})])
for point in client.query_points("insects", query=[0.9, 0.1], limit=1).points:
    print(point.score, point.payload)
