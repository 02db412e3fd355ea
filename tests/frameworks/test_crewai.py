"""CrewAI: what its event bus is told, as one tree of crew, tasks, agents, tools and model calls."""

from __future__ import annotations

import asyncio
import gc
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("crewai.events", reason="crewai is not installed")

import genba
from support import openai_wire as wire
from support.examples import run_example
from support.spans import Spans, attributes, failed, is_child, messages, outcome, text, tree
from support.stacks import crewai as stacks
from support.stored import names
from support.wire import Pace, Received, Reply, Server, json_answer

CHAT = f"chat {stacks.MODEL}"


@pytest.fixture(autouse=True)
def _quiet() -> None:
    stacks.quiet()


def test_each_says_what_it_was_asked_and_answered_and_a_tool_what_it_was_given_and_gave(server: Server, spans: Spans) -> None:
    server.queue.extend(stacks.replies())
    output = stacks.crew(stacks.agent(stacks.model(server.url))).kickoff(inputs={"city": "Bath"})
    assert output.raw == "Honey is made by bees."
    assert tree(spans) == stacks.TREE
    crew, agent = spans.named("invoke_workflow weather desk"), spans.named("invoke_agent Meteorologist")
    assert (json.loads(text(crew, "input")), text(crew)) == ({"city": "Bath"}, output.raw)
    assert "How is the weather?" in text(agent, "input")
    assert text(agent) == output.raw
    assert attributes(agent)["gen_ai.agent.name"] == "Meteorologist"
    assert attributes(agent)["gen_ai.agent.id"]
    assert json.loads(attributes(spans.named("task look"))["genba.output"]) == output.raw
    tool = attributes(spans.named("execute_tool weather"))
    assert json.loads(tool["gen_ai.tool.call.arguments"]) == {"city": "Bath"}
    assert json.loads(tool["gen_ai.tool.call.result"]) == {"result": "sunny in Bath"}
    assert tool["gen_ai.agent.name"] == "Meteorologist"
    first, second = spans.models()
    assert attributes(first)["gen_ai.response.finish_reasons"] == ("tool_call",)
    assert (attributes(second)["gen_ai.response.model"], attributes(second)["server.port"]) == (wire.SERVED, server.port)
    assert [message["role"] for message in messages(second, "input")][:2] == ["system", "user"]


def test_an_agent_that_works_alone_is_a_tree_too(server: Server, spans: Spans) -> None:
    server.queue.extend(stacks.replies())
    result = stacks.agent(stacks.model(server.url)).kickoff("How is Bath?")
    assert result.raw == "Honey is made by bees."
    assert tree(spans) == ["invoke_agent Meteorologist", f"  {CHAT}", "  execute_tool weather", f"  {CHAT}"]
    assert text(spans.named("invoke_agent Meteorologist")) == result.raw
    assert "How is Bath?" in text(spans.named("invoke_agent Meteorologist"), "input")


def test_a_models_call_by_itself_is_one_span(server: Server, spans: Spans) -> None:
    server.queue.append(json_answer(wire.chat()))
    assert stacks.model(server.url).call("Who makes honey?") == "Honey is made by bees."
    assert (spans.only().name, text(spans.only())) == (CHAT, "Honey is made by bees.")


def test_a_model_that_no_client_of_ours_sees_says_what_it_knows(spans: Spans) -> None:
    from crewai import BaseLLM
    from crewai.events.types.llm_events import LLMCallType

    class Local(BaseLLM):
        def call(self, messages: Any, *_: Any, **__: Any) -> str:
            from crewai.llms.base_llm import llm_call_context

            with llm_call_context():
                self._emit_call_started_event(messages=messages)
                usage = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}
                self._emit_call_completed_event("Bees.", LLMCallType.LLM_CALL, messages=messages, usage=usage, finish_reason="stop")
            return "Bees."

    Local(model="local-1").call([{"role": "user", "content": "Who?"}])
    told = attributes(spans.only())
    assert (spans.only().name, text(spans.only(), "input"), text(spans.only())) == ("chat local-1", "Who?", "Bees.")
    assert (told["gen_ai.usage.input_tokens"], told["gen_ai.usage.output_tokens"]) == (3, 2)
    assert told["gen_ai.response.finish_reasons"] == ("stop",)


def test_a_flow_is_a_tree_of_its_steps_and_the_crews_in_them(server: Server, spans: Spans) -> None:
    from crewai.flow.flow import Flow, listen, start

    class Forecast(Flow):  # type: ignore[type-arg]
        @start()
        def ask(self) -> str:
            return stacks.crew(stacks.agent(stacks.model(server.url))).kickoff().raw

        @listen(ask)
        def tell(self, said: str) -> str:
            return said.upper()

    server.queue.extend(stacks.replies())
    assert Forecast().kickoff() == "HONEY IS MADE BY BEES."
    crew = [f"    {line}" for line in stacks.TREE]
    assert tree(spans) == ["invoke_workflow Forecast", "  step ask", *crew, "  step tell"]


