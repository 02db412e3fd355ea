"""Hugging Face's client: chat as OpenAI has it, text generation with its token ids, vectors."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import genba
from genba.providers.huggingface import chat, embeddings, generation
from genba.tokens import decode
from support import openai_wire
from support.clients.huggingface import MODEL, make
from support.examples import run_example
from support.openai_wire import ANSWER, MESSAGES, QUESTION, WEATHER_CALL, WEATHER_TOOL
from support.spans import Spans, attributes, messages, outcome, text
from support.stored import names
from support.wire import Server, Stream, json_answer, sse

pytest.importorskip("huggingface_hub", reason="huggingface_hub is not installed")
TEXT = "".join(ANSWER)
TOKENS = [{"id": 40 + n, "text": piece, "logprob": -0.1, "special": False} for n, piece in enumerate(ANSWER)]
PREFILL = [{"id": 1, "text": "<s>", "logprob": None}, {"id": 2, "text": "Who", "logprob": -2.0}]


def endpoint(server: Server, *, asynchronous: bool = False) -> Any:
    """A client of a server that takes whatever is sent to its one address."""
    client = make(server.url, asynchronous)
    client.model = f"{server.url}/endpoint"
    return client


def test_a_chat_is_told_in_full_by_either_of_its_names(server: Server, spans: Spans) -> None:
    server.serve(json_answer(openai_wire.chat(None, tool_calls=[WEATHER_CALL])))
    make(server.url, False).chat.completions.create(
        model=MODEL, messages=MESSAGES, tools=[WEATHER_TOOL], temperature=0.5, max_tokens=50, seed=7, stop=["x"]
    )
    told = attributes(spans.only())
    expected = {
        "gen_ai.provider.name": "hugging_face",
        "gen_ai.request.temperature": 0.5,
        "gen_ai.request.max_tokens": 50,
        "gen_ai.request.seed": 7,
        "gen_ai.request.stop_sequences": ("x",),
        "gen_ai.response.finish_reasons": ("tool_call",),
        "gen_ai.usage.cache_read.input_tokens": 8,
        "server.address": "127.0.0.1",
        "server.port": server.port,
    }
    assert {name: told.get(name) for name in expected} == expected
    assert messages(spans.only())[0]["parts"] == [
        {"type": "tool_call", "id": "call_7", "name": "weather", "arguments": {"city": "Bath"}}
    ]
    assert json.loads(told["gen_ai.tool.definitions"])[0]["name"] == "weather"
    assert not [name for name in told if name.startswith("openai.api")]


def test_an_address_is_no_model(server: Server, spans: Spans) -> None:
    server.serve(json_answer(openai_wire.chat()))
    make(server.url, False).chat_completion(MESSAGES)
    assert spans.only().name == "chat"
    assert "gen_ai.request.model" not in attributes(spans.only())


@pytest.mark.parametrize("details", [False, True])
def test_generated_text_comes_with_all_that_the_server_said_whatever_the_host_asked_to_see(
    details: bool, server: Server, spans: Spans
) -> None:
    said = {"finish_reason": "eos_token", "generated_tokens": 5, "seed": None, "prefill": PREFILL, "tokens": TOKENS}
    server.serve(json_answer([{"generated_text": TEXT, "details": said}]))
    endpoint(server).text_generation(
        QUESTION, details=details, decoder_input_details=details, max_new_tokens=50, top_k=4, temperature=0.5
    )
    span = spans.only()
    told = attributes(span)
    assert (span.name, text(span)) == ("text_completion", TEXT)
    assert (told["gen_ai.usage.input_tokens"], told["gen_ai.usage.output_tokens"]) == (2, 5)
    assert told["gen_ai.response.finish_reasons"] == ("stop",)
    assert [one.ids for one in decode(told["genba.tokens.output"])] == [[40, 41, 42, 43, 44]]
    assert [one.ids for one in decode(told["genba.tokens.input"], "input")] == [[1, 2]]
    assert (told["gen_ai.request.max_tokens"], told["gen_ai.request.top_k"]) == (50, 4)
    assert text(span, "input") == QUESTION


def token_events() -> list[bytes]:
    last = {"generated_text": TEXT, "details": {"finish_reason": "length", "generated_tokens": 5, "input_length": 3, "seed": None}}
    events = [{"index": n, "token": token, "generated_text": None, "details": None} for n, token in enumerate(TOKENS)]
    return [sse(event) for event in [*events[:-1], {**events[-1], **last}]]


@pytest.mark.parametrize("asynchronous", [False, True])
async def test_a_stream_of_tokens_adds_up(asynchronous: bool, server: Server, spans: Spans) -> None:
    server.serve(Stream(token_events()))
    client = endpoint(server, asynchronous=asynchronous)
    if asynchronous:
        seen = [item.token.text async for item in await client.text_generation(QUESTION, stream=True, details=True)]
    else:
        seen = [item.token.text for item in client.text_generation(QUESTION, stream=True, details=True)]
    assert "".join(seen) == text(spans.only()) == TEXT
    told = attributes(spans.only())
    assert (told["gen_ai.usage.input_tokens"], told["gen_ai.usage.output_tokens"]) == (3, 5)
    assert told["gen_ai.response.finish_reasons"] == ("length",)
    [tokens] = decode(told["genba.tokens.output"])
    assert (tokens.ids, tokens.text, tokens.chunks) == ([40, 41, 42, 43, 44], TEXT.encode(), [0, 1, 2, 3, 4])


def test_a_stream_of_plain_texts_is_known_as_far_as_the_host_sees_it(server: Server, spans: Spans) -> None:
    server.serve(Stream(token_events()))
    assert "".join(endpoint(server).text_generation(QUESTION, stream=True)) == TEXT
    assert text(spans.only()) == TEXT
    assert outcome(spans.only()) == "completed"


@pytest.mark.parametrize("asynchronous", [False, True])
async def test_vectors_are_measured(asynchronous: bool, server: Server, spans: Spans) -> None:
    pytest.importorskip("numpy", reason="the client needs it for vectors")
    server.serve(json_answer([[0.1] * 8]))
    result = endpoint(server, asynchronous=asynchronous).feature_extraction("Bees.")
    assert (await result if asynchronous else result).shape == (1, 8)
    assert spans.only().name == "embeddings"
    assert attributes(spans.only())["gen_ai.embeddings.dimension.count"] == 8
    assert text(spans.only(), "input") == "Bees."


def test_a_refusal_keeps_the_question(server: Server, spans: Spans) -> None:
    server.serve(json_answer({"error": "overheated", "error_type": "overloaded"}, 503))
    with pytest.raises(Exception, match="overheated"):
        endpoint(server).text_generation(QUESTION)
    assert outcome(spans.only()) == "failed"
    assert attributes(spans.only())["error.type"].endswith("OverloadedError")
    assert text(spans.only(), "input") == QUESTION


def test_what_is_no_operation_makes_no_span(server: Server, spans: Spans) -> None:
    server.serve(json_answer([{"label": "POSITIVE", "score": 0.9}]))
    endpoint(server).text_classification("Bees!")
    assert spans.all() == []


def test_the_originals_are_put_back(start_tracing: Any) -> None:
    from huggingface_hub import AsyncInferenceClient, InferenceClient

    kinds = (InferenceClient, AsyncInferenceClient)
    before = [dict(vars(kind)) for kind in kinds]
    start_tracing()
    assert [dict(vars(kind)) for kind in kinds] != before
    genba.uninstrument()
    assert [dict(vars(kind)) for kind in kinds] == before


@pytest.mark.parametrize(
    "odd", [None, [], [[]], "text", {"details": 3}, {"choices": [{}]}, {"generated_text": 3, "details": {"tokens": [3]}}]
)
def test_odd_bodies_are_read_as_far_as_they_go(odd: Any) -> None:
    for found in (chat.CHAT, generation.TEXT_COMPLETION, embeddings.EMBEDDINGS):
        found.request(odd)
        found.response(odd)
        if found.fold is not None:
            found.response(found.fold([odd, {"token": {"text": "a"}}]))


def test_the_example_leaves_one_chat_in_its_store(server: Server, tmp_path: Path) -> None:
    server.serve(json_answer(openai_wire.chat()))
    ran = run_example(
        "huggingface_chat", tmp_path, HF_ENDPOINT_URL=server.url, HF_TOKEN="key-for-tests", HF_MODEL=MODEL, HF_HOME=str(tmp_path)
    )
    assert ran.out == TEXT + "\n"
    assert names(tmp_path) == [f"chat {MODEL}"]
