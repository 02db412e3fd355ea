"""A framework's retriever over a store: one retrieval, which knows the words from the framework and the documents from the store."""

from __future__ import annotations

import json
import uuid
from typing import Any

import pytest

from support.hosts import HOSTS, Host
from support.spans import Spans, attributes, tree
from support.stores import DOCUMENTS, NEAREST, QUERY, VECTORS, WORDS

langchain_chroma = pytest.importorskip("langchain_chroma", reason="langchain-chroma is not installed")
pytest.importorskip("chromadb", reason="chromadb is not installed")


def _retriever() -> Any:
    import chromadb
    from langchain_core.embeddings import Embeddings

    class Fixed(Embeddings):
        def embed_documents(self, texts: list[str]) -> list[list[float]]:
            return [VECTORS[one] for one, text in DOCUMENTS.items() if text in texts]

        def embed_query(self, _text: str) -> list[float]:
            return QUERY

    client = chromadb.EphemeralClient(chromadb.config.Settings(anonymized_telemetry=False))
    store = langchain_chroma.Chroma(f"handbook-{uuid.uuid4().hex[:8]}", Fixed(), client=client)
    store.add_texts(list(DOCUMENTS.values()), ids=list(NEAREST))
    return store.as_retriever(search_kwargs={"k": 2})


@pytest.mark.parametrize("host", HOSTS, ids=[host.name for host in HOSTS])
def test_a_retriever_of_langchain_over_chroma_is_one_retrieval(host: Host, spans: Spans) -> None:
    retriever = _retriever()

    async def ask() -> Any:
        return await host.result(retriever.ainvoke(WORDS) if host.asynchronous else retriever.invoke(WORDS))

    assert [one.id for one in host.run(ask)] == list(NEAREST)
    assert len(tree(spans)) == 1, tree(spans)
    told = attributes(spans.only())
    assert (told["gen_ai.retrieval.query.text"], told["gen_ai.retrieval.top_k"], told["db.system.name"]) == (WORDS, 2, "chroma")
    found = json.loads(told["gen_ai.retrieval.documents"])
    assert [(one["id"], one["content"], type(one["score"])) for one in found] == [(one, DOCUMENTS[one], float) for one in NEAREST]
