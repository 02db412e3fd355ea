"""The tokens of an answer: ask for log-probabilities, and `genba tokens last` shows what the model said piece by piece, and how sure it was."""

from __future__ import annotations

import os

import openai

import genba

genba.init()  # keeps what a server tells of its tokens; tokens="pieces" and tokens="full" look for more

client = openai.OpenAI()  # reads OPENAI_BASE_URL and OPENAI_API_KEY
stream = client.chat.completions.create(
    model=os.environ.get("OPENAI_MODEL", "smollm2-135m"),
    messages=[{"role": "user", "content": "Which colour is the sky? Answer in one sentence."}],
    temperature=0,
    max_tokens=24,
    logprobs=True,
    top_logprobs=3,
    stream=True,
    stream_options={"include_usage": True},
)
for chunk in stream:
    print(chunk.choices[0].delta.content or "" if chunk.choices else "", end="", flush=True)
print()
