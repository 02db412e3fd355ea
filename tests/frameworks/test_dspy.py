"""DSPy: modules, agents, tools and models as one tree, whichever engine asks the model, in threads and streams."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("dspy", reason="dspy is not installed")

import dspy

import genba
from support import openai_wire as wire
from support.examples import run_example
from support.spans import Spans, attributes, is_child, messages, outcome, text, tree
from support.stacks import dspy as stacks
from support.stored import names
from support.wire import Server, json_answer

CHAT = f"chat {wire.MODEL}"


def fields(**said: Any) -> str:
    """An answer as DSPy's chat adapter wants it."""
    return "".join(f"[[ ## {name} ## ]]\n{value}\n\n" for name, value in said.items()) + "[[ ## completed ## ]]"


@pytest.mark.parametrize("engine", ["litellm", "own engine"])
def test_a_module_says_what_it_was_given_and_gave_and_its_model_what_the_server_said(
    engine: str, server: Server, spans: Spans
) -> None:
    server.serve(json_answer(wire.chat(fields(answer="Bees."))))
    with dspy.context(lm=stacks.model(server.url, engine)):
        answer = dspy.Predict("question -> answer")(question="Who makes honey?")
    module, model = spans.named("invoke_workflow Predict"), spans.named(CHAT)
    assert type(answer) is dspy.Prediction
    assert json.loads(text(module, "input")) == {"question": "Who makes honey?"}
    assert json.loads(text(module)) == {"answer": "Bees."}
    told = attributes(model)
    assert (told["gen_ai.response.id"], told["gen_ai.response.model"]) == ("chatcmpl-wire", wire.SERVED)
    assert (told["gen_ai.usage.input_tokens"], told["gen_ai.usage.cache_read.input_tokens"]) == (20, 8)
    assert (told["gen_ai.usage.output_tokens"], told["gen_ai.usage.reasoning.output_tokens"]) == (9, 4)
    assert told["gen_ai.response.finish_reasons"] == ("stop",)
    assert told["gen_ai.provider.name"] == "openai"
    assert text(model) == fields(answer="Bees.")
    assert messages(model, "input")[-1]["role"] == "user"


def agent_replies() -> list[Any]:
    """A turn that asks for the weather, one that finishes, and what is made of both."""
    call = fields(next_thought="Look.", next_tool_name="weather", next_tool_args='{"city": "Bath"}')
    done = fields(next_thought="Done.", next_tool_name="finish", next_tool_args="{}")
    return [json_answer(wire.chat(said)) for said in (call, done, fields(reasoning="It is.", answer="Sunny."))]


@pytest.mark.parametrize("engine", ["litellm", "own engine"])
def test_an_agents_turns_and_tools_are_below_it(engine: str, server: Server, spans: Spans) -> None:
    server.queue.extend(agent_replies())
    with dspy.context(lm=stacks.model(server.url, engine), adapter=dspy.ChatAdapter()):
        answer = dspy.ReAct("question -> answer", tools=[stacks.weather], max_iters=3)(question="How is Bath?")
    assert answer.answer == "Sunny."
    lines = [line.strip() for line in tree(spans)]
    assert lines[0] == "invoke_agent ReAct"
    assert lines.count(CHAT) == 3
    tool = spans.named("execute_tool weather")
    assert is_child(tool, spans.named("invoke_agent ReAct"))
    assert json.loads(attributes(tool)["gen_ai.tool.call.arguments"]) == {"city": "Bath"}
    assert json.loads(attributes(tool)["gen_ai.tool.call.result"]) == {"result": "sunny in Bath"}
    assert attributes(tool)["gen_ai.agent.name"] == "ReAct"


def test_programs_at_the_same_time_keep_their_calls_apart(server: Server, spans: Spans) -> None:
    server.serve(json_answer(wire.chat(fields(answer="Bees."))))

    async def ask() -> None:
        with dspy.context(lm=stacks.model(server.url, "litellm")):
            predict = dspy.Predict("question -> answer")
            await asyncio.gather(*(predict.acall(question=f"{number}?") for number in range(3)))

    asyncio.run(ask())
    modules = [span for span in spans.all() if span.name == "invoke_workflow Predict"]
    assert len(modules) == 3
    assert all(sum(is_child(model, module) for model in spans.models()) == 1 for module in modules)


