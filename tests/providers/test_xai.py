"""xAI's client over gRPC: chats in all their forms, the server's own tools, pictures, and no span twice."""

from __future__ import annotations

import datetime as dt
import json
import threading
from pathlib import Path
from typing import Any

import pytest

import genba
from genba.providers.xai import chat, pictures
from genba.tokens import Alternative, decode
from support.clients.xai import HEAD, ID, MODEL, SERVED, USAGE, ask, bridge, chunk, client, ended, whole
from support.examples import run_example
from support.openai_wire import ANSWER, PNG, QUESTION
from support.spans import Spans, attributes, messages, outcome, text
from support.stored import names
from support.wire import Server, Stream, json_answer, sse

pytest.importorskip("xai_sdk", reason="xai-sdk is not installed")
pytestmark = pytest.mark.filterwarnings("ignore:chat.*will be deprecated:PendingDeprecationWarning")
TEXT = "".join(ANSWER)
CALL = {
    "id": "call_7",
    "type": "TOOL_CALL_TYPE_CLIENT_SIDE_TOOL",
    "function": {"name": "weather", "arguments": '{"city": "Bath"}'},
}
SEARCH = {
    "id": "call_8",
    "type": "TOOL_CALL_TYPE_WEB_SEARCH_TOOL",
    "status": "TOOL_CALL_STATUS_COMPLETED",
    "function": {"name": "web_search", "arguments": '{"query": "honey"}'},
}


def said(**message: Any) -> dict[str, Any]:
    return {"message": {"role": "ROLE_ASSISTANT", **message}, "finish_reason": "REASON_STOP"}


def test_a_chat_is_told_in_full(server: Server, spans: Spans) -> None:
    from xai_sdk import chat as words
    from xai_sdk.tools import mcp, web_search

    server.serve(json_answer(whole({**said(tool_calls=[CALL]), "finish_reason": "REASON_TOOL_CALLS"})))
    client(server.url).chat.create(
        model=MODEL,
        conversation_id="bees",
        messages=[
            words.system("Answer in one line."),
            words.user(QUESTION, words.image(f"data:image/png;base64,{PNG}"), words.file("file_1")),
            words.tool_result("Rain.", "call_6"),
        ],
        tools=[
            words.tool("weather", "The weather in a city.", {"type": "object", "properties": {}}),
            web_search(allowed_domains=["bees.example"]),
            mcp("https://mcp.example", server_label="hive", authorization="Bearer sesame"),
        ],
        temperature=0.7,
        max_tokens=50,
        seed=7,
        stop=["x"],
        reasoning_effort="low",
        response_format="json_object",
        previous_response_id="before",
    ).sample()
    span = spans.only()
    told = attributes(span)
    expected = {
        "gen_ai.provider.name": "x_ai",
        "gen_ai.conversation.id": "bees",
        "gen_ai.request.temperature": 0.7,
        "gen_ai.request.max_tokens": 50,
        "gen_ai.request.seed": 7,
        "gen_ai.request.stop_sequences": ("x",),
        "gen_ai.request.reasoning.level": "low",
        "gen_ai.request.previous_response.id": "before",
        "gen_ai.output.type": "json",
        "gen_ai.response.id": ID,
        "gen_ai.response.model": SERVED,
        "gen_ai.response.finish_reasons": ("tool_call",),
        "genba.response.finish_reasons": ("REASON_TOOL_CALLS",),
        "gen_ai.usage.input_tokens": 20,
        "gen_ai.usage.output_tokens": 9,
        "gen_ai.usage.reasoning.output_tokens": 4,
        "gen_ai.usage.cache_read.input_tokens": 8,
        "openai.response.system_fingerprint": "fp_wire",
    }
    assert {name: told.get(name) for name in expected} == expected
    system, user, tool = messages(span, "input")
    assert (system["role"], [part["type"] for part in user["parts"]]) == ("system", ["text", "blob", "file"])
    assert tool == {"role": "tool", "parts": [{"type": "tool_call_response", "id": "call_6", "response": "Rain."}]}
    assert messages(span)[0]["parts"] == [{"type": "tool_call", "id": "call_7", "name": "weather", "arguments": {"city": "Bath"}}]
    tools = json.loads(told["gen_ai.tool.definitions"])
    assert [(tool["type"], tool["name"]) for tool in tools] == [
        ("function", "weather"),
        ("web_search", "web_search"),
        ("mcp", "hive"),
    ]
    assert tools[0]["parameters"] == {"type": "object", "properties": {}}
    assert "sesame" not in str(told)


