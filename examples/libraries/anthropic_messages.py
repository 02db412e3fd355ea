"""Claude's client, streamed: the span keeps the thinking, the text, and what the cache saved.

ANTHROPIC_API_KEY=… python anthropic_messages.py
genba show last
"""

from __future__ import annotations

import anthropic

import genba

genba.init()
client = anthropic.Anthropic()

with client.messages.stream(
    model="claude-haiku-4-5",
    max_tokens=256,
    system="Answer in one line.",
    messages=[{"role": "user", "content": "Who makes honey?"}],
) as stream:
    for text in stream.text_stream:
        print(text, end="", flush=True)
print()
