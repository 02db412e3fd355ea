"""Cohere's client: both versions of its API, its streams, its raw responses, and what it charges for."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import genba
from genba.providers.cohere import embeddings, generate, rerank, v1, v2
from genba.tokens import decode
from support.clients.cohere import MODEL, TEXT, USAGE, line, make
from support.clients.cohere import v1 as old_answer
from support.clients.cohere import v2 as new_answer
from support.examples import run_example
from support.openai_wire import MESSAGES, PNG, QUESTION, WEATHER_CALL, WEATHER_TOOL
from support.spans import Spans, attributes, is_child, messages, outcome, text
from support.stored import names
from support.wire import Answer, Server, Stream, json_answer, sse

pytest.importorskip("cohere", reason="cohere is not installed")
pytestmark = pytest.mark.filterwarnings("ignore:.*:DeprecationWarning:cohere")
CITATION = {"start": 0, "end": 5, "text": "Honey", "sources": [{"type": "document", "id": "doc:0", "document": {"id": "doc:0"}}]}
PICTURE = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}}
META = {"api_version": {"version": "2"}, "billed_units": {"input_tokens": 6}}


def events(*found: dict[str, Any]) -> Stream:
    return Stream([sse(event, event["type"]) for event in found])


def delta(kind: str, index: int = 0, **message: Any) -> dict[str, Any]:
    return {"type": kind, "index": index, "delta": {"message": message}}


def test_a_chat_of_version_2_is_told_in_full(server: Server, spans: Spans) -> None:
    said = [{"type": "thinking", "thinking": "Bees?"}, {"type": "text", "text": TEXT}]
    server.serve(json_answer(new_answer(content=said, citations=[CITATION])))
    asked = [
        *MESSAGES,
        {"role": "user", "content": [{"type": "text", "text": "And this?"}, PICTURE]},
        {"role": "assistant", "tool_plan": "I will look.", "tool_calls": [WEATHER_CALL]},
        {"role": "tool", "tool_call_id": "call_7", "content": [{"type": "document", "document": {"data": {"sky": "grey"}}}]},
    ]  # fmt: skip
    make(2)(server.url, False).chat(
        model=MODEL, messages=asked, tools=[WEATHER_TOOL], documents=["Bees make honey."], temperature=0.5, p=0.9, k=4,
        max_tokens=50, seed=7, stop_sequences=["x"], frequency_penalty=0.1, response_format={"type": "json_object"},
    )  # fmt: skip
    span = spans.only()
    told = attributes(span)
    expected = {
        "gen_ai.provider.name": "cohere",
        "gen_ai.request.temperature": 0.5,
        "gen_ai.request.top_p": 0.9,
        "gen_ai.request.top_k": 4,
        "gen_ai.request.max_tokens": 50,
        "gen_ai.request.seed": 7,
        "gen_ai.request.stop_sequences": ("x",),
        "gen_ai.request.frequency_penalty": 0.1,
        "gen_ai.output.type": "json",
        "gen_ai.response.id": "chat-wire",
        "gen_ai.response.finish_reasons": ("stop",),
        "genba.response.finish_reasons": ("COMPLETE",),
        "server.address": "127.0.0.1",
        "server.port": server.port,
    }
    assert {name: told.get(name) for name in expected} == expected
    turns = messages(span, "input")
    assert [turn["role"] for turn in turns] == ["system", "user", "user", "assistant", "tool", "document"]
    assert turns[2]["parts"][1]["type"] == "blob"
    assert [part["type"] for part in turns[3]["parts"]] == ["reasoning", "tool_call"]
    assert turns[4]["parts"][0]["id"] == "call_7"
    [answer] = messages(span)
    assert [part["type"] for part in answer["parts"]] == ["reasoning", "text"]
    assert answer["parts"][0]["annotations"] == [CITATION]
    assert json.loads(told["genba.usage.raw"]) == USAGE


def test_what_is_billed_counts_and_the_rest_is_kept_as_it_came(server: Server, spans: Spans) -> None:
    cached = {"billed_units": {"input_tokens": 377, "output_tokens": 90}, "tokens": {"input_tokens": 577.0}, "cached_tokens": 576}
    server.serve(json_answer({**new_answer(), "usage": cached}))
    make(2)(server.url, False).chat(model=MODEL, messages=MESSAGES)
    told = attributes(spans.only())
    assert (told["gen_ai.usage.input_tokens"], told["gen_ai.usage.output_tokens"]) == (377, 90)
    assert "gen_ai.usage.cache_read.input_tokens" not in told, "576 is no part of 377"
    assert json.loads(told["genba.usage.raw"]) == cached


def test_a_stream_with_a_plan_tool_calls_and_citations_adds_up(server: Server, spans: Spans) -> None:
    function = {"name": "weather", "arguments": ""}
    server.serve(
        events(
            {"id": "chat-wire", "type": "message-start", "delta": {"message": {"role": "assistant"}}},
            delta("tool-plan-delta", tool_plan="I will"),
            delta("tool-plan-delta", tool_plan=" look."),
            delta("tool-call-start", tool_calls={"id": "c1", "type": "function", "function": function}),
            delta("tool-call-delta", tool_calls={"function": {"arguments": '{"city"'}}),
            delta("tool-call-delta", tool_calls={"function": {"arguments": ': "Bath"}'}}),
            {"type": "tool-call-end", "index": 0},
            delta("content-start", 1, content={"type": "text", "text": ""}),
            {**delta("content-delta", 1, content={"text": "Hon"}), "logprobs": {"text": "Hon", "token_ids": [5, 6], "logprobs": [-0.1, -0.2]}},
            delta("content-delta", 1, content={"text": "ey"}),
            delta("citation-start", citations=CITATION),
            {"type": "message-end", "delta": {"finish_reason": "TOOL_CALL", "usage": USAGE}},
        )
    )  # fmt: skip
    for _ in make(2)(server.url, False).chat_stream(model=MODEL, messages=MESSAGES, tools=[WEATHER_TOOL]):
        pass
    span = spans.only()
    [answer] = messages(span)
    assert [part["type"] for part in answer["parts"]] == ["reasoning", "text", "tool_call"]
    assert answer["parts"][0]["content"] == "I will look."
    assert answer["parts"][1] == {"type": "text", "content": "Honey", "annotations": [CITATION]}
    assert answer["parts"][2] == {"type": "tool_call", "id": "c1", "name": "weather", "arguments": {"city": "Bath"}}
    assert attributes(span)["gen_ai.response.finish_reasons"] == ("tool_call",)
    [tokens] = decode(attributes(span)["genba.tokens.output"])
    assert (tokens.ids, tokens.logprobs, tokens.chunks) == ([5, 6], [-0.1, -0.2], [8, 8])


def test_version_1_reads_its_own_roles_tools_and_results(server: Server, spans: Spans) -> None:
    call = {"name": "weather", "parameters": {"city": "Bath"}}
    server.serve(json_answer(old_answer("", tool_calls=[call], search_queries=[{"text": "bees", "generation_id": "g"}])))
    make(1)(server.url, False).chat(
        message=QUESTION, model=MODEL, preamble="Be brief.", conversation_id="conv-9",
        chat_history=[{"role": "USER", "message": "Hi"}, {"role": "CHATBOT", "message": "Hello"}],
        tools=[{"name": "weather", "description": "The weather.", "parameter_definitions": {"city": {"type": "str"}}}],
        tool_results=[{"call": call, "outputs": [{"sky": "grey"}]}],
    )  # fmt: skip
    span = spans.only()
    told = attributes(span)
    assert [turn["role"] for turn in messages(span, "input")] == ["user", "assistant", "user", "tool"]
    assert messages(span, "input")[3]["parts"][0]["response"] == [{"sky": "grey"}]
    assert json.loads(told["gen_ai.tool.definitions"])[0]["parameters"] == {"city": {"type": "str"}}
    assert told["gen_ai.conversation.id"] == "conv-9"
    assert messages(span)[0]["parts"] == [{"type": "tool_call", "name": "weather", "arguments": {"city": "Bath"}}]
    assert json.loads(told["genba.response.extra"])["search_queries"][0]["text"] == "bees"


def test_a_raw_response_and_a_raw_stream_are_the_client_s_own_and_are_read(server: Server, spans: Spans) -> None:
    server.serve(json_answer(new_answer()))
    client = make(2)(server.url, False)
    raw = client.with_raw_response.chat(model=MODEL, messages=MESSAGES)
    assert (type(raw).__name__, raw.data.message.content[0].text) == ("HttpResponse", TEXT)
    server.serve(
        events(delta("content-delta", content={"text": "Honey"}), {"type": "message-end", "delta": {"finish_reason": "COMPLETE"}})
    )
    with client.with_raw_response.chat_stream(model=MODEL, messages=MESSAGES) as streamed:
        assert type(streamed).__name__ == "HttpResponse"
        assert len(list(streamed.data)) == 2
    assert [text(span) for span in spans.all()] == [TEXT, "Honey"]
    assert [outcome(span) for span in spans.all()] == ["completed", "completed"]


def test_leaving_a_raw_stream_midway_ends_its_span(server: Server, spans: Spans) -> None:
    server.serve(Stream([line("text-generation", text="Honey")], content_type="application/stream+json", then="stall"))
    with make(1)(server.url, False).with_raw_response.chat_stream(model=MODEL, message=QUESTION) as streamed:
        next(iter(streamed.data))
    assert (outcome(spans.only()), text(spans.only())) == ("cancelled", "Honey")


async def test_an_asynchronous_stream_and_its_refusal(server: Server, spans: Spans) -> None:
    client = make(2)(server.url, True)
    server.serve(json_answer({"message": "no such model"}, 404))
    with pytest.raises(Exception, match="no such model"):
        async for _ in client.chat_stream(model=MODEL, messages=MESSAGES):
            pass
    assert attributes(spans.only())["error.type"].endswith("NotFoundError")
    assert outcome(spans.only()) == "failed"


@pytest.mark.parametrize("version", [1, 2])
def test_embeddings_of_both_versions(version: int, server: Server, spans: Spans) -> None:
    vectors = {"float": [[0.1] * 8, [0.2] * 8]}
    answer = {"id": "e-1", "embeddings": vectors, "texts": ["one", "two"], "meta": META, "response_type": "embeddings_by_type"}
    server.serve(json_answer(answer))
    make(version)(server.url, False).embed(
        model=MODEL, texts=["one", "two"], input_type="search_document", embedding_types=["float"]
    )
    span = spans.only()
    told = attributes(span)
    assert span.name == f"embeddings {MODEL}"
    assert (told["gen_ai.embeddings.dimension.count"], told["gen_ai.usage.input_tokens"]) == (8, 6)
    assert told["gen_ai.request.encoding_formats"] == ("float",)
    assert [message["parts"][0]["content"] for message in messages(span, "input")] == ["one", "two"]


def test_batches_that_are_embedded_in_threads_belong_to_who_asked(server: Server, spans: Spans) -> None:
    server.serve(
        json_answer(
            {"id": "e-1", "embeddings": [[0.1] * 8] * 96, "texts": ["a"] * 96, "meta": META, "response_type": "embeddings_floats"}
        )
    )
    with spans.app.start_as_current_span("caller") as caller:
        make(1)(server.url, False).embed(model=MODEL, texts=["a"] * 192, input_type="search_document")
    assert [is_child(span, caller) for span in spans.all()] == [True, True]


def test_a_reranking_tells_query_documents_and_their_order(server: Server, spans: Spans) -> None:
    results = [{"index": 1, "relevance_score": 0.9}, {"index": 0, "relevance_score": 0.1}]
    server.serve(json_answer({"id": "r-1", "results": results, "meta": {"billed_units": {"search_units": 1}}}))
    make(2)(server.url, False).rerank(model=MODEL, query=QUESTION, documents=["Wasps.", "Bees."], top_n=2)
    span = spans.only()
    told = attributes(span)
    assert (span.name, told["gen_ai.retrieval.top_k"]) == (f"rerank {MODEL}", 2)
    assert json.loads(told["gen_ai.retrieval.documents"]) == [{"id": "1", "score": 0.9}, {"id": "0", "score": 0.1}]
    assert [part["content"] for part in messages(span, "input")[0]["parts"]] == [QUESTION, "Wasps.", "Bees."]
    assert json.loads(told["genba.response.extra"]) == {"billed_units": {"search_units": 1}}


def test_a_reader_of_generations_and_of_their_streams() -> None:
    whole = {"id": "g-1", "generations": [{"id": "a", "text": "Bees", "finish_reason": "MAX_TOKENS"}], "meta": USAGE}
    read = generate.read_response(whole)
    assert (read.finish_reasons, read.messages[0]["parts"][0]["content"]) == (["length"], "Bees")
    pieces = [{"event_type": "text-generation", "text": piece} for piece in ("Be", "es")]
    folded = generate.fold([*pieces, {"event_type": "stream-end", "is_finished": True, "response": whole}])
    assert generate.read_response(folded) == read


def test_a_retry_is_an_event_on_the_one_span(server: Server, spans: Spans) -> None:
    server.serve(json_answer(new_answer()))
    server.queue.append(json_answer({"message": "overheated"}, 500, headers={"retry-after-ms": "1"}))
    client = make(2)(server.url, False, retries=1)
    client.chat(model=MODEL, messages=MESSAGES, **client.options)
    [event] = spans.only().events
    assert (event.name, dict(event.attributes or {})) == (
        "genba.retry",
        {"genba.retry.attempt": 1, "http.response.status_code": 500},
    )
    assert text(spans.only()) == TEXT


def test_the_originals_are_put_back(start_tracing: Any) -> None:
    import cohere.raw_base_client
    import cohere.v2.raw_client

    kinds: tuple[Any, ...] = (
        cohere.Client,
        cohere.v2.raw_client.RawV2Client,
        cohere.v2.raw_client.AsyncRawV2Client,
        cohere.raw_base_client.RawBaseCohere,
    )
    before = [dict(vars(kind)) for kind in kinds]
    start_tracing()
    assert [dict(vars(kind)) for kind in kinds] != before
    genba.uninstrument()
    assert [dict(vars(kind)) for kind in kinds] == before


@pytest.mark.parametrize(
    "odd", [None, [], "text", {"message": None, "generations": 3}, {"usage": 3, "meta": [], "embeddings": {"float": 1}}]
)
def test_odd_bodies_are_read_as_far_as_they_go(odd: Any) -> None:
    for endpoint in (v1.CHAT, v2.CHAT, generate.TEXT_COMPLETION, embeddings.EMBEDDINGS, rerank.RERANK):
        endpoint.request(odd)
        endpoint.response(odd)
        if endpoint.fold is not None:
            endpoint.response(
                endpoint.fold([odd, {"type": "content-delta", "delta": odd}, {"event_type": "stream-end", "response": odd}])
            )


def test_the_example_leaves_a_reranking_and_a_chat_in_its_store(server: Server, tmp_path: Path) -> None:
    def answer(request: Any) -> Answer:
        is_rerank = request.path.endswith("/rerank")
        return json_answer({"results": [{"index": 0, "relevance_score": 0.9}]} if is_rerank else new_answer())

    server.serve(answer)
    ran = run_example("cohere_rerank", tmp_path, CO_API_URL=server.url, CO_API_KEY="key-for-tests")
    assert ran.out == TEXT + "\n"
    assert names(tmp_path) == ["rerank rerank-v3.5", "chat command-a-03-2025"]
