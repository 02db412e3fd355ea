"""A Haystack pipeline that answers from documents: what was found, what was asked, what was answered."""

from __future__ import annotations

import os

from haystack import Document, Pipeline
from haystack.components.builders import ChatPromptBuilder
from haystack.components.generators.chat import OpenAIChatGenerator
from haystack.components.retrievers.in_memory import InMemoryBM25Retriever
from haystack.dataclasses import ChatMessage
from haystack.document_stores.in_memory import InMemoryDocumentStore

import genba

genba.init()

store = InMemoryDocumentStore()
store.write_documents([Document(content="Bees make honey."), Document(content="Cows give milk.")])
pipeline = Pipeline()
pipeline.add_component("retriever", InMemoryBM25Retriever(store, top_k=1))
pipeline.add_component("prompt", ChatPromptBuilder([ChatMessage.from_user("{{documents[0].content}} {{question}}")]))
pipeline.add_component("llm", OpenAIChatGenerator(model="gpt-5-mini", api_base_url=os.environ.get("OPENAI_BASE_URL")))
pipeline.connect("retriever", "prompt.documents")
pipeline.connect("prompt", "llm.messages")
found = pipeline.run({"retriever": {"query": "honey"}, "prompt": {"question": "Who makes honey?"}})
print(found["llm"]["replies"][0].text)
