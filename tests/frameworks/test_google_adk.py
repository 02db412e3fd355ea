"""Google's Agent Development Kit: its own spans become ours, and each hangs where it belongs."""

from __future__ import annotations

import asyncio
import gc
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("google.adk", reason="google-adk is not installed")

from google.adk.telemetry import tracing

import genba
from support.clients import google_genai as wire
from support.clients.google_genai import MODEL, answer, call, stream
from support.examples import run_example
from support.spans import Spans, attributes, failed, messages, outcome, text, tree
from support.stacks import google_adk as adk
from support.stored import names
from support.wire import Received, Reply, Server, json_answer

pytestmark = [
    pytest.mark.filterwarnings("ignore:.*Agent is deprecated:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:.EXPERIMENTAL. feature:UserWarning"),
]


@pytest.fixture(autouse=True)
def _its_own_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ADK_CAPTURE_MESSAGE_CONTENT_IN_SPANS", raising=False)
    monkeypatch.setenv("ADK_TELEMETRY_SCHEMA_VERSION_OPT_IN", "2")


def run(root: Any, **options: Any) -> list[Any]:
    return asyncio.run(adk.run(root, **options))


def test_a_run_is_a_tree_of_its_agent_its_models_and_its_tools(server: Server, spans: Spans) -> None:
    server.queue.extend([answer(adk.ASKS), answer("Blue.")])
    run(adk.agent(server.url, tools=[adk.get_weather], instruction="Be brief."))

    assert tree(spans) == adk.TREE
    agent, tool = attributes(spans.named("invoke_agent meteorologist")), attributes(spans.named("execute_tool get_weather"))
    assert agent["gen_ai.agent.name"] == "meteorologist"
    assert agent["gen_ai.agent.description"] == "Knows the sky."
    assert agent["gen_ai.conversation.id"]
    assert tool["gen_ai.tool.call.arguments"] == '{"city":"Bern"}'
    assert tool["gen_ai.tool.call.result"] == '{"sky":"blue over Bern"}'
    assert (tool["gen_ai.tool.call.id"], tool["gen_ai.tool.description"]) == ("call-1", "Say the weather.")
    first, second = spans.models()
    told = attributes(second)
    assert (told["gen_ai.provider.name"], told["server.port"]) == ("gcp.gemini", server.port)
    assert (told["gen_ai.response.id"], told["gen_ai.response.model"]) == ("resp-1", wire.SERVED)
    assert "Be brief." in told["gen_ai.system_instructions"]
    assert [message["role"] for message in messages(second, "input")] == ["user", "assistant", "tool"]
    assert attributes(first)["gen_ai.response.finish_reasons"] == ("tool_call",)


