"""Interactions: with a model or with an agent of the service, whole and streamed."""

from __future__ import annotations

import asyncio
import gc
import itertools
import json
from collections.abc import Callable, Sequence
from typing import Any

import pytest

pytest.importorskip("google.genai._gaos", reason="google-genai is not installed, or older")

from google.genai import _gaos
from google.genai._gaos import basesdk
from google.genai._gaos.lib import compat_errors

import genba
from genba.providers.google_genai import interactions
from support.clients.google_genai import MODEL
from support.spans import Spans, attributes, failed, messages, outcome, parts, text
from support.wire import Server, Stream, json_answer, sse

pytestmark = pytest.mark.filterwarnings("ignore:.*(experimental|deprecated):Warning")

USAGE = {
    "total_input_tokens": 18,
    "total_tool_use_tokens": 2,
    "total_cached_tokens": 4,
    "total_output_tokens": 7,
    "total_thought_tokens": 2,
    "total_tokens": 29,
    "input_tokens_by_modality": [{"modality": "text", "tokens": 18}],
}
THOUGHT = {"type": "thought", "signature": "c2ln", "summary": [{"type": "text", "text": "Bees."}]}
CITED = [{"type": "url_citation", "url": "https://bees.example", "title": "Bees", "start_index": 0, "end_index": 5}]
SAID = {"type": "model_output", "content": [{"type": "text", "text": "Honey.", "annotations": CITED}]}
SEARCH = [
    {"type": "google_search_call", "id": "s-1", "arguments": {"queries": ["bees"]}},
    {"type": "google_search_result", "call_id": "s-1", "result": [{"search_suggestions": "more bees"}]},
]
CALL = {"type": "function_call", "id": "call-1", "name": "get_weather", "arguments": {"city": "Bern"}}


def interaction(*steps: Any, status: str = "completed", **more: Any) -> dict[str, Any]:
    return {"id": "int-1", "object": "interaction", "status": status, "model": MODEL, "steps": list(steps), "usage": USAGE, **more}


def events(*, last: bool = True) -> list[dict[str, Any]]:
    """THOUGHT, CALL and SAID, in pieces."""
    pieces: list[tuple[dict[str, Any], Sequence[dict[str, Any]]]] = [
        (
            {"type": "thought"},
            [
                {"type": "thought_summary", "content": {"type": "text", "text": "Be"}},
                {"type": "thought_summary", "content": {"type": "text", "text": "es."}},
                {"type": "thought_signature", "signature": "c2ln"},
            ],
        ),
        (
            {"type": "function_call", "id": "call-1", "name": "get_weather", "arguments": {}},
            [{"type": "arguments_delta", "arguments": piece} for piece in ('{"city"', ':"Bern"}')],
        ),
        (
            {"type": "model_output"},
            [*({"type": "text", "text": word} for word in ("Hon", "ey.")), {"type": "text_annotation_delta", "annotations": CITED}],
        ),
    ]
    told: list[dict[str, Any]] = [
        {"event_type": "interaction.created", "interaction": {"id": "int-1", "status": "in_progress", "model": MODEL}}
    ]
    for at, (step, deltas) in enumerate(pieces):
        told.append({"event_type": "step.start", "index": at, "step": step})
        told += [{"event_type": "step.delta", "index": at, "delta": delta} for delta in deltas]
        told.append({"event_type": "step.stop", "index": at})
    completed = {"id": "int-1", "status": "completed", "model": MODEL, "usage": USAGE}
    return [*told, {"event_type": "interaction.completed", "interaction": completed}] if last else told


def stream(said: Sequence[dict[str, Any]], **more: Any) -> Stream:
    return Stream([sse(event) for event in said], **more)


def done() -> Stream:
    return Stream([*(sse(event) for event in events()), b"data: [DONE]\n\n"])


