"""A streamed answer: each piece is printed as it arrives, and the trace says when the first one did."""

from __future__ import annotations

import os

import openai

import genba

genba.init()

client = openai.OpenAI()
stream = client.chat.completions.create(
    model=os.environ.get("OPENAI_MODEL", "smollm2-135m"),
    messages=[{"role": "user", "content": "Why is the sky blue? Answer in one sentence."}],
    max_tokens=60,
    temperature=0,
    stream=True,
    stream_options={"include_usage": True},  # asks for token counts; genba never adds this by itself
)
with stream:
    for chunk in stream:
        for choice in chunk.choices:  # the last chunk brings the token counts, and no choice
            print(choice.delta.content or "", end="", flush=True)
print()
