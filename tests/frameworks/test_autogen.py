"""AutoGen: agents, teams and tools, as one tree, whoever's task carries their messages about."""

from __future__ import annotations

import asyncio
import gc
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("autogen_agentchat", reason="autogen-agentchat is not installed")
pytest.importorskip("autogen_ext.models.openai", reason="autogen-ext[openai] is not installed")

from autogen_core import (
    AgentId,
    DefaultTopicId,
    MessageContext,
    RoutedAgent,
    SingleThreadedAgentRuntime,
    default_subscription,
    message_handler,
    trace_invoke_agent_span,
    trace_tool_span,
)
from opentelemetry.sdk.trace import TracerProvider

import genba
from support import openai_wire as wire
from support.examples import run_example
from support.spans import Spans, attributes, failed, outcome, text, tree
from support.stacks import autogen as stacks
from support.stored import names
from support.wire import Server, json_answer

CHAT = stacks.CHAT


def run(works: Any, **options: Any) -> Any:
    async def scenario() -> Any:
        return await works.run(**{"task": "How is Bath?", **options})

    return asyncio.run(scenario())


def test_an_agent_says_what_it_was_asked_and_answered_and_a_tool_what_it_was_given_and_gave(server: Server, spans: Spans) -> None:
    server.queue.extend(stacks.replies())
    result = run(stacks.agent(stacks.model(server.url), description="Knows the weather."))
    assert result.messages[-1].content == "Honey is made by bees."
    agent, tool = spans.named("invoke_agent helper"), attributes(spans.named("execute_tool weather"))
    assert (text(agent, "input"), text(agent)) == ("How is Bath?", "Honey is made by bees.")
    told = attributes(agent)
    assert (told["gen_ai.agent.name"], told["gen_ai.agent.description"]) == ("helper", "Knows the weather.")
    assert json.loads(tool["gen_ai.tool.call.arguments"]) == {"city": "Bath"}
    assert json.loads(tool["gen_ai.tool.call.result"]) == {"result": "sunny in Bath"}
    assert (tool["gen_ai.tool.call.id"], tool["gen_ai.tool.description"]) == ("call_7", "The weather in a city.")


def test_a_team_says_what_it_was_asked_and_answered_and_its_agents_stand_side_by_side(server: Server, spans: Spans) -> None:
    server.queue.extend(stacks.replies(team=True))
    run(stacks.team(stacks.model(server.url)))
    assert tree(spans) == stacks.TEAM
    team = spans.named("invoke_workflow desk")
    assert (text(team, "input"), text(team)) == ("How is Bath?", "Honey is made by bees.")
    assert attributes(spans.named("invoke_agent critic"))["gen_ai.agent.id"].startswith("critic_")


def test_a_team_on_a_runtime_of_the_apps_that_began_before_it_is_one_tree(server: Server, spans: Spans) -> None:
    server.queue.extend(stacks.replies(team=True))

    async def scenario() -> None:
        runtime = SingleThreadedAgentRuntime()
        runtime.start()
        await stacks.team(stacks.model(server.url), runtime=runtime).run(task="How is Bath?")
        await runtime.stop()

    asyncio.run(scenario())
    assert tree(spans) == stacks.TEAM


@dataclass
class Said:
    words: str


@default_subscription
class Listener(RoutedAgent):
    """An agent of the core alone."""

    def __init__(self, tracer: Any) -> None:
        super().__init__("Listens.")
        self.tracer = tracer

    @message_handler
    async def hear(self, message: Said, context: MessageContext) -> None:
        with self.tracer.start_as_current_span(f"heard {message.words}"):
            pass


def test_what_an_agent_of_the_core_does_for_a_message_hangs_below_who_sent_it(spans: Spans) -> None:
    async def scenario() -> None:
        runtime = SingleThreadedAgentRuntime()
        await Listener.register(runtime, "listener", lambda: Listener(spans.app))
        runtime.start()
        with spans.app.start_as_current_span("sender"):
            await runtime.send_message(Said("one"), AgentId("listener", "default"))
        with spans.app.start_as_current_span("publisher"):
            await runtime.publish_message(Said("two"), DefaultTopicId())
        await runtime.stop_when_idle()

    asyncio.run(scenario())
    assert tree(spans) == ["sender", "  heard one", "publisher", "  heard two"]


def test_spans_of_a_runtime_that_has_a_tracer_provider_of_its_own_are_left(start_tracing: Callable[..., Spans]) -> None:
    theirs, ours = Spans(TracerProvider(shutdown_on_exit=False)), start_tracing()

    async def scenario() -> None:
        runtime = SingleThreadedAgentRuntime(tracer_provider=theirs.provider)
        await Listener.register(runtime, "listener", lambda: Listener(theirs.app))
        runtime.start()
        await runtime.send_message(Said("one"), AgentId("listener", "default"))
        await runtime.stop_when_idle()

    asyncio.run(scenario())
    assert any("process" in span.name for span in theirs.everything())
    assert not ours.everything()


def test_spans_that_the_app_makes_with_its_functions_become_ours(spans: Spans) -> None:
    with trace_invoke_agent_span("scout", agent_id="scout/1"), trace_tool_span("look", tool_call_id="call_1"):
        pass
    assert tree(spans) == ["invoke_agent scout", "  execute_tool look"]
    assert attributes(spans.named("execute_tool look"))["gen_ai.tool.call.id"] == "call_1"


