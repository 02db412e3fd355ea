"""Google's client: what is called, of which service, and what becomes of the functions that it calls itself."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable
from typing import Any

import pytest

pytest.importorskip("google.genai", reason="google-genai is not installed")

from google.genai import _api_client, _extra_utils, errors, models, types

import genba
from support.clients import google_genai as wire
from support.clients.google_genai import MODEL, answer, call, said, stream
from support.spans import Spans, attributes, failed, messages, outcome, text, tree
from support.wire import Answer, Server, json_answer

pytestmark = pytest.mark.filterwarnings("ignore:.*is deprecated and will be removed:Warning")


def get_weather(city: str, days: int = 1) -> str:
    """Say the weather.

    Of any city.
    """
    return f"{days} sunny days in {city}"


get_weather.__annotations__ = {"city": str, "days": int, "return": str}  # older clients read no annotations that are text


async def look_up_weather(city: str) -> dict[str, Any]:
    """Look it up."""
    await asyncio.sleep(0)
    return {"sky": f"blue over {city}"}


look_up_weather.__annotations__ = {"city": str, "return": dict}


def break_down(city: str) -> str:
    raise ValueError(f"no such city as {city}")


def asked_and_answered(name: str = "get_weather") -> list[Answer]:
    return [answer(call(name, {"city": "Bern"})), answer("Sunny.")]


def test_a_call_says_which_service_it_went_to(client: Any, vertex: Any, server: Server, spans: Spans) -> None:
    server.serve(answer("Honey."))
    client.models.generate_content(model=MODEL, contents="What?")
    vertex.models.generate_content(model=f"publishers/google/models/{MODEL}", contents="What?")

    gemini, vertexed = map(attributes, spans.all())
    assert [told["gen_ai.provider.name"] for told in (gemini, vertexed)] == ["gcp.gemini", "gcp.vertex_ai"]
    for told in (gemini, vertexed):
        assert (told["gen_ai.operation.name"], told["gen_ai.request.model"]) == ("generate_content", MODEL)
        assert (told["server.address"], told["server.port"]) == ("127.0.0.1", server.port)
        assert told["gen_ai.response.finish_reasons"] == ("stop",)
    assert server.received[1].path.endswith(f"/a-project/locations/here/publishers/google/models/{MODEL}:generateContent")


def test_a_tuned_model_keeps_its_whole_name(client: Any, server: Server, spans: Spans) -> None:
    server.serve(answer("Honey."))
    client.models.generate_content(model="tunedModels/bees-1", contents="What?")
    assert spans.only().name == "generate_content tunedModels/bees-1"


def test_a_function_that_the_client_calls_is_a_span_between_two_turns(client: Any, server: Server, spans: Spans) -> None:
    server.queue.extend(asked_and_answered())
    got = client.models.generate_content(model=MODEL, contents="Weather?", config={"tools": [get_weather]})

    assert got.text == "Sunny."
    assert tree(spans) == [
        "invoke_agent",
        f"  generate_content {MODEL}",
        "  execute_tool get_weather",
        f"  generate_content {MODEL}",
    ]
    told = attributes(spans.named("execute_tool get_weather"))
    assert told["gen_ai.tool.name"] == "get_weather"
    assert told["gen_ai.tool.description"] == "Say the weather."
    assert told["gen_ai.tool.call.arguments"] == '{"city":"Bern"}'
    assert told["gen_ai.tool.call.result"] == '{"result":"1 sunny days in Bern"}'
    first, second = spans.models()
    assert attributes(first)["gen_ai.response.finish_reasons"] == ("tool_call",)
    assert [message["role"] for message in messages(second, "input")] == ["user", "assistant", "tool"]
    assert "gen_ai.usage.input_tokens" not in attributes(spans.named("invoke_agent")), "only model calls have usage"


@pytest.mark.parametrize("asynchronous", [False, True], ids=["plain", "async"])
def test_a_decorated_function_that_the_client_calls_is_one_span(
    asynchronous: bool, client: Any, server: Server, spans: Spans
) -> None:
    function = look_up_weather if asynchronous else get_weather
    decorated = genba.tool(type="extension", attributes={"shelf": 7})(function)
    server.queue.extend(asked_and_answered(function.__name__))
    asked = {"model": MODEL, "contents": "Weather?", "config": {"tools": [decorated]}}
    if asynchronous:
        asyncio.run(client.aio.models.generate_content(**asked))
    else:
        client.models.generate_content(**asked)

    turn = f"  generate_content {MODEL}"
    assert tree(spans) == ["invoke_agent", turn, f"  execute_tool {function.__name__}", turn]
    told = attributes(spans.named(f"execute_tool {function.__name__}"))
    assert told["gen_ai.tool.call.arguments"] == '{"city":"Bern"}'
    assert (told["gen_ai.tool.type"], told["shelf"]) == ("function", 7)


def test_functions_are_called_in_streams_too(client: Any, server: Server, spans: Spans) -> None:
    server.queue.extend([stream([said(call("get_weather", {"city": "Bern"}))]), stream(wire.pieces(["Sun", "ny."], last=True))])
    chunks = list(client.models.generate_content_stream(model=MODEL, contents="Weather?", config={"tools": [get_weather]}))

    assert chunks[-1].text == "ny."
    assert [line.split()[0] for line in tree(spans)] == ["invoke_agent", "generate_content", "execute_tool", "generate_content"]
    assert [line.startswith("  ") for line in tree(spans)] == [False, True, True, True]
    assert text(spans.models()[1]) == "Sunny."


@pytest.mark.parametrize("function", [get_weather, look_up_weather], ids=["plain", "async"])
def test_functions_are_called_by_the_asynchronous_client(function: Any, client: Any, server: Server, spans: Spans) -> None:
    server.queue.extend([*asked_and_answered(function.__name__), stream([said(call(function.__name__, {"city": "Bern"}))])])
    server.queue.append(stream(wire.pieces(["Sun", "ny."], last=True)))

    async def scenario() -> None:
        chat = client.aio.chats.create(model=MODEL, config=types.GenerateContentConfig(tools=[function]))
        assert (await chat.send_message("Weather?")).text == "Sunny."
        assert [chunk.text async for chunk in await chat.send_message_stream("And now?")][-1] == "ny."
        await client.aio.aclose()

    asyncio.run(scenario())
    turn = ["invoke_agent", f"  generate_content {MODEL}", f"  execute_tool {function.__name__}", f"  generate_content {MODEL}"]
    assert tree(spans) == [*turn, *turn], tree(spans)


def test_a_function_that_raises_fails_its_span_and_not_the_call(client: Any, server: Server, spans: Spans) -> None:
    server.queue.extend(asked_and_answered("break_down"))
    got = client.models.generate_content(model=MODEL, contents="Weather?", config={"tools": [break_down]})

    assert got.text == "Sunny."
    tool = spans.named("execute_tool break_down")
    assert failed(tool)
    assert outcome(spans.named("invoke_agent")) == "completed"


def test_functions_that_the_client_shall_not_call_make_no_agent(client: Any, server: Server, spans: Spans) -> None:
    server.serve(answer(call("get_weather", {"city": "Bern"})))
    off = {"tools": [get_weather], "automatic_function_calling": {"disable": True}}
    client.models.generate_content(model=MODEL, contents="Weather?", config=off)
    assert tree(spans) == [f"generate_content {MODEL}"]
    [tool] = (spans.only().attributes["gen_ai.tool.definitions"],)  # type: ignore[index,misc]
    assert '"get_weather"' in tool


def test_a_streamed_agent_that_the_host_closes_is_cancelled_with_its_turn(client: Any, server: Server, spans: Spans) -> None:
    server.serve(stream(wire.pieces(["Sun", "ny", "."], last=False), then="stall"))
    chunks = client.models.generate_content_stream(model=MODEL, contents="Weather?", config={"tools": [get_weather]})
    next(chunks)
    chunks.close()
    assert [(span.name.split()[0], outcome(span)) for span in spans.all()] == [
        ("generate_content", "cancelled"),
        ("invoke_agent", "cancelled"),
    ]


def test_a_stream_that_nobody_reads_sends_nothing_and_makes_no_span(client: Any, server: Server, spans: Spans) -> None:
    unread = client.models.generate_content_stream(model=MODEL, contents="What?")
    unread.close()
    dropped = client.models.generate_content_stream(model=MODEL, contents="What?")
    del dropped
    gc.collect()
    assert server.received == []
    assert spans.all() == []


def test_a_stream_that_is_refused_fails_at_the_first_chunk(client: Any, server: Server, spans: Spans) -> None:
    server.serve(json_answer(wire.error(429, "RESOURCE_EXHAUSTED"), 429))
    chunks = client.models.generate_content_stream(model=MODEL, contents="What?")
    with pytest.raises(errors.ClientError):
        next(chunks)
    span = spans.only()
    assert failed(span)
    assert attributes(span)["error.type"] == "google.genai.errors.ClientError"
    assert attributes(span)["gen_ai.request.stream"] is True


def test_a_generator_stays_a_generator(client: Any, server: Server, spans: Spans) -> None:
    server.serve(stream(wire.pieces(["Hon", "ey"], last=True)))
    chunks = client.models.generate_content_stream(model=MODEL, contents="What?")
    assert isinstance(chunks, type(_ for _ in ()))
    assert chunks.send(None).text == "Hon"
    with pytest.raises(KeyError):
        chunks.throw(KeyError("the host's own"))
    assert outcome(spans.only()) == "cancelled"


@pytest.mark.parametrize("streams", [False, True], ids=["value", "stream"])
def test_each_retry_is_an_event(streams: bool, server: Server, spans: Spans) -> None:
    client = wire.client(
        server.url, http={"retry_options": {"attempts": 3, "initial_delay": 0.001, "jitter": 0.001, "max_delay": 0.002}}
    )
    server.queue.extend([json_answer(wire.error(), 503), json_answer(wire.error(500, "INTERNAL"), 500)])
    if streams:
        server.queue.append(stream(wire.pieces(["Hon", "ey"], last=True)))
        list(client.models.generate_content_stream(model=MODEL, contents="What?"))
    else:
        server.queue.append(answer("Honey"))
        client.models.generate_content(model=MODEL, contents="What?")
    client.close()

    span = spans.only()
    retries = [event for event in span.events if event.name == "genba.retry"]
    assert [dict(event.attributes or {}) for event in retries] == [
        {"genba.retry.attempt": 1, "http.response.status_code": 503},
        {"genba.retry.attempt": 2, "http.response.status_code": 500},
    ]
    assert not failed(span)
    assert text(span) == "Honey"


def test_what_the_host_adds_by_hand_is_read_as_it_goes_over_the_wire(client: Any, server: Server, spans: Spans) -> None:
    server.serve(answer("Honey."))
    by_hand = {"extra_body": {"generation_config": {"seed": 7}, "labels": {"team": "bees"}}}
    client.models.generate_content(model=MODEL, contents="What?", config={"temperature": 0.5, "http_options": by_hand})
    told = attributes(spans.only())
    assert (told["gen_ai.request.temperature"], told["gen_ai.request.seed"]) == (0.5, 7)
    assert server.received[0].json["generationConfig"] == {"temperature": 0.5, "seed": 7}


def test_the_raw_http_response_stays_raw(client: Any, server: Server, spans: Spans) -> None:
    server.serve(answer("Honey."))
    got = client.models.generate_content(
        model=MODEL, contents="What?", config=types.GenerateContentConfig(should_return_http_response=True)
    )
    assert '"Honey."' in got.sdk_http_response.body
    assert text(spans.only()) == "Honey."


def test_vectors_are_counted_and_not_kept(client: Any, vertex: Any, server: Server, spans: Spans) -> None:
    server.queue.append(json_answer({"embeddings": [{"values": [0.1, 0.2, 0.3]}, {"values": [1, 2, 3]}]}))
    client.models.embed_content(model="gemini-embedding-001", contents=["bees", "ants"], config={"output_dimensionality": 3})
    predicted = {"values": [0.1, 0.2], "statistics": {"token_count": 4.0, "truncated": False}}
    server.queue.append(json_answer({"predictions": [{"embeddings": predicted}, {"embeddings": predicted}]}))
    vertex.models.embed_content(model="text-embedding-004", contents=["bees", "ants"])
    server.queue.append(json_answer({"embedding": {"values": [0.5] * 5}, "usageMetadata": {"promptTokenCount": 2}}))
    vertex.models.embed_content(model="gemini-embedding-2-preview", contents="bees")

    told = [attributes(span) for span in spans.all()]
    assert [one["gen_ai.operation.name"] for one in told] == ["embeddings"] * 3
    assert [one["gen_ai.embeddings.dimension.count"] for one in told] == [3, 2, 5]
    assert [one.get("gen_ai.usage.input_tokens") for one in told] == [None, 8, 2]
    assert [text(span, "input") for span in spans.all()] == ["beesants", "beesants", "bees"]


def test_counting_tokens_is_a_call_of_its_own_kind(client: Any, vertex: Any, server: Server, spans: Spans) -> None:
    server.queue.append(json_answer({"totalTokens": 12, "cachedContentTokenCount": 3}))
    assert client.models.count_tokens(model=MODEL, contents="How long is this?").total_tokens == 12
    server.queue.append(json_answer({"tokensInfo": [{"role": "user", "tokens": ["SG8=", "dz8="], "tokenIds": ["5299", "17"]}]}))
    vertex.models.compute_tokens(model=MODEL, contents="How?")

    counted, computed = spans.all()
    assert counted.name == f"count_tokens {MODEL}"
    assert attributes(counted)["gen_ai.usage.input_tokens"] == 12
    assert text(counted, "input") == "How long is this?"
    assert computed.name == f"compute_tokens {MODEL}"
    assert attributes(computed)["gen_ai.usage.input_tokens"] == 2


def test_pictures_and_videos_are_generated_content(vertex: Any, server: Server, spans: Spans) -> None:
    picture = {"bytesBase64Encoded": "UE5H", "mimeType": "image/png", "prompt": "A bee, closely"}
    server.queue.append(json_answer({"predictions": [picture, {"raiFilteredReason": "Not a bee."}]}))
    config = {"number_of_images": 2, "include_rai_reason": True}
    vertex.models.generate_images(model="imagen-4", prompt="A bee", config=config)
    server.queue.append(json_answer({"name": "projects/p/operations/op-1"}))
    vertex.models.generate_videos(model="veo-3", prompt="A bee that flies")

    pictures, video = spans.all()
    assert attributes(pictures)["gen_ai.output.type"] == "image"
    assert attributes(pictures)["gen_ai.request.choice.count"] == 2
    assert attributes(pictures)["gen_ai.response.finish_reasons"] == ("stop", "content_filter")
    assert [part["type"] for message in messages(pictures) for part in message["parts"]] == ["blob", "refusal"]
    assert attributes(video)["gen_ai.output.type"] == "video"
    assert attributes(video)["gen_ai.response.id"] == "projects/p/operations/op-1"
    assert attributes(video)["gen_ai.response.status"] == "in_progress"


def test_other_requests_are_none_of_ours(client: Any, server: Server, spans: Spans) -> None:
    server.serve(json_answer({"models": [{"name": "models/one"}]}))
    assert [model.name for model in client.models.list(config={"query_base": True})] == ["models/one"]
    assert spans.all() == []


def test_taken_off_the_client_is_as_it_was(start_tracing: Callable[..., Spans]) -> None:
    places = [
        (_api_client.BaseApiClient, name) for name in ("request", "async_request", "request_streamed", "async_request_streamed")
    ]
    places += [(_api_client.BaseApiClient, name) for name in ("_request_once", "_async_request_once")]
    places += [
        (kind, name) for kind in (models.Models, models.AsyncModels) for name in ("generate_content", "generate_content_stream")
    ]
    places += [(_extra_utils, name) for name in ("invoke_function_from_dict_args", "invoke_function_from_dict_args_async")]
    before = [vars(owner)[name] for owner, name in places]
    start_tracing()
    assert all(vars(owner)[name] is not original for (owner, name), original in zip(places, before, strict=True))
    genba.uninstrument()
    assert all(vars(owner)[name] is original for (owner, name), original in zip(places, before, strict=True))
