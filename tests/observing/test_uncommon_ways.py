"""Ways to use a client that are rare, allowed, and easy to forget: still one span each, and nothing kept alive."""

from __future__ import annotations

import asyncio
import gc
import itertools
import threading
import weakref
from collections.abc import Callable
from typing import Any

import pytest

import genba
from support import anthropic_wire, openai_wire
from support.services import CHAT, MESSAGES, SERVICES, TEXT, TEXT_ARRIVED, Service, client
from support.spans import Spans, attributes, failed, is_child, messages, outcome, text
from support.wire import Server, json_answer

services = pytest.mark.parametrize("service", SERVICES, ids=lambda service: service.name)
with_openai = pytest.mark.skipif(CHAT not in SERVICES, reason="openai is not installed")
with_anthropic = pytest.mark.skipif(MESSAGES not in SERVICES, reason="anthropic is not installed")


def resource(service: Service, server: Server, **options: Any) -> Any:
    return service.resource(service.client(server.url, asynchronous=False, **options))


@services
def test_a_stream_read_in_several_loops_is_one_span(service: Service, server: Server, spans: Spans) -> None:
    server.serve(service.stream())
    stream = resource(service, server).create(**service.ask, stream=True)
    next(stream)
    list(itertools.islice(stream, 2))
    for _ in stream:
        pass
    assert list(stream) == []
    assert (outcome(spans.only()), text(spans.only())) == ("completed", TEXT)


@services
def test_a_stream_read_by_several_threads_in_turn_is_one_span(service: Service, server: Server, spans: Spans) -> None:
    server.serve(service.stream())
    stream = resource(service, server).create(**service.ask, stream=True)
    while not spans.all():
        thread = threading.Thread(target=lambda: next(stream, None))
        thread.start()
        thread.join()
    assert (outcome(spans.only()), text(spans.only())) == ("completed", TEXT)


@services
def test_a_stream_read_by_several_tasks_in_turn_is_one_span(service: Service, server: Server, spans: Spans) -> None:
    server.serve(service.stream())

    async def scenario() -> None:
        caller = service.client(server.url, asynchronous=True)
        stream = await service.resource(caller).create(**service.ask, stream=True)
        while not spans.all():
            await asyncio.create_task(anext_or_none(stream))
        await caller.close()

    async def anext_or_none(stream: Any) -> Any:
        try:
            return await stream.__anext__()
        except StopAsyncIteration:
            return None

    asyncio.run(scenario())
    assert (outcome(spans.only()), text(spans.only())) == ("completed", TEXT)


@services
def test_closing_the_response_under_a_stream_ends_it(service: Service, server: Server, spans: Spans) -> None:
    server.serve(service.broken_stream(then="stall"))
    stream = resource(service, server).create(**service.ask, stream=True)
    for item in stream:
        if " made" in str(item):
            break
    stream.response.close()
    assert (outcome(spans.only()), text(spans.only())) == ("cancelled", TEXT_ARRIVED)


@services
def test_a_stream_read_again_after_its_error_is_one_span(service: Service, server: Server, spans: Spans) -> None:
    server.serve(service.broken_stream(then="cut"))
    stream = resource(service, server).create(**service.ask, stream=True)
    with pytest.raises(Exception, match=r".+"):
        list(stream)
    assert list(stream) == []
    stream.close()
    assert outcome(spans.only()) == "failed"


@services
def test_a_copied_client_is_traced(service: Service, server: Server, spans: Spans) -> None:
    server.serve(service.answer())
    caller = service.client(server.url, asynchronous=False).with_options(timeout=5, default_headers={"x-team": "bees"})
    service.resource(caller).create(**service.ask)
    assert outcome(spans.only()) == "completed"


@services
def test_what_the_transport_does_is_a_child_of_the_call(service: Service, server: Server, spans: Spans) -> None:
    server.serve(service.answer())

    def watched(http: Any) -> Any:
        class Transport(http.HTTPTransport):  # type: ignore[name-defined,misc]
            def handle_request(self, request: Any) -> Any:
                with spans.app.start_as_current_span("HTTP POST"):
                    return super().handle_request(request)

        return Transport()

    resource(service, server, transport=watched).create(**service.ask)
    assert is_child(spans.named("HTTP POST"), spans.only())


@services
def test_retries_are_one_span(service: Service, server: Server, spans: Spans) -> None:
    server.serve(service.answer())
    at_once = {"retry-after-ms": "1"}
    server.queue.extend(json_answer(service.error, status, headers=at_once) for status in (503, 429))
    resource(service, server, max_retries=3).create(**service.ask)
    assert len(server.received) == 3
    assert outcome(spans.only()) == "completed"
    assert attributes(spans.only())["gen_ai.usage.input_tokens"] == service.input_tokens


@services
def test_nothing_of_a_call_is_kept_alive_once_its_span_is_gone(service: Service, server: Server, spans: Spans) -> None:
    server.serve(service.answer())
    calls = resource(service, server)
    answer = calls.create(**service.ask)
    kept = [weakref.ref(answer)]
    server.serve(service.stream())
    stream = calls.create(**service.ask, stream=True)
    for item in stream:
        kept.append(weakref.ref(item))
    kept.append(weakref.ref(stream))
    del answer, stream, item
    assert len(spans.all()) == 2
    spans.clear()
    assert genba.flush(timeout=5)
    gc.collect()
    assert [reference() for reference in kept if reference() is not None] == []


