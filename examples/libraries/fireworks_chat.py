"""A question to Fireworks in OpenAI's words, and one in Anthropic's: both are chats."""

from __future__ import annotations

import fireworks

import genba

genba.init()

client = fireworks.Fireworks()  # reads FIREWORKS_API_KEY and FIREWORKS_BASE_URL
model = "accounts/fireworks/models/deepseek-v3p1"
question = {"role": "user", "content": "Who makes honey?"}
print(client.chat.completions.create(model=model, messages=[question]).choices[0].message.content)
client.messages.create(model=model, max_tokens=100, messages=[question])
