"""Azure's inference client: chat as OpenAI has it, vectors of texts and pictures, its own way to try again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import genba
from genba import semconv
from genba.observing.endpoint import Endpoint
from genba.observing.methods import Method, Sent, observed
from genba.providers import azure_ai_inference
from support import openai_wire
from support.clients.azure_ai_inference import MODEL, client, make
from support.examples import run_example
from support.openai_wire import ANSWER, MESSAGES, PNG, QUESTION, WEATHER_CALL
from support.spans import Spans, attributes, messages, outcome, text
from support.stored import names
from support.wire import Server, Stream, json_answer, sse

pytest.importorskip("azure.ai.inference", reason="azure-ai-inference is not installed")
TEXT = "".join(ANSWER)


def test_a_chat_is_told_as_it_went_out_with_what_the_client_adds(server: Server, spans: Spans) -> None:
    from azure.ai.inference.models import (
        ChatCompletionsToolDefinition,
        FunctionDefinition,
        ImageContentItem,
        ImageUrl,
        SystemMessage,
        TextContentItem,
        UserMessage,
    )

    server.serve(json_answer(openai_wire.chat(None, tool_calls=[WEATHER_CALL])))
    made = client(server.url, "ChatCompletionsClient", model=MODEL, seed=7)
    picture = ImageContentItem(image_url=ImageUrl(url=f"data:image/png;base64,{PNG}"))
    made.complete(
        messages=[SystemMessage("Answer in one line."), UserMessage([TextContentItem(text=QUESTION), picture])],
        tools=[ChatCompletionsToolDefinition(function=FunctionDefinition(name="weather", parameters={"type": "object"}))],
        temperature=0.5,
        max_tokens=50,
        stop=["x"],
        response_format="json_object",
        model_extras={"reasoning_effort": "low"},
    )
    span = spans.only()
    told = attributes(span)
    expected = {
        "gen_ai.provider.name": "azure.ai.inference",
        "gen_ai.request.model": MODEL,
        "gen_ai.request.seed": 7,
        "gen_ai.request.temperature": 0.5,
        "gen_ai.request.max_tokens": 50,
        "gen_ai.request.stop_sequences": ("x",),
        "gen_ai.request.reasoning.level": "low",
        "gen_ai.output.type": "json",
        "gen_ai.response.finish_reasons": ("tool_call",),
        "gen_ai.usage.cache_read.input_tokens": 8,
        "server.address": "127.0.0.1",
        "server.port": server.port,
    }
    assert {name: told.get(name) for name in expected} == expected
    assert [part["type"] for part in messages(span, "input")[1]["parts"]] == ["text", "blob"]
    assert messages(span)[0]["parts"] == [{"type": "tool_call", "id": "call_7", "name": "weather", "arguments": {"city": "Bath"}}]
    assert json.loads(told["gen_ai.tool.definitions"])[0]["name"] == "weather"
    assert not [name for name in told if name.startswith("openai.api")]


def test_what_the_client_has_no_name_for_is_kept(server: Server, spans: Spans) -> None:
    chunks = openai_wire.chat_chunks(usage=True)
    thought = openai_wire.chat_chunk({"role": "assistant", "content": None, "reasoning_content": "Bees come to mind."})
    server.serve(Stream([sse(chunk) for chunk in (thought, *chunks)] + [sse("[DONE]")]))
    for _ in make(server.url, False).complete(model=MODEL, messages=MESSAGES, stream=True):
        pass
    assert messages(spans.only())[0]["parts"] == [
        {"type": "reasoning", "content": "Bees come to mind."},
        {"type": "text", "content": TEXT},
    ]


def test_a_body_of_the_hosts_own_is_read_too(server: Server, spans: Spans) -> None:
    server.serve(json_answer(openai_wire.chat()))
    make(server.url, False).complete(body=json.dumps({"model": MODEL, "messages": MESSAGES}).encode())
    assert text(spans.only(), "input") != ""
    assert attributes(spans.only())["gen_ai.request.model"] == MODEL


@pytest.mark.parametrize("asynchronous", [False, True])
async def test_vectors_are_measured(asynchronous: bool, server: Server, spans: Spans) -> None:
    server.serve(json_answer(openai_wire.embeddings()))
    made = client(server.url, "EmbeddingsClient", asynchronous=asynchronous)
    result = made.embed(model=MODEL, input=["Bees.", "Honey."], dimensions=3)
    await result if asynchronous else result
    await made.close() if asynchronous else made.close()
    span = spans.only()
    assert span.name == f"embeddings {MODEL}"
    assert attributes(span)["gen_ai.embeddings.dimension.count"] == 3
    assert attributes(span)["gen_ai.usage.input_tokens"] == 6
    assert [turn["parts"][0]["content"] for turn in messages(span, "input")] == ["Bees.", "Honey."]


def test_vectors_of_pictures_say_which(server: Server, spans: Spans) -> None:
    from azure.ai.inference.models import ImageEmbeddingInput

    server.serve(json_answer(openai_wire.embeddings()))
    with client(server.url, "ImageEmbeddingsClient", model=MODEL) as made:
        made.embed(input=[ImageEmbeddingInput(image=f"data:image/png;base64,{PNG}", text="A bee")])
    assert [part["type"] for part in messages(spans.only(), "input")[0]["parts"]] == ["blob", "text"]
    assert spans.only().name == f"embeddings {MODEL}"


@pytest.mark.parametrize("asynchronous", [False, True])
async def test_each_retry_is_an_event_of_the_one_span(asynchronous: bool, server: Server, spans: Spans) -> None:
    server.serve(json_answer(openai_wire.chat()))
    server.queue.append(json_answer(openai_wire.error(), 503))
    made = make(server.url, asynchronous, retries=1)
    result = made.complete(model=MODEL, messages=MESSAGES)
    await result if asynchronous else result
    await made.close() if asynchronous else made.close()
    span = spans.only()
    assert outcome(span) == "completed"
    retries = [dict(event.attributes or {}) for event in span.events if event.name == semconv.RETRY_EVENT]
    assert retries == [{semconv.RETRY_ATTEMPT: 1, "http.response.status_code": 503}]


def test_another_client_of_azures_that_tries_again_in_the_midst_of_a_call_is_not_counted(server: Server, spans: Spans) -> None:
    from azure.core import PipelineClient
    from azure.core.pipeline.policies import RetryPolicy
    from azure.core.rest import HttpRequest

    def fetch() -> None:
        with PipelineClient(server.url, policies=[RetryPolicy(retry_total=1, retry_backoff_factor=0)]) as other:
            other.send_request(HttpRequest("GET", server.url))

    server.serve(json_answer({}))
    server.queue.append(json_answer({}, 503))
    elsewhere = Endpoint(operation="chat", provider="demo")
    observed(Method(where="elsewhere:fetch", sent=lambda _: Sent(endpoint=elsewhere)), fetch)()
    assert len(server.received) == 2
    assert not [event for event in spans.only().events if event.name == semconv.RETRY_EVENT]


def test_the_originals_are_put_back(start_tracing: Any) -> None:
    from azure.ai import inference
    from azure.ai.inference import _patch as made
    from azure.ai.inference import aio
    from azure.core.pipeline.policies import RetryPolicy

    owners = (made, inference.ChatCompletionsClient, aio.EmbeddingsClient, inference.models.StreamingChatCompletions, RetryPolicy)
    before = [dict(vars(owner)) for owner in owners]
    start_tracing()
    assert all(dict(vars(owner)) != was for owner, was in zip(owners, before, strict=True))
    genba.uninstrument()
    assert [dict(vars(owner)) for owner in owners] == before


@pytest.mark.parametrize("odd", [None, [], "text", {"input": 3}, {"input": [3, {"image": 3}]}, {"choices": [{}]}])
def test_odd_bodies_are_read_as_far_as_they_go(odd: Any) -> None:
    for found in (azure_ai_inference.CHAT, azure_ai_inference.EMBEDDINGS, azure_ai_inference.PICTURES):
        found.request(odd)
        found.response(odd)


def test_the_example_leaves_one_chat_in_its_store(server: Server, tmp_path: Path) -> None:
    server.serve(json_answer(openai_wire.chat()))
    ran = run_example(
        "azure_inference_chat", tmp_path, AZURE_AI_ENDPOINT=server.url, AZURE_AI_KEY="key-for-tests", AZURE_AI_MODEL=MODEL
    )
    assert ran.out == TEXT + "\n"
    assert names(tmp_path) == [f"chat {MODEL}"]
