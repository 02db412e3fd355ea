"""Vectors for texts by one of Voyage's models."""

from __future__ import annotations

import os

import voyageai

import genba

genba.init()

# Reads VOYAGE_API_KEY; VOYAGE_URL may name a server of your own.
client = voyageai.Client(base_url=os.environ.get("VOYAGE_URL"))
found = client.embed(
    ["Bees make honey.", "Bears eat it."],
    model=os.environ.get("VOYAGE_MODEL", "voyage-4"),
    input_type="document",
)
print(len(found.embeddings), "vectors,", found.total_tokens, "tokens")