def test_its_older_spans_make_the_same_tree(server: Server, spans: Spans, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ADK_TELEMETRY_SCHEMA_VERSION_OPT_IN", "1")
    server.queue.extend([answer(adk.ASKS), answer("Blue.")])
    run(adk.agent(server.url, tools=[adk.get_weather]))
    assert tree(spans) == ["invocation", *adk.TREE[1:]]
    assert attributes(spans.named("execute_tool get_weather"))["gen_ai.tool.call.result"] == '{"sky":"blue over Bern"}'


def test_no_span_of_its_own_is_left(server: Server, spans: Spans) -> None:
    server.queue.append(answer("Blue."))
    run(adk.agent(server.url))
    assert {span.instrumentation_scope.name for span in spans.everything() if span.instrumentation_scope} == {"genba"}
    assert not [name for span in spans.all() for name in attributes(span) if name.startswith("gcp.vertex.agent")]


def test_an_agent_that_hands_over_has_the_other_below_it(server: Server, spans: Spans) -> None:
    server.queue.extend([answer(call("transfer_to_agent", {"agent_name": "poet"}, "call-2")), answer("O sky.")])
    poet = adk.agent(server.url, name="poet")
    run(adk.agent(server.url, sub_agents=[poet]))
    lines = tree(spans)
    assert [line.strip() for line in lines] == [
        "invoke_workflow meteorologist",
        "invoke_agent meteorologist",
        f"generate_content {MODEL}",
        "execute_tool transfer_to_agent",
        "invoke_agent poet",
        f"generate_content {MODEL}",
    ]
    assert next(line for line in lines if "poet" in line).startswith("  ")
    assert lines[-1].startswith(next(line for line in lines if "poet" in line).partition("invoke")[0] + "  ")


def test_agents_that_work_at_once_keep_their_own_calls(server: Server, spans: Spans) -> None:
    from google.adk.agents import ParallelAgent, SequentialAgent

    def reply(request: Received) -> Reply:
        return answer("One." if b"I am one" in request.body else "Two.")

    server.serve(reply)
    both = [adk.agent(server.url, name=name, instruction=f"I am {name}") for name in ("one", "two")]
    run(SequentialAgent(name="all", sub_agents=[ParallelAgent(name="pair", sub_agents=both)]))
    ids = {span.context.span_id: span for span in spans.all() if span.context}
    for span in spans.models():
        assert span.parent is not None
        assert text(span) == {"invoke_agent one": "One.", "invoke_agent two": "Two."}[ids[span.parent.span_id].name]
    assert len(spans.models()) == 2
    assert len([line for line in tree(spans) if not line.startswith(" ")]) == 1


def test_a_model_that_fails_fails_the_spans_around_it(server: Server, spans: Spans) -> None:
    server.serve(json_answer(wire.error(400, "INVALID_ARGUMENT"), 400))
    with pytest.raises(Exception, match="overloaded"):
        run(adk.agent(server.url))
    model, agent = spans.named(f"generate_content {MODEL}"), spans.named("invoke_agent meteorologist")
    assert failed(model)
    assert failed(agent)


def test_a_tool_that_raises_fails_its_span(server: Server, spans: Spans) -> None:
    def break_down(city: str) -> str:
        """Break."""
        raise ValueError(f"no such city as {city}")

    server.queue.extend([answer(call("break_down", {"city": "Bern"}, "call-1")), answer("Blue.")])
    with pytest.raises(ValueError, match="no such city"):
        run(adk.agent(server.url, tools=[break_down]))
    assert failed(spans.named("execute_tool break_down"))


def test_a_run_cancelled_midway_is_cancelled_all_the_way(server: Server, spans: Spans) -> None:
    server.serve(stream(wire.pieces(["Bl", "ue", "."], last=False), then="stall"))

    async def scenario() -> None:
        running = asyncio.create_task(adk.run(adk.agent(server.url), streams=True))
        while not server.received:  # noqa: ASYNC110  # the server is a thread, and knows no event of this loop
            await asyncio.sleep(0.005)
        await asyncio.sleep(0.1)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running

    asyncio.run(scenario())
    gc.collect()
    assert {span.name.split()[0]: outcome(span) for span in spans.all()} == {
        "invoke_workflow": "cancelled",
        "invoke_agent": "cancelled",
        "generate_content": "cancelled",
    }


def test_its_own_content_switch_is_kept_to(server: Server, spans: Spans, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ADK_CAPTURE_MESSAGE_CONTENT_IN_SPANS", "false")
    server.queue.extend([answer(adk.ASKS), answer("Blue.")])
    run(adk.agent(server.url, tools=[adk.get_weather]))
    written = "".join(span.to_json() for span in spans.all())
    assert "Blue." not in written
    assert "Bern" not in written
    assert [attributes(span)["gen_ai.usage.input_tokens"] for span in spans.models()] == [20, 20]


def test_taken_off_it_has_its_own_tracer_again(start_tracing: Callable[..., Spans]) -> None:
    names = ("tracer", "trace_tool_call", "trace_agent_invocation")
    before = [vars(tracing)[name] for name in names]
    start_tracing()
    held = [module for name, module in list(sys.modules.items()) if name.startswith("google.adk") and hasattr(module, "tracer")]
    assert all(vars(tracing)[name] is not original for name, original in zip(names, before, strict=True))
    assert not [module for module in held if vars(module).get("tracer") is before[0]]
    genba.uninstrument()
    assert all(vars(tracing)[name] is original for name, original in zip(names, before, strict=True))


def test_the_example_leaves_one_trace(server: Server, tmp_path: Path) -> None:
    server.queue.extend([answer(call("weather", {"city": "Bern"}, "call-1")), answer("It is blue.")])
    ran = run_example("google_adk_agent", tmp_path, GOOGLE_API_KEY="key-for-tests", GOOGLE_GEMINI_BASE_URL=server.url)
    assert ran.out.splitlines()[-1] == "It is blue."
    turn = f"generate_content {MODEL}"
    assert [name for name in sorted(names(tmp_path)) if "workflow" not in name] == [
        "execute_tool weather",
        turn,
        turn,
        "invoke_agent meteorologist",
    ]
