"""A streamed chat with a model in this process: one call, with the tokens that its chunks do not tell of."""

from __future__ import annotations

import os

from llama_cpp import Llama

import genba

genba.init()

model = Llama(os.environ.get("MODEL", "model.gguf"), n_ctx=512, verbose=False)
question = {"role": "user", "content": "Who makes honey?"}
for chunk in model.create_chat_completion([question], max_tokens=20, stream=True):
    print(chunk["choices"][0]["delta"].get("content", ""), end="")
