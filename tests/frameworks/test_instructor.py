"""Instructor asks until an answer is valid: one span around the attempts, each of which is a span of the client's."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("instructor", reason="instructor is not installed")

import genba
from support import openai_wire as wire
from support.examples import run_example
from support.spans import Spans, attributes, is_child, outcome, tree
from support.stacks import instructor as stacks
from support.stored import names
from support.wire import Server

ASK: dict[str, Any] = {"model": wire.MODEL, "messages": wire.MESSAGES}
CHAT = f"chat {wire.MODEL}"


def test_the_span_around_the_attempts_says_what_was_wanted_and_what_was_wrong(server: Server, spans: Spans) -> None:
    server.queue.extend(stacks.at_second_try())
    person = stacks.client(server.url).chat.completions.create(response_model=stacks.person(), max_retries=2, **ASK)
    outer = spans.named("instructor Person")
    assert (person.name, person.age) == ("Ann", 4)
    assert attributes(outer)["genba.structured.type"] == "Person"
    assert attributes(outer)["genba.output"] == '{"name":"Ann","age":4}'
    [event] = outer.events
    assert (event.name, dict(event.attributes or {})["error.type"]) == ("genba.retry", "ValidationError")


def test_when_no_attempt_is_valid_the_outer_span_failed_and_the_calls_did_not(server: Server, spans: Spans) -> None:
    server.serve(stacks.answer('{"name": "Ann"}'))
    with pytest.raises(Exception, match="age"):
        stacks.client(server.url).chat.completions.create(response_model=stacks.person(), max_retries=2, **ASK)
    assert tree(spans) == ["instructor Person", *[f"  {CHAT}"] * len(server.received)]
    assert outcome(spans.named("instructor Person")) == "failed"
    assert {outcome(span) for span in spans.models()} == {"completed"}


def test_without_a_type_there_is_only_the_clients_span(server: Server, spans: Spans) -> None:
    server.serve(wire.chat_handler)
    stacks.client(server.url).chat.completions.create(response_model=None, **ASK)
    assert tree(spans) == [CHAT]


def test_many_at_once_keep_their_attempts_apart(server: Server, spans: Spans) -> None:
    server.serve(stacks.valid()[0])

    async def ask() -> None:
        client = stacks.client(server.url, asynchronous=True)
        asked = (client.chat.completions.create(response_model=stacks.person(), **ASK) for _ in range(3))
        await asyncio.gather(*asked)

    asyncio.run(ask())
    outer = [span for span in spans.all() if span.name == "instructor Person"]
    assert len(outer) == 3
    assert all(sum(is_child(model, span) for model in spans.models()) == 1 for span in outer)


def test_a_list_of_things_is_named_as_such(server: Server, spans: Spans) -> None:
    server.queue.extend(stacks.growing())
    list(stacks.client(server.url).chat.completions.create_iterable(response_model=stacks.person(), **ASK))
    [outer] = [span for span in spans.all() if span.name.startswith("instructor")]
    assert outer.name == "instructor IterablePerson"


def test_uninstrument_puts_the_very_originals_back(start_tracing: Callable[..., Spans]) -> None:
    is_new = find_spec("instructor.v2") is not None
    where = "instructor.v2.core" if is_new else "instructor.core"
    patch, hooks = import_module(f"{where}.patch"), import_module(f"{where}.hooks")
    function = "retry_sync_v2" if is_new else "retry_sync"
    before = getattr(patch, function), vars(hooks.Hooks)["emit_parse_error"]
    start_tracing()
    assert getattr(patch, function) is not before[0]
    genba.uninstrument()
    assert (getattr(patch, function), vars(hooks.Hooks)["emit_parse_error"]) == before


def test_the_example_leaves_two_attempts_below_what_was_wanted(server: Server, tmp_path: Path) -> None:
    server.queue.extend(stacks.at_second_try())
    ran = run_example("instructor_person", tmp_path, OPENAI_BASE_URL=f"{server.url}/v1", OPENAI_API_KEY="none")
    assert ran.out == "Ann 4\n"
    assert sorted(names(tmp_path)) == ["chat gpt-5-mini", "chat gpt-5-mini", "instructor Person"]
