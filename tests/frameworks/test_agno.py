"""Agno: runs of agents, teams and workflows, their model calls and tools, as one tree."""

from __future__ import annotations

import asyncio
import gc
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("agno", reason="agno is not installed")

from agno.models.base import Model
from agno.models.response import ModelResponse

import genba
from support import openai_wire as wire
from support.examples import run_example
from support.spans import Spans, attributes, failed, is_child, messages, outcome, text, tree
from support.stacks import agno as stacks
from support.stored import names
from support.wire import Received, Reply, Server, json_answer

CHAT = stacks.CHAT


def test_an_agent_says_what_it_was_asked_and_answered_and_a_tool_what_it_was_given_and_gave(server: Server, spans: Spans) -> None:
    server.queue.extend(stacks.replies())
    output = stacks.agent(stacks.model(server.url), description="Knows the weather.").run("How is Bath?", session_id="talk-7")
    agent, tool = spans.named("invoke_agent helper"), attributes(spans.named("execute_tool weather"))
    assert output.content == "Honey is made by bees."
    assert (text(agent, "input"), text(agent)) == ("How is Bath?", output.content)
    told = attributes(agent)
    assert (told["gen_ai.agent.name"], told["gen_ai.agent.description"]) == ("helper", "Knows the weather.")
    assert (told["gen_ai.agent.id"], told["gen_ai.conversation.id"]) == ("helper", "talk-7")
    assert json.loads(tool["gen_ai.tool.call.arguments"]) == {"city": "Bath"}
    assert json.loads(tool["gen_ai.tool.call.result"]) == {"result": "sunny in Bath"}
    assert (tool["gen_ai.tool.call.id"], tool["gen_ai.agent.name"]) == ("call_7", "helper")
    assert attributes(spans.models()[0])["gen_ai.response.model"] == wire.SERVED


def test_a_streamed_run_lasts_until_it_was_read_and_says_all_of_its_answer(server: Server, spans: Spans) -> None:
    server.queue.extend(stacks.replies(stream=True))
    events = stacks.agent(stacks.model(server.url)).run("How is Bath?", stream=True)
    assert type(events).__name__ == "generator"
    for _ in events:
        assert not [span for span in spans.all() if span.name.startswith("invoke_agent")]
    assert tree(spans) == stacks.TREE
    assert text(spans.named("invoke_agent helper")) == "Honey is made by bees."


def test_a_streamed_run_that_is_left_midway_was_cancelled(server: Server, spans: Spans) -> None:
    server.serve(wire.chunks_stream(wire.chat_pieces(), then="stall"))
    events = stacks.agent(stacks.model(server.url)).run("How is Bath?", stream=True)
    while getattr(next(events), "content", None) != " made":
        pass
    events.close()
    gc.collect()
    assert {span.name: outcome(span) for span in spans.all()} == {"invoke_agent helper": "cancelled", CHAT: "cancelled"}


def test_a_run_cancelled_midway_is_cancelled_all_the_way(server: Server, spans: Spans) -> None:
    server.serve(wire.chunks_stream(wire.chat_pieces(), then="stall"))

    async def scenario() -> None:
        async def read() -> None:
            async for _ in stacks.agent(stacks.model(server.url)).arun("How is Bath?", stream=True):
                pass

        running = asyncio.create_task(read())
        while not server.received:  # noqa: ASYNC110  # the server is a thread, and knows no event of this loop
            await asyncio.sleep(0.005)
        await asyncio.sleep(0.1)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    asyncio.run(scenario())
    gc.collect()
    assert {span.name: outcome(span) for span in spans.all()} == {"invoke_agent helper": "cancelled", CHAT: "cancelled"}


def test_a_model_that_fails_fails_the_run_though_nothing_is_raised(server: Server, spans: Spans) -> None:
    server.serve(json_answer(wire.error(), 400))
    output = stacks.agent(stacks.model(server.url)).run("How is Bath?")
    assert "overheated" in output.content
    assert failed(spans.named("invoke_agent helper"))
    assert failed(spans.named(CHAT))


def test_attempts_of_one_model_call_are_one_span(server: Server, spans: Spans) -> None:
    server.queue.extend([json_answer(wire.error(), 500), json_answer(wire.chat())])
    stacks.agent(stacks.model(server.url, retries=1, delay_between_retries=0)).run("How is Bath?")
    assert tree(spans) == ["invoke_agent helper", f"  {CHAT}"]
    assert outcome(spans.models()[0]) == "completed"
    assert attributes(spans.models()[0])["gen_ai.usage.input_tokens"] == 20


def test_a_tool_that_raises_fails_its_span_and_the_agent_goes_on(server: Server, spans: Spans) -> None:
    def weather(city: str) -> str:
        """The weather in a city."""
        raise LookupError(city)

    server.queue.extend(stacks.replies())
    stacks.agent(stacks.model(server.url), tools=[weather]).run("How is Bath?")
    assert failed(spans.named("execute_tool weather"))
    assert outcome(spans.named("invoke_agent helper")) == "completed"


def test_two_tools_at_once_are_below_the_agent(server: Server, spans: Spans) -> None:
    both = [{**wire.WEATHER_CALL, "id": f"call_{number}"} for number in (1, 2)]
    server.queue.extend(stacks.replies(calls=both))
    asyncio.run(_awaited(stacks.agent(stacks.model(server.url)), "How is Bath?"))
    weather = "  execute_tool weather"
    assert tree(spans) == ["invoke_agent helper", f"  {CHAT}", weather, weather, f"  {CHAT}"]


