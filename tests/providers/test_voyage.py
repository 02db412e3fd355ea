"""Voyage's client: vectors of every kind are measured, documents are ranked, attempts are one call."""

from __future__ import annotations

import asyncio
import base64
from pathlib import Path
from typing import Any

import pytest

import genba
from genba import semconv
from genba.providers import voyage
from support.examples import run_example
from support.openai_wire import PNG, QUESTION
from support.spans import Spans, attributes, messages, outcome
from support.stored import names
from support.wire import Server, json_answer, until_asked

pytest.importorskip("voyageai", reason="voyageai is not installed")
MODEL = "voyage-wire"
TEXTS = ["Bees make honey.", "Bears eat it."]
FLOATS = base64.b64encode(b"\0" * 12).decode()
BYTES = base64.b64encode(b"\0" * 16).decode()


def vectors(*found: Any, **usage: int) -> dict[str, Any]:
    data = [{"object": "embedding", "embedding": vector, "index": n} for n, vector in enumerate(found or (FLOATS, FLOATS))]
    return {"object": "list", "data": data, "model": MODEL, "usage": {"total_tokens": 10, **usage}}


def client(server: Server, *, asynchronous: bool = False, retries: int = 1) -> Any:
    import voyageai

    kind = voyageai.AsyncClient if asynchronous else voyageai.Client
    return kind(api_key="key-for-tests", base_url=server.url, max_retries=retries)


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """No waiting between attempts."""
    from tenacity import wait

    monkeypatch.setattr(wait.wait_exponential_jitter, "__call__", lambda *_: 0)


@pytest.mark.parametrize("asynchronous", [False, True])
async def test_vectors_of_texts_are_measured(asynchronous: bool, server: Server, spans: Spans) -> None:
    server.serve(json_answer(vectors()))
    result = client(server, asynchronous=asynchronous).embed(TEXTS, MODEL, "document", output_dimension=3)
    assert len((await result if asynchronous else result).embeddings) == 2
    span = spans.only()
    told = attributes(span)
    expected = {
        "gen_ai.provider.name": "voyageai",
        "gen_ai.response.model": MODEL,
        "gen_ai.embeddings.dimension.count": 3,
        "gen_ai.usage.input_tokens": 10,
        "server.address": "127.0.0.1",
        "server.port": server.port,
    }
    assert {name: told.get(name) for name in expected} == expected
    assert (span.name, outcome(span)) == (f"embeddings {MODEL}", "completed")
    assert [turn["parts"][0]["content"] for turn in messages(span, "input")] == TEXTS


@pytest.mark.parametrize(("kind", "length"), [("int8", 16), ("ubinary", 128)])
def test_numbers_may_be_smaller(kind: str, length: int, server: Server, spans: Spans) -> None:
    server.serve(json_answer(vectors(BYTES)))
    client(server).embed(TEXTS[:1], MODEL, output_dtype=kind)
    assert attributes(spans.only())["gen_ai.embeddings.dimension.count"] == length


@pytest.mark.parametrize("asynchronous", [False, True])
async def test_documents_in_pieces_and_pictures_are_told(asynchronous: bool, server: Server, spans: Spans) -> None:
    made = client(server, asynchronous=asynchronous)
    if not hasattr(made, "contextualized_embed"):
        pytest.skip("this version has no documents in pieces")
    inner = {"object": "list", "data": vectors([0.5, 0.25], [0.5, 0.25])["data"], "index": 0}
    server.serve(json_answer({**vectors(), "data": [inner]}))
    result = made.contextualized_embed([TEXTS], MODEL, input_type="document")
    await result if asynchronous else result
    server.serve(json_answer(vectors([0.5, 0.25], text_tokens=4, image_pixels=1, video_pixels=0)))
    content = [{"type": "text", "text": "A bee"}, {"type": "image_base64", "image_base64": f"data:image/png;base64,{PNG}"}]
    result = made.multimodal_embed([{"content": content}], MODEL)
    await result if asynchronous else result
    pieces, pictures = spans.all()
    assert [attributes(span)["gen_ai.embeddings.dimension.count"] for span in (pieces, pictures)] == [2, 2]
    assert [part["content"] for part in messages(pieces, "input")[0]["parts"]] == TEXTS
    assert [part["type"] for part in messages(pictures, "input")[0]["parts"]] == ["text", "blob"]


