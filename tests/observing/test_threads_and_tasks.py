"""Many calls at once: each span has its own caller for a parent, its own answer, and its own number."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import Any

import pytest

import genba
from support import anthropic_wire, openai_wire
from support.hosts import HOSTS, Host
from support.services import SERVICES, Service
from support.spans import Spans, attributes, is_child, text
from support.wire import Received, Reply, Server, Stream, json_answer

AT_ONCE = 64
services = pytest.mark.parametrize("service", SERVICES, ids=lambda service: service.name)


def parrot(request: Received) -> Reply:
    """Answers with the model's name, so that answers tell calls apart."""
    body = request.json
    name = body["model"]
    if request.path.startswith("/v1/messages"):
        streamed: Stream = anthropic_wire.events_stream(anthropic_wire.message_events([name]))
        return streamed if body.get("stream") else json_answer(anthropic_wire.message(name))
    if request.path.endswith("/responses"):
        streamed = openai_wire.events_stream(openai_wire.response_events([name]))
        return streamed if body.get("stream") else json_answer(openai_wire.response(name))
    streamed = openai_wire.chunks_stream(openai_wire.chat_chunks([name]))
    return streamed if body.get("stream") else json_answer(openai_wire.chat(name))


def check(spans: Spans) -> None:
    """Every call's span belongs to the caller of the same name, and holds its own answer."""
    callers = {span.name: span for span in spans.own()}
    found = spans.models()
    assert len(found) == len(callers) == AT_ONCE
    for span in found:
        model = attributes(span)["gen_ai.request.model"]
        assert is_child(span, callers[f"caller of {model}"])
        assert text(span) == model
    sequence = sorted(attributes(span)["genba.call.sequence"] for span in spans.all())
    assert sequence == list(range(sequence[0], sequence[0] + len(sequence))), "dense"
    assert len({attributes(span)["genba.run.id"] for span in spans.all()}) == 1


@pytest.mark.parametrize("streamed", [False, True], ids=["value", "stream"])
@services
def test_concurrent_tasks_keep_their_own_parents(service: Service, streamed: bool, server: Server, spans: Spans) -> None:
    server.serve(parrot)

    async def call(client: Any, number: int) -> None:
        model = f"model-{number}"
        with spans.app.start_as_current_span(f"caller of {model}"):
            answer = await service.resource(client).create(
                **{**service.ask, "model": model}, **({"stream": True} if streamed else {})
            )
            if streamed:
                async for _ in answer:
                    await asyncio.sleep(0)

    async def all_at_once() -> None:
        client = service.client(server.url, asynchronous=True)
        await asyncio.gather(*(call(client, number) for number in range(AT_ONCE)))
        await client.close()

    asyncio.run(all_at_once())
    check(spans)


@pytest.mark.parametrize("streamed", [False, True], ids=["value", "stream"])
@services
def test_concurrent_threads_keep_their_own_parents(service: Service, streamed: bool, server: Server, spans: Spans) -> None:
    server.serve(parrot)
    client = service.client(server.url, asynchronous=False)

    def call(number: int) -> None:
        model = f"model-{number}"
        with spans.app.start_as_current_span(f"caller of {model}"):
            answer = service.resource(client).create(**{**service.ask, "model": model}, **({"stream": True} if streamed else {}))
            if streamed:
                for _ in answer:
                    pass

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(call, range(AT_ONCE)))
    check(spans)


@services
def test_a_call_in_a_thread_with_the_caller_s_context_is_the_caller_s_child(service: Service, server: Server, spans: Spans) -> None:
    server.serve(service.answer())
    calls = service.resource(service.client(server.url, asynchronous=False))

    @genba.agent("planner")
    def work() -> None:
        context = copy_context()
        thread = threading.Thread(target=lambda: context.run(lambda: calls.create(**service.ask)))
        thread.start()
        thread.join()

    work()
    assert is_child(spans.named(f"chat {service.model}"), spans.named("invoke_agent planner"))


@services
def test_to_thread_carries_the_parent(service: Service, server: Server, spans: Spans) -> None:
    server.serve(service.answer())
    calls = service.resource(service.client(server.url, asynchronous=False))

    @genba.agent("planner")
    async def work() -> None:
        await asyncio.to_thread(lambda: calls.create(**service.ask))

    asyncio.run(work())
    assert is_child(spans.named(f"chat {service.model}"), spans.named("invoke_agent planner"))


@pytest.mark.parametrize("host", HOSTS, ids=lambda host: host.name)
@services
def test_two_streams_read_alternately_keep_apart(host: Host, service: Service, server: Server, spans: Spans) -> None:
    server.serve(parrot)

    async def scenario() -> None:
        client = service.client(server.url, asynchronous=host.asynchronous)
        streams = []
        for model in ("left", "right"):
            streams.append(await host.result(service.resource(client).create(**{**service.ask, "model": model}, stream=True)))
        iterators = [host.iterator(stream) for stream in streams]
        for _ in range(20):
            for iterator in iterators:
                await host.next(iterator)
        await host.close(client)

    host.run(scenario)
    assert {attributes(span)["gen_ai.request.model"]: text(span) for span in spans.all()} == {"left": "left", "right": "right"}


@pytest.mark.parametrize("host", HOSTS, ids=lambda host: host.name)
@services
def test_spans_of_the_host_between_chunks_are_children_of_the_host_s_span(
    host: Host, service: Service, server: Server, spans: Spans
) -> None:
    server.serve(service.stream())

    async def scenario() -> None:
        client = service.client(server.url, asynchronous=host.asynchronous)
        stream = await host.result(service.resource(client).create(**service.ask, stream=True))
        iterator = host.iterator(stream)
        for _ in range(3):
            await host.next(iterator)
            with spans.app.start_as_current_span("between"):
                pass
        await host.close(stream)
        await host.close(client)

    with spans.app.start_as_current_span("caller") as caller:
        host.run(scenario)
    between = [span for span in spans.own() if span.name == "between"]
    assert len(between) == 3
    assert all(is_child(span, caller) for span in between)