async def _awaited(works: Any, task: str) -> None:
    await works.arun(task)


def test_agents_that_work_at_once_keep_their_own_calls(server: Server, spans: Spans) -> None:
    server.serve(lambda request: json_answer(wire.chat("One." if b"I am one" in request.body else "Two.")))

    async def scenario() -> None:
        both = [stacks.agent(stacks.model(server.url), name=name, instructions=f"I am {name}", tools=[]) for name in ("one", "two")]
        await asyncio.gather(*(agent.arun("Hello?") for agent in both))

    asyncio.run(scenario())
    for name, said in (("one", "One."), ("two", "Two.")):
        agent = spans.named(f"invoke_agent {name}")
        (model,) = [model for model in spans.models() if is_child(model, agent)]
        assert (text(model), text(agent)) == (said, said)


def test_a_teams_member_is_below_the_team(server: Server, spans: Spans) -> None:
    from agno.team import Team

    ask = {
        "id": "call_1", "type": "function",
        "function": {"name": "delegate_task_to_member", "arguments": '{"member_id": "helper", "task": "How is Bath?"}'},
    }  # fmt: skip

    def reply(request: Received) -> Reply:
        if b"Be brief." in request.body:
            return json_answer(wire.chat("Sunny."))
        return json_answer(wire.chat("Take a hat.") if b"Sunny." in request.body else wire.chat(None, tool_calls=[ask]))

    server.serve(reply)
    member = stacks.agent(stacks.model(server.url), id="helper", tools=[], role="Knows the weather.", instructions="Be brief.")
    team = Team(name="desk", model=stacks.model(server.url), members=[member], telemetry=False)
    assert team.run("A hat?").content == "Take a hat."
    tool = "  execute_tool delegate_task_to_member"
    assert tree(spans) == ["invoke_agent desk", f"  {CHAT}", tool, "    invoke_agent helper", f"      {CHAT}", f"  {CHAT}"]


def test_a_workflows_agents_are_below_it(server: Server, spans: Spans) -> None:
    from agno.workflow import Step, Workflow

    server.serve(json_answer(wire.chat()))
    both = [stacks.agent(stacks.model(server.url), name=name, tools=[]) for name in ("one", "two")]
    steps = [Step(name=agent.name, agent=agent) for agent in both]
    output = Workflow(name="desk", steps=steps, telemetry=False).run(input="Hello?")
    lines = [line for name in ("one", "two") for line in (f"  invoke_agent {name}", f"    {CHAT}")]
    assert tree(spans) == ["invoke_workflow desk", *lines]
    assert text(spans.named("invoke_workflow desk")) == output.content
    assert text(spans.named("invoke_workflow desk"), "input") == "Hello?"


class Local(Model):
    """A model that no client of ours is asked for."""

    def invoke(self, *_: Any, **__: Any) -> ModelResponse:
        from agno.models.base import MessageMetrics

        return ModelResponse(role="assistant", content="Bees.", response_usage=MessageMetrics(input_tokens=3, output_tokens=2))

    async def ainvoke(self, *_: Any, **__: Any) -> ModelResponse:
        return self.invoke()

    def invoke_stream(self, *_: Any, **__: Any) -> Any:
        yield ModelResponse(content="Be")
        yield self.invoke()

    def ainvoke_stream(self, *_: Any, **__: Any) -> Any: ...

    def _parse_provider_response(self, response: Any, **_: Any) -> Any: ...

    def _parse_provider_response_delta(self, response: Any) -> Any: ...


def test_a_model_that_no_client_of_ours_sees_says_what_it_knows(spans: Spans) -> None:
    stacks.agent(Local(id="local-1"), tools=[]).run("Who?")
    (model,) = spans.models()
    told = attributes(model)
    assert (model.name, told["gen_ai.usage.input_tokens"], told["gen_ai.usage.output_tokens"]) == ("chat local-1", 3, 2)
    assert [message["role"] for message in messages(model, "input")] == ["system", "user"]
    assert text(model) == "Bees."


def test_uninstrument_puts_the_very_originals_back(start_tracing: Callable[..., Spans]) -> None:
    from agno.agent import Agent
    from agno.tools.function import FunctionCall

    places = ((Agent, "run"), (Agent, "arun"), (FunctionCall, "execute"), (Model, "_invoke_with_retry"))
    before = [vars(owner)[name] for owner, name in places]
    start_tracing()
    assert all(vars(owner)[name] is not original for (owner, name), original in zip(places, before, strict=True))
    genba.uninstrument()
    assert [vars(owner)[name] for owner, name in places] == before


def test_the_example_leaves_the_agents_run_in_its_store(server: Server, tmp_path: Path) -> None:
    server.queue.extend(stacks.replies())
    ran = run_example("agno_weather", tmp_path, OPENAI_BASE_URL=f"{server.url}/v1", OPENAI_API_KEY="none")
    assert ran.out.strip() == "Honey is made by bees."
    assert sorted(set(names(tmp_path))) == ["chat gpt-5-mini", "execute_tool weather", "invoke_agent helper"]