def test_a_streamed_run_leaves_what_is_current_as_it_is_between_two_messages(server: Server, spans: Spans) -> None:
    server.queue.extend(stacks.replies(stream=True))

    async def scenario() -> None:
        async for _ in stacks.agent(stacks.model(server.url), model_client_stream=True).run_stream(task="How is Bath?"):
            with spans.app.start_as_current_span("between"):
                pass

    asyncio.run(scenario())
    lines = tree(spans)
    assert [line for line in lines if "between" not in line] == stacks.AGENT
    assert {line for line in lines if "between" in line} == {"between"}


def test_agents_that_work_at_once_keep_their_own_calls(server: Server, spans: Spans) -> None:
    server.serve(lambda request: json_answer(wire.chat("One." if b"I am one" in request.body else "Two.")))

    async def scenario() -> None:
        both = [
            stacks.agent(stacks.model(server.url), name=name, system_message=f"I am {name}", tools=None, reflect_on_tool_use=None)
            for name in ("one", "two")
        ]
        await asyncio.gather(*(agent.run(task="Hello?") for agent in both))

    asyncio.run(scenario())
    ids = {span.context.span_id: span for span in spans.all() if span.context}
    assert len(spans.models()) == 2
    for model in spans.models():
        assert model.parent is not None
        assert text(model) == {"invoke_agent one": "One.", "invoke_agent two": "Two."}[ids[model.parent.span_id].name]


def test_an_agent_that_is_a_tool_is_below_the_call_of_it(server: Server, spans: Spans) -> None:
    from autogen_agentchat.tools import AgentTool

    ask = {"id": "call_1", "type": "function", "function": {"name": "scout", "arguments": '{"task": "How is Bath?"}'}}

    def reply(request: Any) -> Any:
        if b"I am scout" in request.body:
            return json_answer(wire.chat("Sunny."))
        return json_answer(wire.chat("Take a hat.") if b"Sunny." in request.body else wire.chat(None, tool_calls=[ask]))

    server.serve(reply)
    model = stacks.model(server.url)
    scout = stacks.agent(model, name="scout", system_message="I am scout", tools=None, reflect_on_tool_use=None)
    run(stacks.agent(model, tools=[AgentTool(scout)]))
    tool = ["  execute_tool scout", "    invoke_agent scout", f"      {CHAT}"]
    assert tree(spans) == ["invoke_agent helper", f"  {CHAT}", *tool, f"  {CHAT}"]


def test_a_tool_that_raises_fails_its_span_and_the_agent_goes_on(server: Server, spans: Spans) -> None:
    async def weather(city: str) -> str:
        """The weather in a city."""
        raise LookupError(city)

    server.queue.extend(stacks.replies())
    run(stacks.agent(stacks.model(server.url), tools=[weather]))
    assert failed(spans.named("execute_tool weather"))
    assert outcome(spans.named("invoke_agent helper")) == "completed"


def test_a_model_that_fails_fails_the_team(server: Server, spans: Spans) -> None:
    server.serve(json_answer(wire.error(), 400))
    with pytest.raises(RuntimeError, match="overheated"):
        run(stacks.team(stacks.model(server.url)))
    assert {span.name: outcome(span) for span in spans.all()} == {
        "invoke_workflow desk": "failed",
        "invoke_agent helper": "failed",
        CHAT: "failed",
    }


@pytest.mark.parametrize("works", [stacks.agent, stacks.team])
def test_a_run_cancelled_midway_is_cancelled_all_the_way(works: Any, server: Server, spans: Spans) -> None:
    from autogen_core import CancellationToken

    server.serve(wire.chunks_stream(wire.chat_pieces(), then="stall"))
    token = CancellationToken()

    async def scenario() -> None:
        running = works(stacks.model(server.url), model_client_stream=True).run(task="Who?", cancellation_token=token)
        task = asyncio.create_task(running)
        while not server.received:  # noqa: ASYNC110  # the server is a thread, and knows no event of this loop
            await asyncio.sleep(0.005)
        await asyncio.sleep(0.1)
        token.cancel()
        if works is stacks.agent:
            task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(scenario())
    gc.collect()
    assert {outcome(span) for span in spans.all()} == {"cancelled"}
    assert spans.named(CHAT)


def test_uninstrument_puts_the_very_originals_back(start_tracing: Callable[..., Spans]) -> None:
    from autogen_agentchat.agents import BaseChatAgent
    from autogen_agentchat.teams import BaseGroupChat
    from autogen_core._telemetry._propagation import EnvelopeMetadata
    from autogen_core._telemetry._tracing import TraceHelper
    from autogen_core.tools import BaseTool

    places = (
        (BaseChatAgent, "run"),
        (BaseChatAgent, "run_stream"),
        (BaseGroupChat, "run_stream"),
        (BaseTool, "run_json"),
        (EnvelopeMetadata, "__init__"),
        (TraceHelper, "trace_block"),
    )
    inner = trace_tool_span.__closure__
    assert inner is not None
    before = [vars(owner)[name] for owner, name in places] + [cell.cell_contents for cell in inner]
    start_tracing()
    assert all(vars(owner)[name] is not original for (owner, name), original in zip(places, before, strict=False))
    genba.uninstrument()
    assert [vars(owner)[name] for owner, name in places] + [cell.cell_contents for cell in inner] == before


def test_the_example_leaves_the_teams_run_in_its_store(server: Server, tmp_path: Path) -> None:
    server.serve(json_answer(wire.chat(model="gpt-5-mini-2025-08-07")))
    ran = run_example("autogen_team", tmp_path, OPENAI_BASE_URL=f"{server.url}/v1", OPENAI_API_KEY="none")
    assert "Honey is made by bees." in ran.out
    assert sorted(set(names(tmp_path))) == [
        "chat gpt-5-mini", "invoke_agent critic", "invoke_agent writer", "invoke_workflow desk",
    ]  # fmt: skip
