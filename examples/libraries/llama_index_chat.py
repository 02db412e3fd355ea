"""A streamed answer of a LlamaIndex model, as a span."""

from __future__ import annotations

import os

from llama_index.core.llms import ChatMessage
from llama_index.llms.openai import OpenAI

import genba

genba.init()

model = OpenAI(model="gpt-4o-mini", api_base=os.environ.get("OPENAI_BASE_URL"))  # reads OPENAI_API_KEY
for piece in model.stream_chat([ChatMessage("Who makes honey?")]):
    print(piece.delta, end="", flush=True)
print()