def test_crews_that_work_at_once_keep_their_own_calls(server: Server, spans: Spans) -> None:
    server.serve(lambda request: json_answer(wire.chat("One." if b"I am one" in request.body else "Two.")))

    def crew(name: str) -> Any:
        made = stacks.crew(stacks.agent(stacks.model(server.url), role=name, backstory=f"I am {name}", tools=[]))
        made.name = name
        return made

    async def scenario() -> None:
        await asyncio.gather(crew("one").akickoff(), crew("two").kickoff_async())

    with spans.app.start_as_current_span("caller"):
        asyncio.run(scenario())
    for name, said in (("one", "One."), ("two", "Two.")):
        agent, whole = spans.named(f"invoke_agent {name}"), spans.named(f"invoke_workflow {name}")
        (model,) = [model for model in spans.models() if is_child(model, agent)]
        assert (text(model), text(agent), text(whole)) == (said, said, said)
        assert is_child(whole, spans.named("caller"))


def test_a_coworker_that_is_asked_is_below_the_call_of_the_tool(server: Server, spans: Spans) -> None:
    given = json.dumps({"question": "How is Bath?", "context": "Now.", "coworker": "Scout"})
    ask = {"id": "call_1", "type": "function", "function": {"name": "ask_question_to_coworker", "arguments": given}}

    def reply(request: Received) -> Reply:
        if b"I am scout" in request.body:
            return json_answer(wire.chat("Sunny."))
        return json_answer(wire.chat("Take a hat.") if b"Sunny." in request.body else wire.chat(None, tool_calls=[ask]))

    server.serve(reply)
    model = stacks.model(server.url)
    scout = stacks.agent(model, role="Scout", backstory="I am scout", tools=[])
    crew = stacks.crew(stacks.agent(model, role="Planner", tools=[], allow_delegation=True))
    crew.agents.append(scout)
    crew.kickoff()
    tool = ["      execute_tool ask_question_to_coworker", "        invoke_agent Scout", f"          {CHAT}"]
    assert tree(spans) == [*stacks.TREE[:2], "    invoke_agent Planner", f"      {CHAT}", *tool, f"      {CHAT}"]


def test_a_model_that_fails_fails_all_that_is_around_it(server: Server, spans: Spans) -> None:
    server.serve(json_answer(wire.error(), 400))
    with pytest.raises(Exception, match="overheated"):
        stacks.crew(stacks.agent(stacks.model(server.url, max_retries=0), max_retry_limit=0)).kickoff()
    names = {span.name for span in spans.all()}
    assert names == {"invoke_workflow weather desk", "task look", "invoke_agent Meteorologist", CHAT}
    assert all(failed(span) for span in spans.all())


def test_a_tool_that_raises_fails_its_span_and_the_crew_goes_on(server: Server, spans: Spans) -> None:
    from crewai.tools import tool

    @tool("weather")
    def weather(city: str) -> str:
        """The weather in a city."""
        raise LookupError(city)

    server.queue.extend(stacks.replies())
    stacks.crew(stacks.agent(stacks.model(server.url), tools=[weather])).kickoff()
    assert failed(spans.named("execute_tool weather"))
    assert outcome(spans.named("invoke_workflow weather desk")) == "completed"


def test_a_crew_cancelled_midway_is_cancelled_all_the_way(server: Server, spans: Spans) -> None:
    pace = Pace()
    server.serve(wire.chunks_stream(wire.chat_chunks(), pace=pace))
    pace.release(2)

    async def scenario() -> None:
        crew = stacks.crew(stacks.agent(stacks.model(server.url, stream=True)))
        running = asyncio.create_task(crew.akickoff())
        while not server.received:  # noqa: ASYNC110  # the server is a thread, and knows no event of this loop
            await asyncio.sleep(0.005)
        await asyncio.sleep(0.1)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        with spans.app.start_as_current_span("after"):
            pass
        pace.release(100)  # the thread in which the model is asked goes on to the end

    asyncio.run(scenario())
    gc.collect()
    told = {span.name: outcome(span) for span in spans.all()}
    assert told == dict.fromkeys(("invoke_workflow weather desk", "task look", "invoke_agent Meteorologist", CHAT), "cancelled")
    assert spans.named("after").parent is None


def test_what_is_current_after_a_crew_is_what_was_before(server: Server, spans: Spans) -> None:
    server.queue.extend(stacks.replies())
    with spans.app.start_as_current_span("caller"):
        stacks.crew(stacks.agent(stacks.model(server.url))).kickoff()
        with spans.app.start_as_current_span("after"):
            pass
    assert is_child(spans.named("after"), spans.named("caller"))


def test_uninstrument_puts_the_very_originals_back(start_tracing: Callable[..., Spans]) -> None:
    from crewai import Crew
    from crewai.events.event_bus import CrewAIEventsBus

    places = ((CrewAIEventsBus, "emit"), (Crew, "kickoff"), (Crew, "akickoff"))
    before = [vars(owner)[name] for owner, name in places]
    start_tracing()
    assert all(vars(owner)[name] is not original for (owner, name), original in zip(places, before, strict=True))
    genba.uninstrument()
    assert [vars(owner)[name] for owner, name in places] == before


def test_the_example_leaves_the_crews_run_in_its_store(server: Server, tmp_path: Path) -> None:
    server.queue.extend(stacks.replies())
    off = {"CREWAI_DISABLE_TELEMETRY": "true", "CREWAI_DISABLE_TRACKING": "true", "CREWAI_TRACING_ENABLED": "false"}
    ran = run_example("crew", tmp_path, OPENAI_BASE_URL=f"{server.url}/v1", OPENAI_API_KEY="none", **off)
    assert "Honey is made by bees." in ran.out
    assert sorted(set(names(tmp_path))) == [
        CHAT, "execute_tool weather", "invoke_agent Meteorologist", "invoke_workflow weather desk", "task look",
    ]  # fmt: skip
