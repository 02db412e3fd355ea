"""A chat with a model in this process: one call, with what was said, and the tokens that the model took and gave."""

from __future__ import annotations

import os

from transformers import pipeline

import genba

genba.init()

ask = pipeline("text-generation", model=os.environ.get("MODEL", "HuggingFaceTB/SmolLM2-135M-Instruct"))
answer = ask([{"role": "user", "content": "hello"}], max_new_tokens=20)
print(answer[0]["generated_text"][-1]["content"])