def test_what_runs_in_its_threads_is_below_what_started_them(server: Server, spans: Spans) -> None:
    server.serve(json_answer(wire.chat(fields(answer="Bees."))))
    with spans.app.start_as_current_span("caller") as caller, dspy.context(lm=stacks.model(server.url, "litellm")):
        predict = dspy.Predict("question -> answer")
        examples = [(predict, {"question": f"{number}?"}) for number in range(3)]
        dspy.Parallel(num_threads=3, disable_progress_bar=True)(examples)
    modules = [span for span in spans.all() if span.name == "invoke_workflow Predict"]
    assert len(modules) == 3
    assert all(is_child(module, caller) for module in modules)


def test_a_model_that_fails_leaves_its_error_at_every_level(server: Server, spans: Spans) -> None:
    server.serve(json_answer(wire.error(), 400))
    with (
        pytest.raises(Exception, match="overheated"),
        dspy.context(lm=stacks.model(server.url, "litellm"), adapter=dspy.JSONAdapter()),
    ):
        dspy.Predict("question -> answer")(question="Who?")
    assert {outcome(span) for span in spans.all()} == {"failed"}
    assert messages(spans.models()[0], "input")


def test_a_model_that_keeps_no_history_still_says_what_it_answered(server: Server, spans: Spans) -> None:
    server.serve(json_answer(wire.chat("By bees.")))
    with dspy.context(disable_history=True):
        stacks.model(server.url, "own engine")("Who makes honey?")
    assert (text(spans.only(), "input"), text(spans.only())) == ("Who makes honey?", "By bees.")


def test_retrieval_is_a_span_with_what_was_found(spans: Spans) -> None:
    def found(query: str, k: int) -> list[Any]:
        return [type("Passage", (), {"long_text": f"{query} {number}"}) for number in range(k)]

    with dspy.context(rm=found):
        passages = dspy.Retrieve(k=2)("bees").passages
    told = attributes(spans.only())
    assert passages == ["bees 0", "bees 1"]
    assert (told["gen_ai.operation.name"], told["gen_ai.retrieval.top_k"]) == ("retrieval", 2)
    assert told["gen_ai.retrieval.query.text"] == "bees"
    assert json.loads(told["gen_ai.retrieval.documents"]) == [{"content": "bees 0"}, {"content": "bees 1"}]


def test_uninstrument_puts_the_very_originals_back(start_tracing: Callable[..., Spans]) -> None:
    from dspy.clients.base_lm import BaseLM
    from dspy.utils.parallelizer import ParallelExecutor

    places = ((dspy.Module, "__call__"), (dspy.Module, "acall"), (dspy.Tool, "__call__"), (BaseLM, "__call__"), (BaseLM, "acall"))
    places += ((BaseLM, "update_history"), (ParallelExecutor, "_wrap_function"))
    before = [vars(owner)[name] for owner, name in places]
    start_tracing()
    assert all(vars(owner)[name] is not original for (owner, name), original in zip(places, before, strict=True))
    genba.uninstrument()
    assert [vars(owner)[name] for owner, name in places] == before


def test_the_example_leaves_the_program_in_its_store(server: Server, tmp_path: Path) -> None:
    server.serve(json_answer(wire.chat(fields(reasoning="They do.", answer="Bees."))))
    ran = run_example(
        "dspy_answer", tmp_path,
        OPENAI_BASE_URL=f"{server.url}/v1", OPENAI_API_KEY="none", LITELLM_LOCAL_MODEL_COST_MAP="True",
    )  # fmt: skip
    assert ran.out == "Bees.\n"
    assert sorted(names(tmp_path)) == ["chat gpt-5-mini", "invoke_workflow ChainOfThought", "invoke_workflow Predict"]
