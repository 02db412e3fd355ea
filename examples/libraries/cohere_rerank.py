"""Search results put in order, and a question about the best of them: a reranking and a chat, each a span."""

from __future__ import annotations

import cohere

import genba

genba.init()

client = cohere.ClientV2()  # reads CO_API_KEY and CO_API_URL
documents = ["Bees make honey.", "Wasps make paper."]
question = "Who makes honey?"
ranked = client.rerank(model="rerank-v3.5", query=question, documents=documents, top_n=1)
best = documents[ranked.results[0].index]
answer = client.chat(model="command-a-03-2025", messages=[{"role": "user", "content": question}], documents=[best])
print(answer.message.content[0].text)