def test_the_tier_is_told_by_those_versions_that_have_it(server: Server, spans: Spans) -> None:
    from xai_sdk.proto import chat_pb2

    if "service_tier" not in chat_pb2.GetChatCompletionResponse.DESCRIPTOR.fields_by_name:
        pytest.skip("this version has no tiers")
    server.serve(json_answer(whole(service_tier="SERVICE_TIER_PRIORITY")))
    ask(client(server.url)).sample()
    assert attributes(spans.only())["openai.response.service_tier"] == "priority"


def test_what_the_servers_own_tools_did_is_one_answer_in_its_steps(server: Server, spans: Spans) -> None:
    steps = [
        {"message": {"role": "ROLE_ASSISTANT", "encrypted_content": "b3BhcXVl", "tool_calls": [SEARCH]}, "index": 0},
        {"message": {"role": "ROLE_TOOL", "content": "bees.example", "tool_calls": [SEARCH]}, "index": 1},
        {**said(content=TEXT, citations=[{"id": "1", "web_citation": {"url": "https://bees.example"}}]), "index": 2},
    ]
    server.serve(json_answer(whole(*steps, citations=["https://bees.example"])))
    ask(client(server.url)).sample()
    span = spans.only()
    (answer,) = messages(span)
    assert [part["type"] for part in answer["parts"]] == ["reasoning", "server_tool_call", "server_tool_call_response", "text"]
    assert answer["parts"][0]["encrypted_content"] == "b3BhcXVl"
    assert answer["parts"][1]["server_tool_call"] == {"type": "web_search", "arguments": {"query": "honey"}, "status": "completed"}
    assert answer["parts"][3]["annotations"] == [{"id": "1", "web_citation": {"url": "https://bees.example"}}]
    assert attributes(span)["gen_ai.response.finish_reasons"] == ("stop",)
    assert json.loads(attributes(span)["genba.response.extra"]) == {"citations": ["https://bees.example"]}


@pytest.mark.parametrize("asynchronous", [False, True])
async def test_several_answers_streamed_at_once_are_told_apart(asynchronous: bool, server: Server, spans: Spans) -> None:
    pieces = [(0, "Bees"), (1, "Hon"), (1, "eybees"), (0, ".")]
    chunks = [{**HEAD, "outputs": [{"index": n, "delta": {"role": "ROLE_ASSISTANT", "content": text}}]} for n, text in pieces]
    outputs = [{"index": n, "delta": {}, "finish_reason": reason} for n, reason in enumerate(("REASON_STOP", "REASON_MAX_LEN"))]
    server.serve(Stream([sse(piece) for piece in (*chunks, {**HEAD, "outputs": outputs, "usage": USAGE})]))
    stream = ask(client(server.url, asynchronous=asynchronous)).stream_batch(2)
    seen = [item async for item in stream] if asynchronous else list(stream)
    assert len(seen) == 5
    span = spans.only()
    assert [turn["parts"][0]["content"] for turn in messages(span)] == ["Bees.", "Honeybees"]
    assert attributes(span)["gen_ai.response.finish_reasons"] == ("stop", "length")
    assert attributes(span)["gen_ai.request.choice.count"] == 2


@pytest.mark.parametrize("asynchronous", [False, True])
async def test_an_answer_that_does_not_fit_the_shape_is_kept_with_the_error(
    asynchronous: bool, server: Server, spans: Spans
) -> None:
    from pydantic import BaseModel, ValidationError

    class Animal(BaseModel):
        name: str

    server.serve(json_answer(whole(said(content='{"nom": "abeille"}'))))
    asked = ask(client(server.url, asynchronous=asynchronous))

    async def parsed() -> Any:
        return await asked.parse(Animal) if asynchronous else asked.parse(Animal)

    with pytest.raises(ValidationError):
        await parsed()
    span = spans.only()
    assert (outcome(span), text(span)) == ("failed", '{"nom": "abeille"}')
    assert attributes(span)["gen_ai.usage.output_tokens"] == 9
    assert attributes(span)["gen_ai.output.type"] == "json"


def test_a_deferred_answer_is_one_call_with_all_its_polling(server: Server, spans: Spans) -> None:
    done = {"status": "DONE", "response": whole()}
    server.serve(json_answer(done))
    server.queue.append(json_answer({"status": "PENDING"}))
    ask(client(server.url)).defer(interval=dt.timedelta(milliseconds=1))
    assert len(server.received) == 2
    assert (spans.only().name, text(spans.only())) == (f"chat {MODEL}", TEXT)


