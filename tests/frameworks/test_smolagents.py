"""smolagents: an agent's run, its turns, its tools and the agents it manages, as one tree."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("smolagents", reason="smolagents is not installed")

import genba
from support import openai_wire as wire
from support.examples import run_example
from support.spans import Spans, attributes, messages, outcome, text, tree
from support.stacks import smolagents as stacks
from support.stored import names
from support.wire import Server, json_answer

CHAT = f"chat {wire.MODEL}"


def test_an_agent_says_its_task_and_its_answer_and_a_tool_what_it_was_given_and_gave(server: Server, spans: Spans) -> None:
    server.queue.extend(stacks.agent_replies())
    answer = stacks.agent(stacks.over_openai(server.url)).run("How is Bath?")
    agent, tool = spans.named("invoke_agent forecaster"), spans.named("execute_tool weather")
    assert answer == "Sunny."
    assert (text(agent, "input"), text(agent)) == ("How is Bath?", "Sunny.")
    assert attributes(agent)["gen_ai.agent.description"] == "Knows the weather."
    assert json.loads(attributes(tool)["gen_ai.tool.call.arguments"]) == {"city": "Bath"}
    assert json.loads(attributes(tool)["gen_ai.tool.call.result"]) == {"result": "sunny in Bath"}
    assert attributes(tool)["gen_ai.agent.name"] == "forecaster"


def test_a_run_that_is_read_step_by_step_lasts_until_it_was_read(server: Server, spans: Spans) -> None:
    server.queue.extend(stacks.agent_replies())
    steps = stacks.agent(stacks.over_openai(server.url)).run("How is Bath?", stream=True)
    assert type(steps).__name__ == "generator"
    for _ in steps:
        assert not [span for span in spans.all() if span.name.startswith("invoke_agent")]
    assert tree(spans) == stacks.AGENT
    assert text(spans.named("invoke_agent forecaster")) == "Sunny."


def test_a_models_stream_that_is_left_midway_was_cancelled(server: Server, spans: Spans) -> None:
    server.serve(wire.chunks_stream(wire.chat_pieces(), then="stall"))
    pieces = stacks.over_openai(server.url).generate_stream(stacks.says(wire.QUESTION))
    while next(pieces).content != " made":
        pass
    pieces.close()
    assert (outcome(spans.only()), text(spans.only())) == ("cancelled", "Honey is made")


def test_a_managed_agent_is_below_the_one_that_asks_it(server: Server, spans: Spans) -> None:
    ask = stacks.calls("forecaster", '{"task": "How is Bath?"}')
    done = stacks.calls("final_answer", '{"answer": "Take a hat."}')
    replies = [
        json_answer(wire.chat(None, tool_calls=[ask])),
        *stacks.agent_replies(),
        json_answer(wire.chat(None, tool_calls=[done])),
    ]
    server.queue.extend(replies)
    from smolagents import LogLevel, ToolCallingAgent

    model = stacks.over_openai(server.url)
    ToolCallingAgent([], model, managed_agents=[stacks.agent(model)], name="planner", verbosity_level=LogLevel.OFF).run("A hat?")
    below = [f"  {line}" for line in stacks.AGENT]
    assert tree(spans) == ["invoke_agent planner", f"  {CHAT}", *below, f"  {CHAT}", "  execute_tool final_answer"]


def test_two_tools_at_once_are_below_the_agent(server: Server, spans: Spans) -> None:
    both = [{**stacks.calls("weather", json.dumps({"city": city})), "id": city} for city in ("Bath", "York")]
    server.queue.extend([json_answer(wire.chat(None, tool_calls=both)), stacks.agent_replies()[1]])
    stacks.agent(stacks.over_openai(server.url)).run("How are they?")
    weather = "  execute_tool weather"
    assert tree(spans) == ["invoke_agent forecaster", f"  {CHAT}", weather, weather, f"  {CHAT}", "  execute_tool final_answer"]


def test_a_tool_that_raises_failed_and_the_agent_goes_on(server: Server, spans: Spans) -> None:
    from smolagents import LogLevel, ToolCallingAgent, tool

    @tool
    def weather(city: str) -> str:
        """The weather in a city.

        Args:
            city: Which one.
        """
        raise LookupError(city)

    server.queue.extend(stacks.agent_replies())
    model = stacks.over_openai(server.url)
    ToolCallingAgent([weather], model, name="forecaster", verbosity_level=LogLevel.OFF).run("How is Bath?")
    assert outcome(spans.named("execute_tool weather")) == "failed"
    assert outcome(spans.named("invoke_agent forecaster")) == "completed"


def test_a_model_that_no_client_of_ours_sees_says_what_it_knows(spans: Spans) -> None:
    from smolagents import models

    class Message:
        role, content, tool_calls = "assistant", "Bees.", None

    class Client:
        def completion(self, **asked: Any) -> Any:
            class Choice:
                message = Message

            class Answer:
                choices = (Choice,)
                usage = type("Usage", (), {"prompt_tokens": 3, "completion_tokens": 2})

            return Answer

    model = models.LiteLLMModel.__new__(models.LiteLLMModel)
    models.ApiModel.__init__(model, model_id="local/wire", client=Client())
    model.api_base = model.api_key = None
    model.generate([{"role": "user", "content": "Who?"}])
    told = attributes(spans.only())
    assert (told["gen_ai.request.model"], told["gen_ai.usage.input_tokens"], told["gen_ai.usage.output_tokens"]) == (
        "local/wire",
        3,
        2,
    )
    assert (text(spans.only()), [message["role"] for message in messages(spans.only(), "input")]) == ("Bees.", ["user"])


def test_uninstrument_puts_the_very_originals_back(start_tracing: Callable[..., Spans]) -> None:
    from smolagents import MultiStepAgent, OpenAIServerModel, Tool

    places = ((MultiStepAgent, "run"), (Tool, "__call__"), (OpenAIServerModel, "generate"), (OpenAIServerModel, "generate_stream"))
    before = [vars(owner)[name] for owner, name in places]
    start_tracing()
    assert all(vars(owner)[name] is not original for (owner, name), original in zip(places, before, strict=True))
    genba.uninstrument()
    assert [vars(owner)[name] for owner, name in places] == before


def test_the_example_leaves_the_agents_run_in_its_store(server: Server, tmp_path: Path) -> None:
    server.queue.extend(stacks.agent_replies())
    ran = run_example("smolagents_weather", tmp_path, OPENAI_BASE_URL=f"{server.url}/v1", OPENAI_API_KEY="none")
    assert ran.out.splitlines()[-1] == "Sunny."
    assert sorted(set(names(tmp_path))) == [
        "chat gpt-5-mini", "execute_tool final_answer", "execute_tool weather", "invoke_agent forecaster",
    ]  # fmt: skip
