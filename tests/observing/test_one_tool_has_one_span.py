"""A tool that several tell of, directly in one another, has one span: the outermost's, with what the others know."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

import genba
from genba.frameworks.native import Taken, Taking
from genba.frameworks.runs import Runs
from support.spans import Spans, attributes, failed, outcome, tree

TOLD = {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "look_up"}


@genba.tool
def look_up(word: str) -> str:
    """Look a word up.

    In a book.
    """
    if word == "nothing":
        raise LookupError(word)
    return f"{word}: an insect"


def test_a_function_in_a_block_of_its_name_adds_what_it_knows(spans: Spans) -> None:
    with genba.tool("look_up", call_id="call-1", attributes={"shelf": 7}):
        assert look_up("bee") == "bee: an insect"
    told = attributes(spans.only())
    assert (told["gen_ai.tool.call.id"], told["shelf"]) == ("call-1", 7)
    assert told["gen_ai.tool.description"] == "Look a word up."
    assert told["gen_ai.tool.call.arguments"] == '{"word":"bee"}'
    assert told["gen_ai.tool.call.result"] == '{"result":"bee: an insect"}'


def test_what_the_owner_says_stands(spans: Spans) -> None:
    with genba.tool("look_up", description="Mine.") as invocation:
        invocation.request(arguments={"asked": "a bee"})
        look_up("bee")
        invocation.response("an answer")
    told = attributes(spans.only())
    assert told["gen_ai.tool.description"] == "Mine."
    assert told["gen_ai.tool.call.arguments"] == '{"asked":"a bee"}'
    assert told["gen_ai.tool.call.result"] == '{"result":"an answer"}'


def test_a_tool_of_another_name_has_its_own(spans: Spans) -> None:
    with genba.tool("search"):
        look_up("bee")
    assert tree(spans) == ["execute_tool search", "  execute_tool look_up"]


def test_a_tool_that_calls_itself_has_a_span_for_each_call(spans: Spans) -> None:
    @genba.tool
    def count(down: int) -> int:
        return count(down - 1) if down else 0

    with genba.tool("count"):
        count(2)
    assert tree(spans) == ["execute_tool count", "  execute_tool count", "    execute_tool count"]


@pytest.mark.parametrize("between", ["model", "agent", "other tool"])
def test_a_call_through_something_else_is_another_operation(between: str, spans: Spans) -> None:
    with genba.tool("look_up"):
        if between == "model":
            with genba.inference("m"):
                pass
            look_up("bee")
        else:
            with genba.agent("librarian") if between == "agent" else genba.tool("open_book"):
                look_up("bee")
    lines = tree(spans)
    assert lines[0] == "execute_tool look_up"
    assert lines[-1].strip() == "execute_tool look_up"
    assert len(lines) == 3


def test_the_second_of_two_calls_may_be_a_new_try(spans: Spans) -> None:
    with genba.tool("look_up"):
        with pytest.raises(LookupError):
            look_up("nothing")
        look_up("bee")
    assert outcome(spans.only()) == "completed"
    assert attributes(spans.only())["gen_ai.tool.call.result"] == '{"result":"bee: an insect"}'


@pytest.mark.parametrize("at_once", [False, True])
def test_a_function_that_is_called_again_after_it_was_done_has_a_span_of_its_own(at_once: bool, spans: Spans) -> None:
    @genba.tool("look_up")
    async def looking(word: str) -> str:
        await asyncio.sleep(0)
        return word

    async def run() -> None:
        with genba.tool("look_up"):
            if at_once:
                await asyncio.gather(looking("bee"), looking("ant"))
            else:
                await looking("bee")
                await looking("ant")

    asyncio.run(run())
    assert tree(spans) == ["execute_tool look_up", "  execute_tool look_up"]
    assert [attributes(span)["gen_ai.tool.call.arguments"] for span in spans.all()] == ['{"word":"ant"}', '{"word":"bee"}']


def test_what_fails_within_fails_the_tool_though_its_owner_goes_on(spans: Spans) -> None:
    with genba.tool("look_up"), pytest.raises(LookupError):
        look_up("nothing")
    assert failed(spans.only())
    assert attributes(spans.only())["error.type"] == "LookupError"


def test_what_is_done_in_it_hangs_below_the_one_span(spans: Spans) -> None:
    @genba.tool("look_up")
    async def asking(word: str) -> None:
        with spans.app.start_as_current_span("of the host"), genba.inference("m"):
            pass

    async def run() -> None:
        with genba.agent("librarian"), genba.tool("look_up"):
            await asking("bee")

    asyncio.run(run())
    assert tree(spans) == ["invoke_agent librarian", "  execute_tool look_up", "    of the host", "      chat m"]


def test_a_run_that_a_framework_tells_of_and_the_function_are_one(spans: Spans) -> None:
    runs = Runs("demo")
    for word in ("bee", "ant"):
        run = runs.begin(word, "execute_tool", "execute_tool look_up", attributes=TOLD, current=True)
        assert run is not None
        look_up(word)
        if word == "ant":
            run.invocation.gave("by the framework")
        runs.end(word)
    bee, ant = map(attributes, spans.all())
    assert (bee["gen_ai.tool.call.arguments"], bee["gen_ai.tool.call.result"]) == ('{"word":"bee"}', '{"result":"bee: an insect"}')
    assert (ant["gen_ai.tool.call.arguments"], ant["gen_ai.tool.call.result"]) == (
        '{"word":"ant"}',
        '{"result":"by the framework"}',
    )


def test_a_framework_that_is_called_in_the_function_adds_to_that(spans: Spans) -> None:
    runs = Runs("demo")

    @genba.tool("look_up")
    def by_framework(word: str) -> str:
        run = runs.begin(1, "execute_tool", "execute_tool look_up", attributes={**TOLD, "demo.id": 7}, current=True)
        assert run is not None
        with spans.app.start_as_current_span("of the host"):
            run.invocation.took({"in": "other words"})
        run.reported.attributes["demo.more"] = 8
        runs.end(1)
        with spans.app.start_as_current_span("afterwards"):
            return word

    by_framework("bee")
    assert tree(spans) == ["execute_tool look_up", "  of the host", "  afterwards"]
    told = attributes(spans.named("execute_tool look_up"))
    assert (told["demo.id"], told["demo.more"]) == (7, 8)
    assert told["gen_ai.tool.call.arguments"] == '{"word":"bee"}'


def test_a_framework_that_calls_a_tool_in_the_same_tool_tells_of_two(spans: Spans) -> None:
    runs = Runs("demo")
    for id in (1, 2):
        runs.begin(id, "execute_tool", "execute_tool look_up", attributes=TOLD, current=True)
    look_up("bee")
    for id in (2, 1):
        runs.end(id)
    assert tree(spans) == ["execute_tool look_up", "  execute_tool look_up"]


@pytest.mark.parametrize("says_result", [True, False])
def test_a_span_that_a_library_makes_itself_and_the_function_are_one(says_result: bool, spans: Spans) -> None:
    def tell(told: Any, reported: Any) -> None:
        reported.result = told.get("result")
        reported.attributes["demo.said"] = "yes"

    tracer = Taking("demo", lambda name, given: Taken(operation="execute_tool", name=name, attributes=given), tell)

    @genba.tool("look_up")
    def twice(word: str) -> str:
        with tracer.start_as_current_span("execute_tool look_up", attributes=TOLD) as inner:
            inner.update_name("something else")
            return look_up(word)  # another function: it tells of the same tool

    with tracer.start_as_current_span("execute_tool look_up", attributes=TOLD) as span:
        look_up("bee")
        if says_result:
            span.set_attribute("result", "by the library")
    told = attributes(spans.only())
    assert told["gen_ai.tool.call.result"] == ('{"result":"by the library"}' if says_result else '{"result":"bee: an insect"}')
    assert (told["gen_ai.tool.call.arguments"], told["demo.said"]) == ('{"word":"bee"}', "yes")

    twice("ant")
    ant = spans.all()[1]
    assert (len(spans.all()), ant.name) == (2, "execute_tool look_up")
    assert attributes(ant)["demo.said"] == "yes"


def test_a_library_whose_span_is_current_when_a_tool_calls_itself_tells_of_one(spans: Spans) -> None:
    tracer = Taking("demo", lambda name, given: Taken(operation="execute_tool", name=name, attributes=given), lambda *_: None)

    @genba.tool
    def count(down: int) -> int:
        return count(down - 1) if down else 0

    with tracer.start_as_current_span("execute_tool count", attributes={**TOLD, "gen_ai.tool.name": "count"}):
        count(1)
    assert tree(spans) == ["execute_tool count", "  execute_tool count"]
