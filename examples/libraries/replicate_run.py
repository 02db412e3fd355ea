"""A model that Replicate runs, with all the asking whether it is done as one call."""

from __future__ import annotations

import os

import replicate

import genba

genba.init()

# Reads REPLICATE_API_TOKEN; REPLICATE_URL may name a server of your own.
client = replicate.Client(base_url=os.environ.get("REPLICATE_URL"))
output = client.run(
    os.environ.get("REPLICATE_MODEL", "meta/meta-llama-3-8b-instruct"),
    input={"prompt": "Who makes honey?", "max_tokens": 48},
)
print("".join(output))
