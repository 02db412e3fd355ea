"""Strands Agents: its own spans become ours, and each hangs where it belongs."""

from __future__ import annotations

import asyncio
import gc
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("strands", reason="strands-agents is not installed")

from strands.telemetry import tracer as telemetry

import genba
from support import openai_wire as wire
from support.examples import run_example
from support.spans import Spans, attributes, failed, messages, outcome, text, tree
from support.stacks import strands as stacks
from support.stored import names
from support.wire import Received, Reply, Server, json_answer

CHAT = f"chat {wire.MODEL}"


def test_a_run_is_a_tree_of_its_agent_its_models_and_its_tools(server: Server, spans: Spans) -> None:
    server.queue.extend(stacks.replies())
    result = stacks.agent(stacks.model(server.url))("How is the weather?")
    assert str(result).strip() == "Honey is made by bees."
    assert tree(spans) == stacks.TREE
    agent, tool = attributes(spans.named("invoke_agent helper")), attributes(spans.named("execute_tool weather"))
    assert (agent["gen_ai.agent.name"], agent["gen_ai.request.model"]) == ("helper", wire.MODEL)
    assert (tool["gen_ai.tool.name"], tool["gen_ai.tool.call.id"], tool["gen_ai.tool.type"]) == ("weather", "call_7", "function")
    assert json.loads(tool["gen_ai.tool.call.arguments"]) == {"city": "Bath"}
    assert json.loads(tool["gen_ai.tool.call.result"]) == {"result": [{"text": "sunny in Bath"}]}
    _, second = spans.models()
    told = attributes(second)
    assert (told["gen_ai.provider.name"], told["server.port"]) == ("openai", server.port)
    assert (told["gen_ai.response.id"], told["gen_ai.response.model"]) == ("chatcmpl-wire", wire.SERVED)
    assert [message["role"] for message in messages(second, "input")] == ["system", "user", "assistant", "tool"]


def test_no_span_and_no_event_of_its_own_is_left(server: Server, spans: Spans) -> None:
    server.queue.extend(stacks.replies())
    stacks.agent(stacks.model(server.url))("How is the weather?")
    assert {span.instrumentation_scope.name for span in spans.everything() if span.instrumentation_scope} == {"genba"}
    assert not [event for span in spans.all() for event in span.events]
    assert not [name for span in spans.all() for name in attributes(span) if name.startswith(("event_loop.", "gen_ai.event."))]


def test_a_model_that_no_client_of_ours_sees_says_what_it_knows(spans: Spans) -> None:
    from strands.models import Model

    class Local(Model):
        def __init__(self) -> None:
            self.config = {"model_id": "local-1"}

        def update_config(self, **_: Any) -> None: ...

        def get_config(self) -> Any:
            return self.config

        def structured_output(self, *_: Any, **__: Any) -> Any: ...

        async def stream(self, *_: Any, **__: Any) -> Any:
            yield {"messageStart": {"role": "assistant"}}
            yield {"contentBlockStart": {"start": {}}}
            yield {"contentBlockDelta": {"delta": {"text": "Bees."}}}
            yield {"contentBlockStop": {}}
            yield {"messageStop": {"stopReason": "end_turn"}}
            yield {"metadata": {"usage": {"inputTokens": 3, "outputTokens": 2, "totalTokens": 5}, "metrics": {"latencyMs": 1}}}

    stacks.agent(Local(), tools=[])("Who?")
    (model,) = spans.models()
    told = attributes(model)
    assert (told["gen_ai.request.model"], told["gen_ai.usage.input_tokens"], told["gen_ai.usage.output_tokens"]) == (
        "local-1",
        3,
        2,
    )
    assert (text(model, "input"), text(model)) == ("Who?", "Bees.")
    assert "Be brief." in told["gen_ai.system_instructions"]


def test_agents_that_work_at_once_keep_their_own_calls(server: Server, spans: Spans) -> None:
    server.serve(lambda request: stacks.answer("One." if b"I am one" in request.body else "Two."))

    async def scenario() -> None:
        both = [stacks.agent(stacks.model(server.url), name=name, system_prompt=f"I am {name}") for name in ("one", "two")]
        await asyncio.gather(*(agent.invoke_async("Hello?") for agent in both))

    with spans.app.start_as_current_span("caller"):
        asyncio.run(scenario())
    ids = {span.context.span_id: span for span in spans.everything() if span.context}
    assert len(spans.models()) == 2
    for model in spans.models():
        assert model.parent is not None
        assert text(model) == {"invoke_agent one": "One.", "invoke_agent two": "Two."}[ids[model.parent.span_id].name]
    assert {ids[span.parent.span_id].name for span in spans.all() if span.name.startswith("invoke") and span.parent} == {"caller"}


