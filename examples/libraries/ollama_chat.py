"""A model on this machine, asked through Ollama's client: the answer arrives piece by piece, and the trace has it whole."""

from __future__ import annotations

import os

import ollama

import genba

genba.init()

# The server's address is read from OLLAMA_HOST.
question = {"role": "user", "content": "Who makes honey?"}
for piece in ollama.chat(model=os.environ.get("OLLAMA_MODEL", "gemma3:1b"), messages=[question], stream=True):
    print(piece.message.content, end="")
print()
