"""What was asked is recorded as it was when it was asked, whatever the host does to its lists afterwards."""

from __future__ import annotations

import asyncio
import copy
import json
from collections.abc import Iterator
from typing import Any

import pytest

import genba
from support.hosts import HOSTS, Host
from support.services import SERVICES, Service
from support.spans import Spans, attributes, parts
from support.wire import Server

services = pytest.mark.parametrize("service", SERVICES, ids=lambda service: service.name)
hosts = pytest.mark.parametrize("host", HOSTS, ids=lambda host: host.name)


def asked(span: Any) -> str:
    told = attributes(span)
    return json.dumps(
        [told.get("gen_ai.input.messages"), told.get("gen_ai.system_instructions"), told.get("gen_ai.tool.definitions")]
    )


def conversation_of(service: Service) -> tuple[dict[str, Any], list[Any]]:
    """Fresh arguments for a call, and the list in them that a host would go on appending to."""
    ask = copy.deepcopy(dict(service.ask))
    turns = [
        {
            "role": "user",
            "content": [{"type": (service.name == "responses" and "input_text") or "text", "text": "Who makes honey?"}],
        }
    ]
    ask["input" if service.name == "responses" else "messages"] = turns
    return ask, turns


def spoil(turns: list[Any]) -> None:
    """What a careless host does after its call."""
    turns[0]["content"][0]["text"] = "SPOILT"
    turns[0]["content"].append({"type": "text", "text": "SPOILT"})
    turns[0]["role"] = "SPOILT"
    turns.append({"role": "user", "content": "SPOILT"})


@services
@hosts
def test_messages_changed_while_the_answer_streams_are_recorded_as_they_were(
    host: Host, service: Service, server: Server, spans: Spans
) -> None:
    server.serve(service.stream())
    ask, turns = conversation_of(service)

    async def scenario() -> None:
        client = service.client(server.url, asynchronous=host.asynchronous)
        stream = await host.result(service.resource(client).create(**ask, stream=True))
        spoil(turns)
        iterator = host.iterator(stream)
        for _ in range(20):
            await host.next(iterator)
        await host.close(client)

    host.run(scenario)
    span = spans.only()
    assert "SPOILT" not in asked(span)
    assert [part["content"] for part in parts(span, "input") if part["type"] == "text"][-1] == "Who makes honey?"


@services
@hosts
def test_messages_changed_after_the_answer_are_recorded_as_they_were(
    host: Host, service: Service, server: Server, spans: Spans
) -> None:
    server.serve(service.answer())
    ask, turns = conversation_of(service)

    async def scenario() -> None:
        client = service.client(server.url, asynchronous=host.asynchronous)
        await host.result(service.resource(client).create(**ask))
        await host.close(client)

    host.run(scenario)
    spoil(turns)
    assert "SPOILT" not in asked(spans.only())


@services
def test_an_answer_changed_by_the_host_is_recorded_as_it_came(service: Service, server: Server, spans: Spans) -> None:
    server.serve(service.answer())
    answer = service.resource(service.client(server.url, asynchronous=False)).create(**service.ask)
    if service.name == "chat":
        answer.choices[0].message.content = "SPOILT"
    elif service.name == "responses":
        answer.output[0].content[0].text = "SPOILT"
    else:
        answer.content[0].text = "SPOILT"
    assert "SPOILT" not in attributes(spans.only())["gen_ai.output.messages"]


def test_arguments_of_a_decorated_function_are_recorded_as_they_were(spans: Spans) -> None:
    @genba.observe
    def forgetful(turns: list[dict[str, Any]]) -> str:
        turns[0]["text"] = "SPOILT"
        turns.clear()
        return "done"

    forgetful([{"text": "hello"}])
    assert json.loads(attributes(spans.only())["genba.input"]) == {"turns": [{"text": "hello"}]}


def test_arguments_of_a_decorated_generator_are_recorded_as_they_were_when_it_began(spans: Spans) -> None:
    @genba.observe
    def forgetful(turns: list[str]) -> Iterator[int]:
        for _ in range(2):
            turns.append("SPOILT")
            yield len(turns)

    assert list(forgetful(["hello"])) == [2, 3]
    assert json.loads(attributes(spans.only())["genba.input"]) == {"turns": ["hello"]}


def test_messages_of_a_decorated_model_call_are_recorded_as_they_were(spans: Spans) -> None:
    @genba.inference(provider="acme", model="acme-1")
    async def call_model(messages: list[dict[str, str]]) -> str:
        await asyncio.sleep(0)
        return "hello"

    turns = [{"role": "user", "content": "hi"}]

    async def talk() -> None:
        task = asyncio.create_task(call_model(turns))
        await asyncio.sleep(0)
        turns.append({"role": "user", "content": "SPOILT"})
        turns[0]["content"] = "SPOILT"
        await task

    asyncio.run(talk())
    [part] = parts(spans.only(), "input")
    assert part == {"type": "text", "content": "hi"}