def test_a_swarm_has_its_agents_below_it(server: Server, spans: Spans) -> None:
    from strands.multiagent import Swarm

    handoff = stacks.tool_call("handoff_to_agent", '{"agent_name": "two", "message": "You."}')

    def reply(request: Received) -> Reply:
        if b"I am two" in request.body:
            return stacks.answer("O sky.")
        return stacks.answer("Done.") if b'"role":"tool"' in request.body or b'"role": "tool"' in request.body else handoff

    server.serve(reply)
    both = [stacks.agent(stacks.model(server.url), name=name, system_prompt=f"I am {name}", tools=[]) for name in ("one", "two")]
    Swarm(both)("Write.")
    lines = tree(spans)
    assert lines[0] == "invoke_workflow swarm"
    assert [line for line in lines if "invoke_agent" in line] == ["  invoke_agent one", "  invoke_agent two"]
    assert "    execute_tool handoff_to_agent" in lines
    assert attributes(spans.named("invoke_workflow swarm"))["gen_ai.agent.name"] == "swarm"
    assert text(spans.named("invoke_workflow swarm"), "input") == "Write."


def test_a_model_that_fails_fails_the_spans_around_it(server: Server, spans: Spans) -> None:
    server.serve(json_answer(wire.error(), 400))
    with pytest.raises(Exception, match="overheated"):
        stacks.agent(stacks.model(server.url))("How is the weather?")
    assert failed(spans.named(CHAT))
    assert failed(spans.named("invoke_agent helper"))
    assert attributes(spans.named(CHAT))["error.type"].endswith("BadRequestError")


def test_a_tool_that_raises_fails_its_span_and_the_agent_goes_on(server: Server, spans: Spans) -> None:
    from strands import tool

    @tool
    def weather(city: str) -> str:
        """The weather in a city."""
        raise LookupError(city)

    server.queue.extend(stacks.replies())
    stacks.agent(stacks.model(server.url), tools=[weather])("How is the weather?")
    assert failed(spans.named("execute_tool weather"))
    assert outcome(spans.named("invoke_agent helper")) == "completed"


def test_a_run_cancelled_midway_is_cancelled_all_the_way(server: Server, spans: Spans) -> None:
    server.serve(wire.chunks_stream(wire.chat_pieces(), then="stall"))

    async def scenario() -> None:
        running = asyncio.create_task(stacks.agent(stacks.model(server.url)).invoke_async("Who?"))
        while not server.received:  # noqa: ASYNC110  # the server is a thread, and knows no event of this loop
            await asyncio.sleep(0.005)
        await asyncio.sleep(0.1)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running

    asyncio.run(scenario())
    gc.collect()
    assert {span.name: outcome(span) for span in spans.all()} == {"invoke_agent helper": "cancelled", CHAT: "cancelled"}


def test_its_own_wish_to_redact_is_kept_to(
    server: Server, start_tracing: Callable[..., Spans], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_SEMCONV_STABILITY_OPT_IN", "gen_ai_unredacted_attributes=")
    monkeypatch.setattr(telemetry, "_tracer_instance", None)
    if not hasattr(telemetry.Tracer, "_is_attribute_unredacted"):
        pytest.skip("this version redacts nothing")
    spans = start_tracing()
    server.queue.extend(stacks.replies())
    stacks.agent(stacks.model(server.url))("How is the weather?")
    written = "".join(span.to_json() for span in spans.all())
    assert "Bath" not in written
    assert "Honey" not in written
    assert [attributes(span)["gen_ai.usage.input_tokens"] for span in spans.models()] == [20, 20]


def test_taken_off_it_has_its_own_tracer_again(start_tracing: Callable[..., Spans]) -> None:
    made = telemetry.get_tracer()
    genba.uninstrument()
    before = (made.tracer, made.use_latest_genai_conventions, telemetry.Tracer.__init__)
    start_tracing()
    assert made.tracer is not before[0]
    genba.uninstrument()
    assert (made.tracer, made.use_latest_genai_conventions, telemetry.Tracer.__init__) == before


def test_the_example_leaves_the_agents_run_in_its_store(server: Server, tmp_path: Path) -> None:
    server.queue.extend(stacks.replies())
    ran = run_example("strands_weather", tmp_path, OPENAI_BASE_URL=f"{server.url}/v1", OPENAI_API_KEY="none")
    assert ran.out.strip() == "Honey is made by bees."
    assert sorted(set(names(tmp_path))) == ["chat gpt-5-mini", "execute_tool weather", "invoke_agent helper"]