@services
def test_a_call_made_while_the_answer_of_another_streams_is_its_sibling(service: Service, server: Server, spans: Spans) -> None:
    server.serve(service.stream())
    calls = resource(service, server)
    with spans.app.start_as_current_span("caller") as caller:
        for number, _ in enumerate(calls.create(**service.ask, stream=True)):
            if number == 1:
                server.serve(service.answer())
                calls.create(**service.ask)
    assert len(spans.all()) == 2
    assert all(is_child(span, caller) for span in spans.all())


@with_openai
def test_a_request_made_by_hand_is_traced(server: Server, spans: Spans) -> None:
    server.serve(json_answer(openai_wire.chat()))
    answer = client("openai", server.url).post(
        "/chat/completions", body={"model": openai_wire.MODEL, "messages": openai_wire.MESSAGES}, cast_to=object
    )
    assert answer == openai_wire.chat()
    assert text(spans.only()) == TEXT


@with_openai
def test_an_answer_too_long_to_parse_fails_with_its_usage(server: Server, start_tracing: Callable[..., Spans]) -> None:
    import openai
    from pydantic import BaseModel

    class Answer(BaseModel):
        maker: str

    body = openai_wire.chat('{"maker": "be')
    body["choices"][0]["finish_reason"] = "length"
    server.serve(json_answer(body))
    spans = start_tracing()
    with pytest.raises(openai.LengthFinishReasonError):
        client("openai", server.url).chat.completions.parse(
            model=openai_wire.MODEL, messages=openai_wire.MESSAGES, response_format=Answer
        )
    span = spans.only()
    assert failed(span)
    assert attributes(span)["gen_ai.usage.output_tokens"] == 9
    assert attributes(span)["gen_ai.output.type"] == "json"


@with_openai
def test_a_parsed_answer_is_parsed_and_recorded(server: Server, spans: Spans) -> None:
    from pydantic import BaseModel

    class Answer(BaseModel):
        maker: str

    server.serve(json_answer(openai_wire.chat('{"maker": "bees"}')))
    answer = client("openai", server.url).chat.completions.parse(
        model=openai_wire.MODEL, messages=openai_wire.MESSAGES, response_format=Answer
    )
    assert answer.choices[0].message.parsed == Answer(maker="bees")
    assert text(spans.only()) == '{"maker": "bees"}'


@with_openai
def test_many_choices_streamed_together_are_kept_apart(server: Server, spans: Spans) -> None:
    chunks = [openai_wire.chat_chunk({"content": f"{word}{index}"}, index=index) for word in ("a", "b") for index in (1, 0)]
    ends = [openai_wire.chat_chunk({}, "stop", index=0), openai_wire.chat_chunk({}, "length", index=1)]
    server.serve(openai_wire.chunks_stream([*chunks, *ends]))
    list(client("openai", server.url).chat.completions.create(model="m", messages=openai_wire.MESSAGES, stream=True, n=2))
    assert [message["parts"][0]["content"] for message in messages(spans.only())] == ["a0b0", "a1b1"]
    assert attributes(spans.only())["gen_ai.response.finish_reasons"] == ("stop", "length")


@with_openai
@pytest.mark.parametrize("method", ["list", "retrieve"])
def test_calls_that_ask_no_model_make_no_span(method: str, server: Server, spans: Spans) -> None:
    server.serve(json_answer({"id": "m", "object": "model", "data": []}))
    getattr(client("openai", server.url).models, method)(*(["m"] if method == "retrieve" else []))
    assert spans.all() == []


@with_anthropic
def test_the_text_stream_and_the_final_message_of_a_helper_work_after_a_break(server: Server, spans: Spans) -> None:
    server.serve(MESSAGES.stream())
    with resource(MESSAGES, server).stream(**MESSAGES.ask) as stream:
        for piece in stream.text_stream:
            assert piece == "Honey"
            break
        assert stream.get_final_text() == TEXT
        assert stream.get_final_message().usage.output_tokens == 9
    assert (outcome(spans.only()), text(spans.only())) == ("completed", TEXT)


@with_anthropic
def test_each_turn_of_the_tool_runner_is_a_span(server: Server, spans: Spans) -> None:
    import anthropic

    @anthropic.beta_tool
    def weather(city: str) -> str:
        """The weather in a city."""
        return f"sunny in {city}"

    server.serve(json_answer(anthropic_wire.message("It is sunny.")))
    server.queue.append(json_answer(anthropic_wire.message(content=[anthropic_wire.TOOL_USE], stop="tool_use")))
    runner = client("anthropic", server.url).beta.messages.tool_runner(
        model=anthropic_wire.MODEL, max_tokens=50, messages=anthropic_wire.MESSAGES, tools=[weather]
    )
    assert runner.until_done().content[0].text == "It is sunny."
    first, second = spans.models()
    assert (text(first), text(second)) == ("", "It is sunny.")
    assert "sunny in Bath" in attributes(second)["gen_ai.input.messages"]
