"""One question to a chat model: two added lines, and the call is on record."""

from __future__ import annotations

import os

import openai

import genba

genba.init()  # from here on, every call that this process makes through the openai client is traced

client = openai.OpenAI()  # reads OPENAI_BASE_URL and OPENAI_API_KEY
completion = client.chat.completions.create(
    model=os.environ.get("OPENAI_MODEL", "smollm2-135m"),
    messages=[{"role": "user", "content": "What is the capital of France?"}],
    temperature=0,
    max_tokens=48,
)
print(completion.choices[0].message.content)
# Spans are written in the background; what is still waiting when the program ends is written then.
