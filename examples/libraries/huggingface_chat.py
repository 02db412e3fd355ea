"""A chat through Hugging Face's client, with whoever serves the model."""

from __future__ import annotations

import os

from huggingface_hub import InferenceClient

import genba

genba.init()

# Reads HF_TOKEN. With an address it asks a server of your own, else one of the providers behind Hugging Face.
client = InferenceClient(base_url=os.environ.get("HF_ENDPOINT_URL"))
completion = client.chat.completions.create(
    model=os.environ.get("HF_MODEL", "Qwen/Qwen3-4B"),
    messages=[{"role": "user", "content": "Who makes honey?"}],
    max_tokens=48,
)
print(completion.choices[0].message.content)
