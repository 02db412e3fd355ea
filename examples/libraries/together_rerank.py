"""Search results put in order, and a question about the best of them: a reranking and a chat, each a span."""

from __future__ import annotations

import together

import genba

genba.init()

client = together.Together()  # reads TOGETHER_API_KEY and TOGETHER_BASE_URL
documents = ["Wasps make paper.", "Bees make honey."]
question = "Who makes honey?"
ranked = client.rerank.create(model="Salesforce/Llama-Rank-v1", query=question, documents=documents, top_n=1)
best = documents[ranked.results[0].index]
asked = {"role": "user", "content": f"{best}\n\n{question}"}
answer = client.chat.completions.create(model="meta-llama/Llama-3.3-70B-Instruct-Turbo", messages=[asked])
print(answer.choices[0].message.content)