def test_log_probabilities_are_kept_to_their_last_bit(server: Server, spans: Spans) -> None:
    half = {"token": "\N{REPLACEMENT CHARACTER}", "bytes": "8J8=", "logprob": -0.1}  # half of a character
    sure = {"token": "Hi", "bytes": "SGk=", "topLogprobs": [{"token": "Hi", "bytes": "SGk="}]}  # of nothing else: 0 is not sent
    server.serve(json_answer(whole({**said(content="Hi"), "logprobs": {"content": [half, sure]}})))
    ask(client(server.url)).sample()
    [tokens] = decode(attributes(spans.only())["genba.tokens.output"])
    assert tokens.pieces == [b"\xf0\x9f", b"Hi"]
    assert tokens.logprobs == [-0.10000000149011612, 0.0]  # as 32 bits have it
    assert tokens.top == [[], [Alternative(None, b"Hi", 0.0)]]


def test_a_chat_without_messages_fails_as_it_does_without_us(server: Server, spans: Spans) -> None:
    with pytest.raises(ValueError, match="No messages provided"):
        client(server.url).chat.create(model=MODEL).sample()
    assert outcome(spans.only()) == "failed"


@pytest.mark.parametrize("asynchronous", [False, True])
async def test_pictures_are_generated_content(asynchronous: bool, server: Server, spans: Spans) -> None:
    server.serve(json_answer({"images": [{"url": "https://x.example/bee.jpg"}], "model": SERVED, "usage": {"prompt_tokens": 4}}))
    made = client(server.url, asynchronous=asynchronous).image.sample("A bee", MODEL, image_url=f"data:image/png;base64,{PNG}")
    await made if asynchronous else made
    span = spans.only()
    assert span.name == f"generate_content {MODEL}"
    assert [part["type"] for part in messages(span, "input")[0]["parts"]] == ["text", "blob"]
    assert messages(span)[0]["parts"] == [{"type": "uri", "modality": "image", "uri": "https://x.example/bee.jpg"}]
    assert attributes(span)["gen_ai.usage.input_tokens"] == 4


def test_its_own_span_is_not_made_beside_ours(server: Server, spans: Spans, monkeypatch: pytest.MonkeyPatch) -> None:
    from opentelemetry import trace

    # The client's tracers ask for the app's provider at their first use.
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", spans.provider)
    server.serve(json_answer(whole()))
    ask(client(server.url)).sample()
    assert spans.only().instrumentation_scope.name != "xai_sdk.sync.chat"  # type: ignore[union-attr]


def test_a_stream_can_be_closed_by_another_thread(server: Server, spans: Spans) -> None:
    """The client's own span would complain of it."""
    server.serve(Stream([chunk({"content": text}) for text in ANSWER], then="stall"))
    stream = ask(client(server.url)).stream()
    next(stream)
    closing = threading.Thread(target=stream.close)
    closing.start()
    closing.join()
    assert (outcome(spans.only()), text(spans.only())) == ("cancelled", ANSWER[0])


def test_the_clients_switch_that_hides_content_is_obeyed(server: Server, spans: Spans, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XAI_SDK_DISABLE_SENSITIVE_TELEMETRY_ATTRIBUTES", "1")
    server.serve(json_answer(whole()))
    ask(client(server.url)).sample()
    told = attributes(spans.only())
    assert told["gen_ai.usage.output_tokens"] == 9
    assert "bees" not in str(told)


def test_the_originals_are_put_back(start_tracing: Any) -> None:
    import xai_sdk
    from xai_sdk import aio, sync

    owners = (sync.chat, sync.chat.Chat, aio.chat.Chat, sync.image.Client, xai_sdk.chat.Response)
    before = [dict(vars(owner)) for owner in owners]
    start_tracing()
    assert all(dict(vars(owner)) != was for owner, was in zip(owners, before, strict=True))
    genba.uninstrument()
    assert [dict(vars(owner)) for owner in owners] == before


@pytest.mark.parametrize(
    "odd",
    [None, [], "text", {"messages": [3, {}], "tools": [{}, 3]}, {"outputs": [{}, {"message": 3}], "usage": 3}, {"images": [{}, 3]}],
)
def test_odd_bodies_are_read_as_far_as_they_go(odd: Any) -> None:
    for found in (chat.CHAT, pictures.PICTURES):
        found.request(odd)
        found.response(odd)
    chat.read_response(chat.fold([odd, {"outputs": [{"delta": {"content": "a"}}]}]))


def test_the_example_leaves_one_chat_in_its_store(server: Server, tmp_path: Path) -> None:
    server.serve(Stream([*(chunk({"content": text}) for text in ANSWER), ended()]))
    ran = run_example("xai_chat", tmp_path, XAI_API_HOST=bridge(server.url, 0), XAI_API_KEY="key-for-tests", XAI_MODEL=MODEL)
    assert ran.out == TEXT + "\n"
    assert names(tmp_path) == [f"chat {MODEL}"]
