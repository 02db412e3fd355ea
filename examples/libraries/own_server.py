"""A model on a machine of your own behind OpenAI's API, such as vLLM: only you know what the address stands for."""

from __future__ import annotations

import os
from urllib.parse import urlsplit

import openai

import genba

address = os.environ.get("OPENAI_BASE_URL", "http://127.0.0.1:8000/v1")
genba.init(provider_names={urlsplit(address).netloc: "vllm"})

client = openai.OpenAI(base_url=address, api_key="none is needed")
answer = client.chat.completions.create(model="my-model", messages=[{"role": "user", "content": "Who makes honey?"}])
print(answer.choices[0].message.content)
