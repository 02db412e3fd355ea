"""A chat with Grok over gRPC, printed as it arrives."""

from __future__ import annotations

import os

from xai_sdk import Client
from xai_sdk.chat import user

import genba

genba.init()

# Reads XAI_API_KEY. XAI_API_HOST may name a server of your own, on this machine.
own = os.environ.get("XAI_API_HOST")
client = Client(api_host=own, use_insecure_channel=True) if own else Client()
chat = client.chat.create(model=os.environ.get("XAI_MODEL", "grok-4.3"), messages=[user("Who makes honey?")])
for _, chunk in chat.stream():
    print(chunk.content, end="", flush=True)
print()
client.close()
