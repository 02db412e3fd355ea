"""A talk with OpenAI's Realtime API over its WebSocket: each response is a span."""

from __future__ import annotations

import openai

import genba

genba.init()

client = openai.OpenAI()  # reads OPENAI_API_KEY and OPENAI_BASE_URL
with client.realtime.connect(model="gpt-realtime") as connection:
    connection.session.update(session={"type": "realtime", "output_modalities": ["text"]})
    said = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Who makes honey?"}]}
    connection.conversation.item.create(item=said)
    connection.response.create()
    for event in connection:
        if event.type in ("response.output_text.delta", "response.output_audio_transcript.delta"):
            print(event.delta, end="")
        if event.type == "response.done":
            break
print()