def test_an_interaction_is_a_call_with_both_sides_of_it(client: Any, vertex: Any, server: Server, spans: Spans) -> None:
    server.serve(json_answer(interaction(THOUGHT, *SEARCH, SAID, service_tier="standard")))
    got = client.interactions.create(
        model=MODEL,
        input="What do bees make?",
        system_instruction="Be brief.",
        previous_interaction_id="int-0",
        generation_config={"temperature": 0.5, "max_output_tokens": 20, "thinking_level": "low"},
        tools=[
            {"type": "function", "name": "get_weather", "description": "The weather.", "parameters": {"type": "object"}},
            {"type": "mcp_server", "name": "hive", "url": "https://hive.example", "headers": {"authorization": "hidden"}},
        ],
    )
    assert got.output_text == "Honey."
    span = spans.only()
    told = attributes(span)
    assert (span.name, outcome(span)) == (f"chat {MODEL}", "completed")
    assert (text(span, "input"), text(span)) == ("What do bees make?", "Honey.")
    assert (told["gen_ai.provider.name"], told["server.address"], told["server.port"]) == ("gcp.gemini", "127.0.0.1", server.port)
    assert (told["gen_ai.response.id"], told["gen_ai.response.model"]) == ("int-1", MODEL)
    assert told["gen_ai.request.previous_response.id"] == "int-0"
    assert (told["gen_ai.request.temperature"], told["gen_ai.request.max_tokens"]) == (0.5, 20)
    assert told["gen_ai.request.reasoning.level"] == "low"
    assert told["gen_ai.response.finish_reasons"] == ("stop",)
    assert told["genba.response.finish_reasons"] == ("completed",)
    usage = {name.removeprefix("gen_ai.usage."): value for name, value in told.items() if name.startswith("gen_ai.usage.")}
    assert usage == {
        "input_tokens": 20,
        "output_tokens": 9,
        "cache_read.input_tokens": 4,
        "reasoning.output_tokens": 2,
        "text.input_tokens": 18,
    }
    assert json.loads(told["genba.usage.raw"]) == USAGE
    thought, called, found, said = parts(span)
    assert (thought["content"], thought["thought_signature"]) == ("Bees.", "c2ln")
    assert (called["name"], called["id"], found["id"]) == ("google_search", "s-1", "s-1")
    assert said["annotations"] == CITED
    assert json.loads(told["gen_ai.system_instructions"]) == [{"type": "text", "content": "Be brief."}]
    assert [tool["name"] for tool in json.loads(told["gen_ai.tool.definitions"])] == ["get_weather", "hive"]
    assert "hidden" not in str(told)

    vertex.interactions.create(model=MODEL, input="And again?")
    assert attributes(spans.all()[1])["gen_ai.provider.name"] == "gcp.vertex_ai"


def test_an_agent_of_the_service_goes_by_its_name(client: Any, server: Server, spans: Spans) -> None:
    server.serve(json_answer(interaction(SAID, agent="deep-research-1", model=None)))
    client.interactions.create(agent="deep-research-1", input="Bees?", agent_config={"type": "deep-research"})
    span = spans.only()
    assert span.name == "invoke_agent deep-research-1"
    assert attributes(span)["gen_ai.agent.name"] == "deep-research-1"
    assert attributes(span)["gen_ai.usage.output_tokens"] == 9
    assert (text(span, "input"), text(span)) == ("Bees?", "Honey.")


def test_what_a_function_gave_is_a_turn_of_its_own(client: Any, server: Server, spans: Spans) -> None:
    server.serve(json_answer(interaction(CALL, status="requires_action")))
    given = [{"type": "text", "text": "sunny"}]
    client.interactions.create(
        model=MODEL,
        input=[
            {"type": "user_input", "content": [{"type": "text", "text": "Weather?"}]},
            CALL,
            {"type": "function_result", "call_id": "call-1", "name": "get_weather", "result": given},
        ],
    )
    span = spans.only()
    assert [message["role"] for message in messages(span, "input")] == ["user", "assistant", "tool"]
    assert messages(span, "input")[2]["parts"][0]["response"] == [{"type": "text", "content": "sunny"}]
    assert parts(span) == [{"type": "tool_call", "id": "call-1", "name": "get_weather", "arguments": {"city": "Bern"}}]
    assert attributes(span)["gen_ai.response.finish_reasons"] == ("tool_call",)


def test_media_go_in(client: Any, server: Server, spans: Spans) -> None:
    server.serve(json_answer(interaction(SAID)))
    picture = {"type": "image", "data": "AAAA", "mime_type": "image/png"}
    film = {"type": "video", "uri": "https://bees.example/film", "mime_type": "video/mp4"}
    client.interactions.create(model=MODEL, input=[{"type": "text", "text": "What is it?"}, picture, film])
    assert [part["type"] for part in parts(spans.only(), "input")] == ["text", "blob", "uri"]


