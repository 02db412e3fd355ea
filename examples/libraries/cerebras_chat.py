"""A question to Cerebras' client, as a span."""

from __future__ import annotations

from cerebras.cloud.sdk import Cerebras

import genba

genba.init()

client = Cerebras()  # reads CEREBRAS_API_KEY and CEREBRAS_BASE_URL
question = {"role": "user", "content": "Who makes honey?"}
answer = client.chat.completions.create(model="llama-3.3-70b", messages=[question])
print(answer.choices[0].message.content)
