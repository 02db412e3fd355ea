"""Mistral's client: OpenAI's chat with a few pieces of its own, agents, conversations, and the spans it can make itself."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import genba
from genba.providers.mistral import chat as chat_readers
from genba.providers.mistral import conversations, embeddings, ocr
from support import openai_wire
from support.clients.mistral import (
    CONVERSATION_USAGE,
    MODEL,
    TEXT,
    USAGE,
    ask_in_conversation,
    chat,
    chunks,
    conversation,
    entry,
    event,
    finish,
    is_new,
    make,
)
from support.examples import run_example
from support.openai_wire import ANSWER, MESSAGES, PNG, QUESTION, WEATHER_CALL, WEATHER_TOOL
from support.spans import Spans, attributes, messages, outcome, scope, text
from support.stored import names
from support.wire import Server, Stream, json_answer, sse

pytest.importorskip("mistralai", reason="mistralai is not installed")
IS_NEW = is_new()


def test_a_chat_is_told_in_full(server: Server, spans: Spans) -> None:
    thought = {"type": "thinking", "thinking": [{"type": "text", "text": "Bees?"}]}
    server.serve(json_answer(chat([thought, {"type": "text", "text": TEXT}])))
    pieces = [
        {"type": "text", "text": "And these?"},
        {"type": "image_url", "image_url": f"data:image/png;base64,{PNG}"},
        {"type": "document_url", "document_url": "https://example.org/bees.pdf", "document_name": "Bees"},
    ]
    asked = [
        *MESSAGES,
        {"role": "user", "content": pieces},
        {"role": "assistant", "content": "", "tool_calls": [WEATHER_CALL]},
        {"role": "tool", "content": "rain", "tool_call_id": "call_7", "name": "weather"},
    ]
    make(server.url, False).chat.complete(
        model=MODEL, messages=asked, tools=[WEATHER_TOOL], temperature=0.5, random_seed=7, max_tokens=50, stop=["x"],
        response_format={"type": "json_object"}, n=1,
    )  # fmt: skip
    span = spans.only()
    told = attributes(span)
    expected = {
        "gen_ai.provider.name": "mistral_ai",
        "gen_ai.request.temperature": 0.5,
        "gen_ai.request.seed": 7,
        "gen_ai.request.max_tokens": 50,
        "gen_ai.request.stop_sequences": ("x",),
        "gen_ai.output.type": "json",
        "gen_ai.response.model": openai_wire.SERVED,
        "gen_ai.response.finish_reasons": ("stop",),
        "gen_ai.usage.input_tokens": 20,
        "server.address": "127.0.0.1",
        "server.port": server.port,
    }
    assert {name: told.get(name) for name in expected} == expected
    said = [message["parts"] for message in messages(span, "input")]
    assert [part["type"] for part in said[2]] == ["text", "blob", "uri"]
    assert said[2][2] == {"type": "uri", "modality": "document", "uri": "https://example.org/bees.pdf", "filename": "Bees"}
    assert said[3] == [{"type": "tool_call", "id": "call_7", "name": "weather", "arguments": {"city": "Bath"}}]
    assert said[4] == [{"type": "tool_call_response", "id": "call_7", "response": "rain"}]
    assert messages(span)[0]["parts"] == [{"type": "reasoning", "content": "Bees?"}, {"type": "text", "content": TEXT}]
    assert json.loads(told["genba.usage.raw"]) == USAGE
    assert not [name for name in told if name.startswith("openai.")]


def test_what_was_sent_is_what_is_told_even_of_models_that_leave_their_role_unsaid(server: Server, spans: Spans) -> None:
    if IS_NEW:
        from mistralai.client.models import UserMessage
    else:
        from mistralai.models import UserMessage  # type: ignore[no-redef]
    server.serve(json_answer(chat()))
    make(server.url, False).chat.complete(model=MODEL, messages=[UserMessage(content=QUESTION)])
    assert messages(spans.only(), "input") == [{"role": "user", "parts": [{"type": "text", "content": QUESTION}]}]


def test_fields_that_the_client_does_not_know_are_kept_as_they_came(server: Server, start_tracing: Any, tmp_path: Path) -> None:
    spans = start_tracing()
    usage = {**USAGE, "prompt_tokens_details": {"cached_tokens": 8}, "num_cached_tokens": 8}
    server.serve(json_answer({**chat(), "usage": usage}))
    make(server.url, False).chat.complete(model=MODEL, messages=MESSAGES)
    told = attributes(spans.only())
    assert json.loads(told["genba.usage.raw"]) == usage
    assert told["gen_ai.usage.cache_read.input_tokens"] == 8


def test_a_gap_is_filled(server: Server, spans: Spans) -> None:
    server.serve(json_answer(chat("return 1")))
    make(server.url, False).fim.complete(model="codestral-wire", prompt="def one():", suffix="print(one())", random_seed=7)
    span = spans.only()
    assert span.name == "text_completion codestral-wire"
    assert [part["type"] for part in messages(span, "input")[0]["parts"]] == ["text", "suffix"]
    assert (text(span), attributes(span)["gen_ai.request.seed"]) == ("return 1", 7)


async def test_an_agent_is_asked_by_its_id(server: Server, spans: Spans) -> None:
    server.serve(json_answer(chat()))
    await make(server.url, True).agents.complete_async(agent_id="ag-1", messages=MESSAGES)
    told = attributes(spans.only())
    assert (told["gen_ai.agent.id"], told["gen_ai.response.model"]) == ("ag-1", openai_wire.SERVED)


def test_a_conversation_is_told_with_its_own_id_and_the_tools_that_mistral_ran(server: Server, spans: Spans) -> None:
    execution = {
        "object": "entry",
        "type": "tool.execution",
        "id": "t-1",
        "name": "web_search",
        "arguments": "{}",
        "info": {"hits": 2},
    }
    call = {
        "object": "entry",
        "type": "function.call",
        "id": "f-1",
        "tool_call_id": "c-1",
        "name": "weather",
        "arguments": '{"city": "Bath"}',
    }
    server.serve(json_answer(conversation([execution, entry(), call])))
    ask_in_conversation(make(server.url, False))
    span = spans.only()
    told = attributes(span)
    assert (span.name, told["gen_ai.conversation.id"], told["gen_ai.usage.input_tokens"]) == (f"chat {MODEL}", "conv_wire", 20)
    assert json.loads(told["gen_ai.system_instructions"]) == [{"type": "text", "content": "Answer in one line."}]
    assert messages(span, "input") == [{"role": "user", "parts": [{"type": "text", "content": QUESTION}]}]
    [answer] = messages(span)
    assert [part["type"] for part in answer["parts"]] == ["server_tool_call", "server_tool_call_response", "text", "tool_call"]
    assert answer["parts"][3] == {"type": "tool_call", "id": "c-1", "name": "weather", "arguments": {"city": "Bath"}}


def said_in_events() -> list[bytes]:
    return [
        event("conversation.response.started", conversation_id="conv_wire"),
        event("tool.execution.started", id="t-1", name="web_search", arguments="{}", output_index=0),
        event("tool.execution.done", id="t-1", name="web_search", output_index=0, info={"hits": 2}),
        *(
            event("message.output.delta", id="msg_wire", content=piece, role="assistant", output_index=1, model=MODEL)
            for piece in ANSWER
        ),
        event("function.call.delta", id="f-1", name="weather", tool_call_id="c-1", arguments='{"city"', output_index=2),
        event("function.call.delta", id="f-1", name="weather", tool_call_id="c-1", arguments=': "Bath"}', output_index=2),
    ]


def test_the_events_of_a_conversation_add_up(server: Server, spans: Spans) -> None:
    server.serve(Stream([*said_in_events(), event("conversation.response.done", usage=CONVERSATION_USAGE)]))
    with ask_in_conversation(make(server.url, False), stream=True) as stream:
        assert len(list(stream)) == 11
    span = spans.only()
    [answer] = messages(span)
    assert [part["type"] for part in answer["parts"]] == ["server_tool_call", "server_tool_call_response", "text", "tool_call"]
    assert (text(span), answer["parts"][3]["arguments"]) == (TEXT, {"city": "Bath"})
    assert (outcome(span), attributes(span)["gen_ai.conversation.id"]) == ("completed", "conv_wire")
    assert attributes(span)["gen_ai.usage.output_tokens"] == 9


def test_a_conversation_that_says_it_failed_has_failed(server: Server, spans: Spans) -> None:
    server.serve(Stream([*said_in_events(), event("conversation.response.error", message="overheated", code=3000)]))
    with ask_in_conversation(make(server.url, False), stream=True) as stream:
        list(stream)
    assert (outcome(spans.only()), attributes(spans.only())["error.type"]) == ("failed", "3000")


def test_responses_are_openai_s(server: Server, spans: Spans) -> None:
    client = make(server.url, False)
    if not hasattr(getattr(client, "beta", None), "responses") and not hasattr(client, "responses"):
        pytest.skip("this version has no responses")
    resource = client.responses if hasattr(client, "responses") else client.beta.responses
    events = openai_wire.response_events()
    server.serve(Stream([sse(found, found["type"]) for found in events]))
    with resource.create(model=MODEL, input=QUESTION, stream=True) as stream:
        for _ in stream:
            pass
    assert (text(spans.only()), attributes(spans.only())["gen_ai.provider.name"]) == (TEXT, "mistral_ai")


def test_embeddings_are_read(server: Server, spans: Spans) -> None:
    server.serve(json_answer({"id": "e-1", **openai_wire.embeddings([[0.1] * 8])}))
    make(server.url, False).embeddings.create(model=MODEL, inputs=["one", "two"], output_dimension=8)
    told = attributes(spans.only())
    assert (told["gen_ai.embeddings.dimension.count"], told["gen_ai.usage.input_tokens"]) == (8, 6)
    assert [message["parts"][0]["content"] for message in messages(spans.only(), "input")] == ["one", "two"]


def test_a_document_is_read_page_by_page(server: Server, spans: Spans) -> None:
    pages = [{"index": n, "markdown": f"Page {n}", "images": [], "dimensions": None} for n in (0, 1)]
    server.serve(json_answer({"pages": pages, "model": MODEL, "usage_info": {"pages_processed": 2, "doc_size_bytes": 9}}))
    make(server.url, False).ocr.process(model=MODEL, document={"type": "document_url", "document_url": "https://example.org/a.pdf"})
    span = spans.only()
    assert (span.name, text(span)) == (f"generate_content {MODEL}", "Page 0Page 1")
    assert messages(span, "input")[0]["parts"][0]["uri"] == "https://example.org/a.pdf"
    assert json.loads(attributes(span)["genba.response.extra"])["usage_info"]["pages_processed"] == 2


def test_a_refusal_of_the_server_is_a_failed_span(server: Server, spans: Spans) -> None:
    server.serve(json_answer({"detail": "no such model"}, 400))
    with pytest.raises(Exception, match="no such model"):
        make(server.url, False).chat.complete(model=MODEL, messages=MESSAGES)
    assert attributes(spans.only())["error.type"].endswith("SDKError")
    assert messages(spans.only(), "input")[1]["parts"][0]["content"] == QUESTION


@pytest.mark.skipif(not IS_NEW, reason="this version has no such option")
def test_the_client_s_own_spans_give_way_where_they_would_be_a_second_copy(
    server: Server, start_tracing: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mistralai.client._hooks import tracing
    from mistralai.extra.observability import otel

    monkeypatch.setattr(otel.trace, "get_tracer_provider", lambda: spans.provider)
    spans = Spans()
    monkeypatch.setenv("MISTRAL_SDK_TELEMETRY", "global")
    server.serve(json_answer(chat()))
    make(server.url, False).chat.complete(model=MODEL, messages=MESSAGES)
    start_tracing(spans)
    make(server.url, False).chat.complete(model=MODEL, messages=MESSAGES)
    genba.uninstrument()
    make(server.url, False).chat.complete(model=MODEL, messages=MESSAGES)
    assert [scope(span).partition("_")[0] for span in spans.all()] == ["mistralai", "genba", "mistralai"]
    assert tracing.get_or_create_otel_tracer.__module__ == "mistralai.extra.observability.otel"


def test_a_retry_is_an_event_on_the_one_span(server: Server, spans: Spans) -> None:
    server.serve(json_answer(chat()))
    server.queue.append(json_answer({"message": "overheated"}, 500, headers={"retry-after-ms": "1"}))
    make(server.url, False, retries=1).chat.complete(model=MODEL, messages=MESSAGES)
    [event] = spans.only().events
    assert (event.name, dict(event.attributes or {})) == (
        "genba.retry",
        {"genba.retry.attempt": 1, "http.response.status_code": 500},
    )
    assert text(spans.only()) == TEXT


def test_the_originals_are_put_back(server: Server, start_tracing: Any) -> None:
    client = make(server.url, False)
    kinds = [type(client.chat), type(client.fim), type(client.agents), type(client.embeddings), *type(client.chat).__mro__[1:2]]
    before = [dict(vars(kind)) for kind in kinds]
    start_tracing()
    assert [dict(vars(kind)) for kind in kinds] != before
    genba.uninstrument()
    assert [dict(vars(kind)) for kind in kinds] == before


@pytest.mark.parametrize(
    "odd", [None, [], "text", {"outputs": 3, "usage": []}, {"outputs": [{"type": 3}], "pages": [{"markdown": 1}]}]
)
def test_odd_bodies_are_read_as_far_as_they_go(odd: Any) -> None:
    endpoints = (chat_readers.CHAT, chat_readers.FIM, conversations.CONVERSATION, embeddings.EMBEDDINGS, ocr.OCR)
    for endpoint in endpoints:
        endpoint.request(odd)
        endpoint.response(odd)
        if endpoint.fold is not None:
            endpoint.response(endpoint.fold([odd, {"type": "message.output.delta", "content": 3}, {"choices": [odd]}]))


@pytest.mark.skipif(not IS_NEW, reason="the example is for the newer client")
def test_the_example_leaves_one_chat_in_its_store(server: Server, tmp_path: Path) -> None:
    server.serve(Stream([*(sse(chunk) for chunk in [*chunks(ANSWER), finish()]), sse("[DONE]")]))
    ran = run_example("mistral_chat", tmp_path, MISTRAL_BASE_URL=server.url, MISTRAL_API_KEY="key-for-tests", MISTRAL_MODEL=MODEL)
    assert ran.out == TEXT + "\n"
    assert names(tmp_path) == [f"chat {MODEL}"]