@pytest.fixture(params=[False, True], ids=["plain", "async"])
def read_stream(request: Any, client: Any) -> Callable[..., list[Any]]:
    """Reads so many events of a stream, or all, then leaves it."""
    asked = {"model": MODEL, "input": "Bees?", "stream": True, "automatic_continuation": False}

    def plain(count: int | None) -> list[Any]:
        with client.interactions.create(**asked) as said:
            return list(itertools.islice(said, count))

    async def other(count: int | None) -> list[Any]:
        seen: list[Any] = []
        async with await client.aio.interactions.create(**asked) as said:
            async for event in said:
                seen.append(event)
                if len(seen) == count:
                    break
        await client.aio.aclose()
        return seen

    return lambda count=None: asyncio.run(other(count)) if request.param else plain(count)


def test_a_stream_adds_up_to_the_interaction(read_stream: Any, server: Server, spans: Spans) -> None:
    server.serve(done())
    seen = read_stream()
    assert len(seen) == len(events())
    span = spans.only()
    told = attributes(span)
    assert [part["type"] for part in parts(span)] == ["reasoning", "tool_call", "text"]
    assert parts(span)[0]["content"] == "Bees."
    assert parts(span)[1]["arguments"] == {"city": "Bern"}
    assert (parts(span)[2]["content"], parts(span)[2]["annotations"]) == ("Honey.", CITED)
    assert (told["gen_ai.response.id"], told["gen_ai.usage.output_tokens"], outcome(span)) == ("int-1", 9, "completed")
    assert told["gen_ai.request.stream"] is True
    assert told["genba.chunks.count"] == len(events())


def test_a_stream_that_is_left_is_cancelled_and_keeps_what_arrived(read_stream: Any, server: Server, spans: Spans) -> None:
    server.serve(stream(events(last=False), then="stall"))
    read_stream(len(events(last=False)))
    gc.collect()
    assert (outcome(spans.only()), text(spans.only())) == ("cancelled", "Honey.")


def test_an_error_in_a_stream_fails_the_call(read_stream: Any, server: Server, spans: Spans) -> None:
    error = {"event_type": "error", "error": {"code": "overloaded", "message": "Too many bees."}}
    server.serve(stream([*events(last=False), error]))
    read_stream()
    span = spans.only()
    assert failed(span)
    assert attributes(span)["error.type"] == "overloaded"
    assert text(span) == "Honey."


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "stream"])
def test_an_answer_that_is_refused_fails_with_what_the_host_sees(client: Any, streamed: bool, server: Server, spans: Spans) -> None:
    server.serve(json_answer({"error": {"code": "bad", "message": "No."}}, 400))
    with pytest.raises(compat_errors.BadRequestError):
        client.interactions.create(model=MODEL, input="Bees?", stream=streamed)
    span = spans.only()
    assert failed(span)
    assert attributes(span)["error.type"].endswith("BadRequestError")
    assert text(span, "input") == "Bees?"


def test_an_interaction_that_failed_is_failed_without_an_exception(client: Any, server: Server, spans: Spans) -> None:
    server.serve(json_answer(interaction(status="failed", errors=[{"code": "budget", "message": "No more bees."}])))
    client.interactions.create(model=MODEL, input="Bees?")
    assert failed(spans.only())
    assert attributes(spans.only())["error.type"] == "budget"


def test_what_is_not_the_creation_of_one_is_no_call(client: Any, server: Server, spans: Spans) -> None:
    server.serve(json_answer(interaction(SAID)))
    assert client.interactions.get("int-1").id == "int-1"
    assert spans.all() == []


def test_a_raw_answer_is_seen_too(client: Any, server: Server, spans: Spans) -> None:
    server.serve(json_answer(interaction(SAID)))
    raw = client.interactions.with_raw_response.create(model=MODEL, input="Bees?")
    assert raw.parse().id == "int-1"
    assert text(spans.only()) == "Honey."


def test_odd_answers_cost_nothing_but_themselves() -> None:
    for odd in (None, 7, [], {"steps": 7}, {"steps": [7, {}, {"type": "thought", "summary": 7}]}, {"usage": []}, {"status": {}}):
        interactions.read_response(odd)
        interactions.read_request({"input": odd, "tools": odd, "generation_config": odd, "response_format": odd})
        interactions.failed(odd)
        interactions.fold([odd, {"event_type": "step.delta", "delta": odd}, {"event_type": "step.start", "step": odd}])


def test_everything_is_its_own_again_after_uninstrument(start_tracing: Callable[..., Spans]) -> None:
    def now() -> list[Any]:
        return [basesdk.BaseSDK.do_request, basesdk.AsyncBaseSDK.do_request_async, _gaos.lib.compat_errors.wrap_sdk_error]

    before = now()
    start_tracing()
    assert all(new is not old for new, old in zip(now(), before, strict=True))
    genba.uninstrument()
    assert now() == before
