"""Ollama's client: what its own wire says, by whichever of its doors a call came."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

import genba
from genba.providers import ollama as declared
from support.clients.ollama import METRICS, MODEL, chat, line, make, whole
from support.examples import run_example
from support.openai_wire import ANSWER, MESSAGES, PNG, QUESTION, WEATHER_TOOL
from support.spans import Spans, attributes, messages, outcome, text
from support.stored import names
from support.wire import Server, Stream, json_answer

pytest.importorskip("ollama", reason="ollama is not installed")
CALL = {"id": "call_1", "function": {"index": 0, "name": "weather", "arguments": {"city": "Bath"}}}


def ndjson(*values: Any) -> Stream:
    return Stream([line(value) for value in values], content_type="application/x-ndjson")


def test_a_chat_is_told_in_full(server: Server, spans: Spans) -> None:
    server.serve(json_answer(whole({"content": "Fine.", "thinking": "Look outside."})))
    asked = [
        *MESSAGES,
        {"role": "user", "content": "And this?", "images": [PNG]},
        {"role": "assistant", "content": "", "tool_calls": [{"function": {"name": "weather", "arguments": {"city": "Bath"}}}]},
        {"role": "tool", "content": "rain", "tool_name": "weather"},
    ]
    make(server.url, False).chat(
        model=MODEL, messages=asked, tools=[WEATHER_TOOL], format="json",
        options={"temperature": 0.5, "num_predict": 50, "top_k": 4, "seed": 7, "stop": ["x"]},
    )  # fmt: skip
    span = spans.only()
    told = attributes(span)
    expected = {
        "gen_ai.provider.name": "ollama",
        "gen_ai.request.temperature": 0.5,
        "gen_ai.request.max_tokens": 50,
        "gen_ai.request.top_k": 4,
        "gen_ai.request.seed": 7,
        "gen_ai.request.stop_sequences": ("x",),
        "gen_ai.output.type": "json",
        "gen_ai.response.model": MODEL,
        "gen_ai.response.finish_reasons": ("stop",),
        "gen_ai.usage.input_tokens": 19,
        "gen_ai.usage.output_tokens": 11,
        "server.address": "127.0.0.1",
        "server.port": server.port,
    }
    assert {name: told.get(name) for name in expected} == expected
    assert json.loads(told["genba.response.extra"])["load_duration"] == METRICS["load_duration"]
    assert [message["role"] for message in messages(span, "input")] == ["system", "user", "user", "assistant", "tool"]
    said = [message["parts"] for message in messages(span, "input")][2:]
    assert said[0][1] == {"type": "blob", "modality": "image", "content": PNG}
    assert said[1] == [{"type": "tool_call", "name": "weather", "arguments": {"city": "Bath"}}]
    assert said[2] == [{"type": "tool_call_response", "response": "rain", "name": "weather"}]
    assert json.loads(told["gen_ai.tool.definitions"])[0]["name"] == "weather"
    [answer] = messages(span)
    assert answer["parts"] == [{"type": "reasoning", "content": "Look outside."}, {"type": "text", "content": "Fine."}]


def test_a_level_of_thinking_is_one_that_is_named() -> None:
    assert declared.read_chat({"think": "high"}).reasoning_level == "high"
    assert declared.read_chat({"think": True}).reasoning_level is None


def test_a_tool_call_keeps_the_id_that_the_client_itself_drops(server: Server, spans: Spans) -> None:
    server.serve(json_answer(whole({"content": "", "tool_calls": [CALL]})))
    make(server.url, False).chat(model=MODEL, messages=MESSAGES, tools=[WEATHER_TOOL])
    [answer] = messages(spans.only())
    assert answer["parts"] == [{"type": "tool_call", "id": "call_1", "name": "weather", "arguments": {"city": "Bath"}}]
    assert attributes(spans.only())["gen_ai.response.finish_reasons"] == ("tool_call",)


def test_a_stream_with_thoughts_and_tool_calls_adds_up(server: Server, spans: Spans) -> None:
    pieces = [
        {"content": "", "thinking": "Look"},
        {"content": "", "thinking": " out."},
        {"content": "Let me"},
        {"content": " see."},
    ]
    lines = [chat(piece, done=False) for piece in pieces]
    server.serve(ndjson(*lines, chat({"content": "", "tool_calls": [CALL]}, done=False), whole({"content": ""})))
    for _ in make(server.url, False).chat(model=MODEL, messages=MESSAGES, stream=True):
        pass
    [answer] = messages(spans.only())
    assert [part["type"] for part in answer["parts"]] == ["reasoning", "text", "tool_call"]
    assert [part.get("content") for part in answer["parts"]][:2] == ["Look out.", "Let me see."]


def test_generate_keeps_the_token_ids_of_what_was_said_before(server: Server, spans: Spans) -> None:
    last = {"model": MODEL, "response": "", "done": True, "done_reason": "length", "context": [1, 2, 3, 4], **METRICS}
    server.serve(ndjson({"model": MODEL, "response": "Bees", "done": False}, last))
    list(make(server.url, False).generate(model=MODEL, prompt="Who?", system="Be brief.", suffix="!", context=[1, 2], stream=True))
    span = spans.only()
    told = attributes(span)
    assert span.name == f"text_completion {MODEL}"
    assert text(span) == "Bees"
    assert json.loads(told["gen_ai.system_instructions"]) == [{"type": "text", "content": "Be brief."}]
    assert [part["type"] for part in messages(span, "input")[0]["parts"]] == ["token_ids", "text", "suffix"]
    assert told["gen_ai.response.finish_reasons"] == ("length",)
    assert json.loads(told["genba.response.extra"])["context"] == [1, 2, 3, 4]


@pytest.mark.parametrize("asynchronous", [False, True])
async def test_embeddings_are_read(asynchronous: bool, server: Server, spans: Spans) -> None:
    server.serve(json_answer({"model": MODEL, "embeddings": [[0.1] * 8, [0.2] * 8], "prompt_eval_count": 5}))
    result = make(server.url, asynchronous).embed(model=MODEL, input=["one", "two"])
    assert len((await result if asynchronous else result).embeddings) == 2
    told = attributes(spans.only())
    assert spans.only().name == f"embeddings {MODEL}"
    assert (told["gen_ai.embeddings.dimension.count"], told["gen_ai.usage.input_tokens"]) == (8, 5)
    assert [message["parts"][0]["content"] for message in messages(spans.only(), "input")] == ["one", "two"]


def test_the_functions_of_the_module_are_traced_though_bound_before(
    server: Server, spans: Spans, monkeypatch: pytest.MonkeyPatch
) -> None:
    import ollama

    monkeypatch.setattr(ollama.chat.__self__, "_client", make(server.url, False)._client)
    server.serve(json_answer(whole()))
    ollama.chat(model=MODEL, messages=MESSAGES)
    assert text(spans.only()) == "".join(ANSWER)


async def _read(client: Any, *, asynchronous: bool) -> None:
    if asynchronous:
        async for _ in await client.chat(model=MODEL, messages=MESSAGES, stream=True):
            pass
    else:
        list(client.chat(model=MODEL, messages=MESSAGES, stream=True))


@pytest.mark.parametrize("asynchronous", [False, True])
async def test_a_refused_stream_fails_when_its_first_item_is_asked_for(asynchronous: bool, server: Server, spans: Spans) -> None:
    server.serve(json_answer({"error": "model not found"}, 404))
    with pytest.raises(Exception, match="model not found"):
        await _read(make(server.url, asynchronous), asynchronous=asynchronous)
    assert outcome(spans.only()) == "failed"
    assert attributes(spans.only())["error.type"].endswith("ResponseError")


def test_what_is_no_operation_makes_no_span(server: Server, spans: Spans) -> None:
    server.serve(json_answer({"models": []}))
    make(server.url, False).list()
    assert spans.all() == []


def test_taking_it_off_leaves_the_client_as_it_was(start_tracing: Any) -> None:
    import ollama

    module = sys.modules["ollama._client"]
    kinds = (ollama.Client, ollama.AsyncClient)
    before = [vars(kind)[name] for kind in kinds for name in ("_request", "_request_raw")]
    start_tracing()
    assert [vars(kind)[name] for kind in kinds for name in ("_request", "_request_raw")] != before
    genba.uninstrument()
    assert [vars(kind)[name] for kind in kinds for name in ("_request", "_request_raw")] == before
    assert module.Client is ollama.Client


@pytest.mark.parametrize(
    "odd", [None, [], "text", {"message": None}, {"message": {"content": 7, "tool_calls": {}}}, {"done_reason": 3}]
)
def test_odd_bodies_are_read_as_far_as_they_go(odd: Any) -> None:
    for endpoint in declared.ROUTES.values():
        endpoint.request(odd)
        endpoint.response(odd)
        if endpoint.fold is not None:
            endpoint.response(endpoint.fold([odd, {"message": {"content": "a"}, "response": "b"}]))


def test_the_example_leaves_one_chat_in_its_store(server: Server, tmp_path: Path) -> None:
    server.serve(ndjson(*(chat({"content": piece}, done=False) for piece in ANSWER), whole({"content": ""})))
    ran = run_example("ollama_chat", tmp_path, OLLAMA_HOST=server.url, OLLAMA_MODEL=MODEL)
    assert ran.out == "".join(ANSWER) + "\n"
    assert server.received[0].json["messages"][0]["content"] == QUESTION
    assert names(tmp_path) == [f"chat {MODEL}"]
