"""A question to Mistral, streamed: one span, with the time to the first piece and what it cost."""

from __future__ import annotations

import os

from mistralai.client import Mistral

import genba

genba.init()

client = Mistral(api_key=os.environ["MISTRAL_API_KEY"], server_url=os.environ.get("MISTRAL_BASE_URL"))
with client.chat.stream(
    model=os.environ.get("MISTRAL_MODEL", "mistral-small-latest"),
    messages=[{"role": "user", "content": "Who makes honey?"}],
) as stream:
    for event in stream:
        print(event.data.choices[0].delta.content or "", end="")
print()
