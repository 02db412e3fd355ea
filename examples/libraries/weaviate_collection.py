"""Objects of a collection that are near a text: a retrieval with what was asked, ids, distances and properties."""

from __future__ import annotations

import os

import weaviate

import genba

genba.init()

client = weaviate.connect_to_local(
    port=int(os.environ["WEAVIATE_PORT"]), grpc_port=int(os.environ["WEAVIATE_GRPC_PORT"]), skip_init_checks=True
)
with client:
    for found in client.collections.get("Docs").query.near_text(query="What do cats do?", limit=2).objects:
        print(found.uuid, found.properties.get("text"))
