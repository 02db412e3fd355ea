"""What `genba.conversation` says is on every span inside, on none outside, and never leaves the process by itself."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest
from opentelemetry import baggage

import genba
from support.hosts import HOSTS, Host
from support.services import SERVICES, Service
from support.spans import Spans, attributes
from support.wire import Server

services = pytest.mark.parametrize("service", SERVICES, ids=lambda service: service.name)


@services
@pytest.mark.parametrize("host", HOSTS, ids=lambda host: host.name)
def test_every_span_inside_says_it_and_none_outside(host: Host, service: Service, server: Server, spans: Spans) -> None:
    server.serve(service.answer())

    @genba.tool
    def look_up() -> str:
        return "honey"

    async def scenario() -> None:
        client = service.client(server.url, asynchronous=host.asynchronous)

        async def both() -> None:
            await host.result(service.resource(client).create(**service.ask))
            look_up()

        with genba.conversation(id="c-81", user="u-7", tags=["beta", "eu"], attributes={"app.shop": "bees"}):
            await both()
        await both()
        await host.close(client)

    host.run(scenario)
    inside, outside = spans.all()[:2], spans.all()[2:]
    for span in inside:
        told = attributes(span)
        assert (told["gen_ai.conversation.id"], told["user.id"], told["genba.tags"], told["app.shop"]) == (
            "c-81",
            "u-7",
            ("beta", "eu"),
            "bees",
        )
    for span in outside:
        assert not {"gen_ai.conversation.id", "user.id", "genba.tags", "app.shop"} & set(attributes(span))


def test_inner_blocks_add_to_outer_ones_and_replace_what_they_name_again(spans: Spans) -> None:
    @genba.observe
    def work() -> None:
        pass

    with genba.conversation(id="outer", user="u-7", tags=["a"]):
        with genba.conversation(id="inner", tags=["b"]):
            work()
        work()
    inner, outer = (attributes(span) for span in spans.all())
    assert (inner["gen_ai.conversation.id"], inner["user.id"], inner["genba.tags"]) == ("inner", "u-7", ("a", "b"))
    assert (outer["gen_ai.conversation.id"], outer["user.id"], outer["genba.tags"]) == ("outer", "u-7", ("a",))


def test_concurrent_conversations_do_not_mix(spans: Spans) -> None:
    @genba.observe
    async def work(name: str) -> None:
        await asyncio.sleep(0)

    async def talk(name: str) -> None:
        async with genba.conversation(id=name):
            for _ in range(3):
                await work(name)
                await asyncio.sleep(0)

    async def all_at_once() -> None:
        await asyncio.gather(*(talk(f"c-{number}") for number in range(20)))

    asyncio.run(all_at_once())
    assert len(spans.all()) == 60
    for span in spans.all():
        assert f'"{attributes(span)["gen_ai.conversation.id"]}"' in attributes(span)["genba.input"]


def test_a_new_thread_does_not_inherit_it_but_to_thread_does(spans: Spans) -> None:
    @genba.observe
    def work() -> None:
        pass

    async def talk() -> None:
        with genba.conversation(id="c-1"):
            await asyncio.to_thread(work)
            thread = threading.Thread(target=work)
            thread.start()
            thread.join()

    asyncio.run(talk())
    assert [attributes(span).get("gen_ai.conversation.id") for span in spans.all()] == ["c-1", None]


@services
def test_nothing_of_it_is_in_the_baggage_or_on_the_wire(service: Service, server: Server, spans: Spans) -> None:
    server.serve(service.answer())
    with genba.conversation(id="c-secret", user="u-secret", tags=["t-secret"], attributes={"app.key": "a-secret"}):
        assert dict(baggage.get_all()) == {}
        service.resource(service.client(server.url, asynchronous=False)).create(**service.ask)
    [request] = server.received
    assert "secret" not in str(dict(request.headers))
    assert b"secret" not in request.body
    assert "baggage" not in {name.lower() for name in request.headers}


def test_baggage_of_the_host_is_left_as_it_was(spans: Spans) -> None:
    from opentelemetry import context

    seen: list[Any] = []

    @genba.observe
    def work() -> None:
        seen.append(dict(baggage.get_all()))

    token = context.attach(baggage.set_baggage("shop", "bees"))
    try:
        with genba.conversation(id="c-1"):
            work()
        assert dict(baggage.get_all()) == {"shop": "bees"}
    finally:
        context.detach(token)
    assert seen == [{"shop": "bees"}]


def test_a_conversation_left_in_another_task_than_it_was_entered_in_complains_to_nobody(spans: Spans) -> None:
    async def talk() -> None:
        scope = genba.conversation(id="c-1")
        await scope.__aenter__()
        await asyncio.create_task(scope.__aexit__(None, None, None))

    asyncio.run(talk())
