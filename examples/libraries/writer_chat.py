"""A question to Writer's client, as a span."""

from __future__ import annotations

from writerai import Writer

import genba

genba.init()

client = Writer()  # reads WRITER_API_KEY and WRITER_BASE_URL
answer = client.chat.chat(model="palmyra-x5", messages=[{"role": "user", "content": "Who makes honey?"}])
print(answer.choices[0].message.content)
