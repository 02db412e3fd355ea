"""pydantic-ai: its own spans become ours, with what the client saw on the wire; the app's own settings are kept."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import genba
from support import openai_wire as wire
from support.examples import run_example
from support.spans import Spans, attributes, failed, is_child, messages, outcome, parts, scope, tree
from support.wire import Server, Stream, json_answer, until_asked

pytest.importorskip("pydantic_ai", reason="pydantic-ai is not installed")
pytest.importorskip("openai", reason="openai is not installed")

from support.stacks.pydantic_ai import agent, model, replies

TREE = ["invoke_agent helper", f"  chat {wire.MODEL}", "  execute_tool weather", f"  chat {wire.MODEL}"]


def run(url: str, prompt: str = "How is the weather?", **more: Any) -> Any:
    return agent(model(url, "openai"), **more).run_sync(prompt)


def test_an_agent_says_what_it_was_asked_and_what_it_answered(spans: Spans, server: Server) -> None:
    server.queue.extend(replies("openai", stream=False))
    run(server.url)

    assert tree(spans) == TREE
    told = spans.named("invoke_agent helper")
    assert [message["role"] for message in messages(told, "input")] == ["user"]
    assert parts(told, "input")[0]["content"] == "How is the weather?"
    assert parts(told)[0]["content"] == "".join(wire.ANSWER)
    assert not [name for name in attributes(told) if name.startswith("gen_ai.usage.")]


def test_a_model_call_holds_what_was_on_the_wire(spans: Spans, server: Server) -> None:
    server.queue.extend(replies("openai", stream=False))
    run(server.url)

    first, second = sorted(spans.models(), key=lambda span: span.start_time or 0)
    told = attributes(first)
    assert told["genba.response.finish_reasons"] == ("tool_calls",)
    assert told["openai.response.system_fingerprint"] == "fp_wire"
    assert told["gen_ai.usage.reasoning.output_tokens"] == 4
    assert told["server.port"] == server.port
    assert [message["role"] for message in messages(second, "input")] == ["system", "user", "assistant", "tool"]


def test_a_tool_has_its_arguments_its_result_and_the_id_of_its_call(spans: Spans, server: Server) -> None:
    server.queue.extend(replies("openai", stream=False))
    run(server.url)

    told = attributes(spans.named("execute_tool weather"))
    assert json.loads(told["gen_ai.tool.call.arguments"]) == {"city": "Bath"}
    assert json.loads(told["gen_ai.tool.call.result"]) == {"result": "sunny in Bath"}
    assert told["gen_ai.tool.call.id"] == "call_7"


def test_what_a_tool_does_hangs_below_it(spans: Spans, server: Server) -> None:
    from pydantic_ai import Agent

    outer, inner = Agent(model(server.url, "openai"), name="outer"), Agent(model(server.url, "openai"), name="inner")

    @outer.tool_plain
    async def weather(city: str) -> str:
        """The weather in a city."""
        with spans.app.start_as_current_span("looking"):
            return (await inner.run(city)).output

    first, last = replies("openai", stream=False)
    server.queue.extend([first, json_answer(wire.chat("sunny")), last])
    outer.run_sync("How is the weather?")

    assert tree(spans) == [
        "invoke_agent outer",
        f"  chat {wire.MODEL}",
        "  execute_tool weather",
        "    looking",
        "      invoke_agent inner",
        f"        chat {wire.MODEL}",
        f"  chat {wire.MODEL}",
    ]


def test_a_decorated_function_is_the_tool_that_it_is_made_into(spans: Spans, server: Server) -> None:
    from pydantic_ai import Agent

    helper = Agent(model(server.url, "openai"), name="helper")

    @helper.tool_plain
    @genba.tool
    def weather(city: str) -> str:
        """The weather in a city."""
        return f"sunny in {city}"

    server.queue.extend(replies("openai", stream=False))
    helper.run_sync("How is the weather?")
    assert tree(spans) == TREE
    assert attributes(spans.named("execute_tool weather"))["gen_ai.tool.description"] == "The weather in a city."


def test_runs_at_once_are_trees_of_their_own(spans: Spans, server: Server) -> None:
    async def one(name: str) -> None:
        with spans.app.start_as_current_span(name):
            await agent(model(server.url, "openai")).run(name)

    async def all_at_once() -> None:
        await asyncio.gather(*(one(name) for name in ("a", "b", "c")))

    server.serve(lambda _: json_answer(wire.chat()))
    asyncio.run(all_at_once())

    for name in ("a", "b", "c"):
        (told,) = [span for span in spans.all() if is_child(span, spans.named(name))]
        (call,) = [span for span in spans.models() if is_child(span, told)]
        assert parts(call, "input")[-1]["content"] == name


def test_a_refused_call_fails_the_agent_and_keeps_what_was_asked(spans: Spans, server: Server) -> None:
    server.serve(json_answer(wire.error(), 429))
    with pytest.raises(Exception, match="429"):
        run(server.url)

    assert len(spans.all()) == 2
    assert all(failed(span) for span in spans.all())
    assert parts(spans.models()[0], "input")[-1]["content"] == "How is the weather?"


def test_a_tool_that_fails_has_failed(spans: Spans, server: Server) -> None:
    made = agent(model(server.url, "openai"))

    @made.tool_plain
    def climate(city: str) -> str:
        """The climate of a city."""
        raise ValueError("no such city")

    called = {"id": "call_8", "type": "function", "function": {"name": "climate", "arguments": '{"city": "Bath"}'}}
    server.queue.extend([json_answer(wire.chat(None, tool_calls=[called]))])
    with pytest.raises(ValueError, match="no such city"):
        made.run_sync("How is it there?")

    assert attributes(spans.named("execute_tool climate"))["error.type"] == "ValueError"
    assert failed(spans.named("invoke_agent helper"))


def test_a_cancelled_run_is_cancelled_from_top_to_bottom(spans: Spans, server: Server) -> None:
    server.serve(Stream([], then="stall"))

    async def leave() -> None:
        task = asyncio.create_task(agent(model(server.url, "openai")).run("How is the weather?"))
        await until_asked(server)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(leave())

    assert tree(spans) == ["invoke_agent helper", f"  chat {wire.MODEL}"]
    assert {outcome(span) for span in spans.all()} == {"cancelled"}


def test_a_model_without_a_wire_is_recorded_as_the_framework_tells_it(spans: Spans) -> None:
    from pydantic_ai.models.test import TestModel

    agent(TestModel()).run_sync("How is the weather?")

    first, second = sorted(spans.models(), key=lambda span: span.start_time or 0)
    assert parts(first)[0]["type"] == "tool_call"
    assert parts(first)[0]["arguments"] == {"city": "a"}
    assert [part["type"] for part in parts(second, "input")] == ["text", "tool_call", "tool_call_response"]
    assert parts(second, "input")[-1]["response"] == "sunny in a"
    told = attributes(first)
    assert told["gen_ai.provider.name"] == "test"
    assert told["gen_ai.usage.output_tokens"] > 0
    tools = json.loads(told.get("gen_ai.tool.definitions", "[]"))  # older versions do not say them
    assert [tool["name"] for tool in tools] in (["weather"], [])


def settings(**more: Any) -> Any:
    from pydantic_ai.models.instrumented import InstrumentationSettings

    return InstrumentationSettings(**more)


def instrumented(made: Any, how: Any) -> Any:
    """The agent with settings of its own, as either version takes them."""
    made.instrument = how
    return made


def test_content_that_the_app_keeps_to_itself_stays_out_of_every_span(spans: Spans, server: Server) -> None:
    server.queue.extend(replies("openai", stream=False))
    instrumented(agent(model(server.url, "openai")), settings(include_content=False)).run_sync("secret")

    assert tree(spans) == TREE
    written = "".join(span.to_json() for span in spans.all())
    assert "secret" not in written
    assert "Bath" not in written


def test_an_agent_that_is_told_to_make_no_spans_makes_none(spans: Spans, server: Server) -> None:
    server.queue.extend(replies("openai", stream=False))
    instrumented(agent(model(server.url, "openai")), False).run_sync("How is the weather?")

    assert tree(spans) == [f"chat {wire.MODEL}"] * 2


def test_settings_of_the_app_that_lead_to_the_same_place_make_no_span_twice(spans: Spans, server: Server) -> None:
    server.queue.extend(replies("openai", stream=False))
    instrumented(agent(model(server.url, "openai")), settings(tracer_provider=spans.provider)).run_sync("How is the weather?")

    assert tree(spans) == TREE


def test_settings_of_the_app_that_lead_elsewhere_stay_its_own(spans: Spans, server: Server) -> None:
    elsewhere = Spans()
    server.queue.extend(replies("openai", stream=False))
    instrumented(agent(model(server.url, "openai")), settings(tracer_provider=elsewhere.provider)).run_sync("How is the weather?")

    assert {scope(span) for span in elsewhere.all()} == {"pydantic-ai"}
    assert [span.name for span in spans.all()] == [f"chat {wire.MODEL}"] * 2


def test_what_was_switched_on_is_switched_off(start_tracing: Callable[..., Spans]) -> None:
    from pydantic_ai import Agent
    from pydantic_ai.models.instrumented import InstrumentationSettings

    import genba

    before = InstrumentationSettings.__init__
    start_tracing()
    assert Agent._instrument_default is not False
    genba.uninstrument()
    assert Agent._instrument_default is False
    assert InstrumentationSettings.__init__ is before


def test_settings_that_the_app_had_before_are_given_back(start_tracing: Callable[..., Spans]) -> None:
    from pydantic_ai import Agent

    import genba

    own = settings()
    tracer = own.tracer
    Agent.instrument_all(own)
    try:
        start_tracing()
        assert Agent._instrument_default is own
        assert own.tracer is not tracer
        genba.uninstrument()
        assert own.tracer is tracer
    finally:
        Agent.instrument_all(False)


def test_the_example_runs(server: Server, tmp_path: Path) -> None:
    server.queue.extend(replies("openai", stream=False))
    environment = {"OPENAI_BASE_URL": f"{server.url}/v1", "OPENAI_API_KEY": "key-for-tests"}
    ran = run_example("agent_pydantic", tmp_path, GENBA_EXPORT=f"jsonl:{tmp_path}/spans.jsonl", **environment)
    assert "".join(wire.ANSWER) in ran.out
    assert [span["name"] for span in ran.spans()].count("invoke_agent forecaster") == 1
    assert "execute_tool weather" in [span["name"] for span in ran.spans()]