@pytest.mark.parametrize("asynchronous", [False, True])
async def test_documents_are_ranked(asynchronous: bool, server: Server, spans: Spans) -> None:
    ranked = [{"index": 1, "relevance_score": 0.75}]
    server.serve(json_answer({"object": "list", "data": ranked, "model": MODEL, "usage": {"total_tokens": 14}}))
    result = client(server, asynchronous=asynchronous).rerank(QUESTION, TEXTS, MODEL, top_k=1)
    found = await result if asynchronous else result
    assert found.results[0].document == TEXTS[1]
    span = spans.only()
    assert span.name == f"rerank {MODEL}"
    assert attributes(span)["gen_ai.usage.input_tokens"] == 14
    assert attributes(span)["gen_ai.retrieval.top_k"] == 1
    assert '"score":0.75' in attributes(span)["gen_ai.retrieval.documents"]


@pytest.mark.parametrize("asynchronous", [False, True])
async def test_each_retry_is_an_event_of_the_one_span(asynchronous: bool, server: Server, spans: Spans) -> None:
    server.serve(json_answer(vectors()))
    server.queue.append(json_answer({"detail": "the engine is overheated"}, 429))
    result = client(server, asynchronous=asynchronous, retries=2).embed(TEXTS, MODEL)
    await result if asynchronous else result
    span = spans.only()
    assert outcome(span) == "completed"
    assert [dict(event.attributes or {}) for event in span.events if event.name == semconv.RETRY_EVENT] == [
        {semconv.RETRY_ATTEMPT: 1, "http.response.status_code": 429}
    ]


@pytest.mark.parametrize("asynchronous", [False, True])
async def test_a_refusal_keeps_the_question(asynchronous: bool, server: Server, spans: Spans) -> None:
    from voyageai import error

    server.serve(json_answer({"detail": "the engine is overheated"}, 400))
    made = client(server, asynchronous=asynchronous)

    async def embedded() -> Any:
        return await made.embed(TEXTS, MODEL) if asynchronous else made.embed(TEXTS, MODEL)

    with pytest.raises(error.InvalidRequestError, match="overheated"):
        await embedded()
    assert outcome(spans.only()) == "failed"
    assert len(messages(spans.only(), "input")) == 2


async def test_a_call_that_is_cancelled_says_so(server: Server, spans: Spans) -> None:
    server.serve(json_answer(vectors(), then="stall"))
    running = asyncio.create_task(client(server, asynchronous=True).embed(TEXTS, MODEL))
    await until_asked(server)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert outcome(spans.only()) == "cancelled"


def test_the_originals_are_put_back(start_tracing: Any) -> None:
    import tenacity
    import voyageai
    from voyageai.api_resources.api_requestor import APIRequestor

    owners = (voyageai.Client, voyageai.AsyncClient, APIRequestor, tenacity.RetryCallState)
    before = [dict(vars(owner)) for owner in owners]
    start_tracing()
    assert all(dict(vars(owner)) != was for owner, was in zip(owners, before, strict=True))
    genba.uninstrument()
    assert [dict(vars(owner)) for owner in owners] == before


@pytest.mark.parametrize(
    "odd", [None, [], "text", {"input": 3}, {"inputs": [3, None, {"content": [3, {}]}]}, {"data": [{"data": 3}], "usage": 3}]
)
def test_odd_bodies_are_read_as_far_as_they_go(odd: Any) -> None:
    for found in (voyage.TEXTS, voyage.INPUTS, voyage.RERANK):
        found.request(odd)
        found.response(odd)


def test_the_example_leaves_one_call_in_its_store(server: Server, tmp_path: Path) -> None:
    server.serve(json_answer(vectors()))
    ran = run_example("voyage_embed", tmp_path, VOYAGE_URL=server.url, VOYAGE_API_KEY="key-for-tests", VOYAGE_MODEL=MODEL)
    assert ran.out == "2 vectors, 10 tokens\n"
    assert names(tmp_path) == [f"embeddings {MODEL}"]
