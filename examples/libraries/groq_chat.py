"""A question to Groq's client: the answer arrives piece by piece, and the trace has it whole."""

from __future__ import annotations

import groq

import genba

genba.init()

client = groq.Groq()  # reads GROQ_API_KEY and GROQ_BASE_URL
question = {"role": "user", "content": "Who makes honey?"}
for chunk in client.chat.completions.create(model="llama-3.3-70b-versatile", messages=[question], stream=True):
    print(chunk.choices[0].delta.content or "", end="") if chunk.choices else None
print()
