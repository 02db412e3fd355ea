"""openai-agents: its traces and spans become one tree, whose model calls are what the client saw on the wire."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from support import openai_wire as wire
from support.examples import run_example
from support.spans import Spans, attributes, failed, is_child, outcome, parts, tree
from support.wire import Server, Stream, json_answer, until_asked

pytest.importorskip("agents", reason="openai-agents is not installed")
pytest.importorskip("openai", reason="openai is not installed")

from support.stacks.openai_agents import agent, quiet, replies

HANDOVER = {"id": "call_9", "type": "function", "function": {"name": "transfer_to_second", "arguments": "{}"}}


@pytest.fixture(autouse=True)
def nothing_is_sent_to_the_vendor() -> Iterator[None]:
    quiet()
    yield
    quiet()


def run(start: Any, prompt: str = "How is the weather?", **config: Any) -> Any:
    import agents

    return asyncio.run(agents.Runner.run(start, prompt, run_config=agents.RunConfig(**config)))


def test_a_handover_makes_two_agents_beside_each_other(spans: Spans, server: Server) -> None:
    second = agent(server.url, "chat", name="second", handoff_description="Knows more.")
    server.queue.extend([json_answer(wire.chat(None, tool_calls=[HANDOVER])), json_answer(wire.chat())])
    run(agent(server.url, "chat", handoffs=[second]))

    assert tree(spans) == [
        "invoke_workflow Agent workflow",
        "  invoke_agent helper",
        f"    chat {wire.MODEL}",
        "    handoff second",
        "  invoke_agent second",
        f"    chat {wire.MODEL}",
    ]
    assert json.loads(attributes(spans.named("handoff second"))["genba.output"]) == {"from_agent": "helper", "to_agent": "second"}


def test_a_tool_has_its_arguments_and_its_result(spans: Spans, server: Server) -> None:
    server.queue.extend(replies("chat", stream=False))
    run(agent(server.url, "chat"))

    told = attributes(spans.named("execute_tool weather"))
    assert json.loads(told["gen_ai.tool.call.arguments"]) == {"city": "Bath"}
    assert json.loads(told["gen_ai.tool.call.result"]) == {"result": "sunny in Bath"}


def test_what_a_tool_does_hangs_below_it(spans: Spans, server: Server) -> None:
    import agents

    inner = agent(server.url, "chat", name="inner", tools=[])

    @agents.function_tool
    async def weather(city: str) -> str:
        with spans.app.start_as_current_span("looking"):
            return str((await agents.Runner.run(inner, city)).final_output)

    first, last = replies("chat", stream=False)
    server.queue.extend([first, json_answer(wire.chat("sunny")), last])
    run(agent(server.url, "chat", tools=[weather]))

    assert tree(spans) == [
        "invoke_workflow Agent workflow",
        "  invoke_agent helper",
        f"    chat {wire.MODEL}",
        "    execute_tool weather",
        "      looking",
        "        invoke_agent inner",
        f"          chat {wire.MODEL}",
        f"    chat {wire.MODEL}",
    ]


def test_several_runs_in_one_trace_of_the_app_are_one_tree(spans: Spans, server: Server) -> None:
    import agents

    async def both() -> None:
        with agents.trace("Weather report"):
            one, other = (agent(server.url, "chat", name=name, tools=[]) for name in ("one", "other"))
            await asyncio.gather(agents.Runner.run(one, "a"), agents.Runner.run(other, "b"))

    server.serve(lambda _: json_answer(wire.chat()))
    asyncio.run(both())

    assert tree(spans)[0] == "invoke_workflow Weather report"
    for name in ("one", "other"):
        span = spans.named(f"invoke_agent {name}")
        assert is_child(span, spans.named("invoke_workflow Weather report"))
        assert len([model for model in spans.models() if is_child(model, span)]) == 1


def test_runs_at_once_are_trees_of_their_own(spans: Spans, server: Server) -> None:
    import agents

    async def one(name: str) -> None:
        with spans.app.start_as_current_span(name):
            await agents.Runner.run(agent(server.url, "chat", tools=[]), name)

    async def all_at_once() -> None:
        await asyncio.gather(*(one(name) for name in ("a", "b", "c")))

    server.serve(lambda _: json_answer(wire.chat()))
    asyncio.run(all_at_once())

    below = ["  invoke_workflow Agent workflow", "    invoke_agent helper", f"      chat {wire.MODEL}"]
    assert sorted(tree(spans)) == sorted([*"abc", *below * 3])
    for model in spans.models():
        assert parts(model, "input")[-1]["content"] in "abc"


def test_the_group_is_the_conversation(spans: Spans, server: Server) -> None:
    server.queue.extend(replies("chat", stream=False))
    run(agent(server.url, "chat"), group_id="chat-81", workflow_name="Forecast")

    assert {attributes(span)["gen_ai.conversation.id"] for span in spans.all()} == {"chat-81"}
    assert spans.named("invoke_workflow Forecast").parent is None


@pytest.mark.parametrize("api", ["chat", "responses"])
@pytest.mark.parametrize("ending", ["well", "badly"])
def test_sensitive_data_that_the_app_keeps_to_itself_stays_out_of_every_span(
    spans: Spans, server: Server, api: str, ending: str
) -> None:
    if ending == "well":
        server.queue.extend(replies(api, stream=False))
        run(agent(server.url, api), "secret question", trace_include_sensitive_data=False)
    else:
        server.serve(json_answer(wire.error("secret trouble"), 400))
        with pytest.raises(Exception, match="secret trouble"):
            run(agent(server.url, api), "secret question", trace_include_sensitive_data=False)

    written = "".join(span.to_json() for span in spans.all())
    assert "secret" not in written
    assert "Bath" not in written
    if ending == "well":
        assert [attributes(span)["gen_ai.usage.input_tokens"] for span in spans.models()] == [20 if api == "chat" else 21] * 2


def test_the_next_run_may_tell_again(spans: Spans, server: Server) -> None:
    server.queue.extend([json_answer(wire.chat()), json_answer(wire.chat())])
    run(agent(server.url, "chat", tools=[]), "secret", trace_include_sensitive_data=False)
    run(agent(server.url, "chat", tools=[]), "open")

    first, second = spans.models()
    assert not parts(first, "input")
    assert parts(second, "input")[-1]["content"] == "open"


@pytest.mark.parametrize("api", ["chat", "responses"])
def test_a_refused_call_fails_all_above_it_with_the_clients_own_error(spans: Spans, server: Server, api: str) -> None:
    server.serve(json_answer(wire.error(), 429))
    with pytest.raises(Exception, match="overheated"):
        run(agent(server.url, api))

    assert len(spans.all()) == 3
    for span in spans.all():
        assert failed(span)
        assert attributes(span)["error.type"] == "openai.RateLimitError"
    assert parts(spans.models()[0], "input")[-1]["content"] == "How is the weather?"


def test_a_success_inside_an_error_handler_is_none_of_that_error(spans: Spans, server: Server) -> None:
    server.queue.extend([json_answer(wire.chat())])
    try:
        [].pop()
    except IndexError:
        run(agent(server.url, "chat", tools=[]))

    assert {outcome(span) for span in spans.all()} == {"completed"}


def test_a_tool_that_fails_has_failed_and_the_agent_goes_on(spans: Spans, server: Server) -> None:
    import agents

    @agents.function_tool
    def weather(city: str) -> str:
        raise ValueError("no such city")

    server.queue.extend(replies("chat", stream=False))
    run(agent(server.url, "chat", tools=[weather]))

    assert failed(spans.named("execute_tool weather"))
    assert outcome(spans.named("invoke_agent helper")) == "completed"


def test_a_cancelled_run_is_cancelled_from_top_to_bottom(spans: Spans, server: Server) -> None:
    import agents

    server.serve(Stream([], then="stall"))

    async def leave() -> None:
        task = asyncio.create_task(agents.Runner.run(agent(server.url, "chat"), "How is the weather?"))
        await until_asked(server)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    with spans.app.start_as_current_span("caller"):
        asyncio.run(leave())

    assert tree(spans) == ["caller", "  invoke_workflow Agent workflow", "    invoke_agent helper", f"      chat {wire.MODEL}"]
    assert {outcome(span) for span in spans.all()} == {"cancelled"}


def test_a_streamed_run_left_midway_is_one_tree_with_what_arrived(spans: Spans, server: Server) -> None:
    import agents

    server.serve(wire.chunks_stream(wire.chat_pieces(wire.ANSWER[:3]), then="stall"))

    async def leave() -> None:
        result = agents.Runner.run_streamed(agent(server.url, "chat"), "How is the weather?")
        async for event in result.stream_events():
            if event.type == "raw_response_event" and getattr(event.data, "delta", None) == wire.ANSWER[2]:
                result.cancel()
        with spans.app.start_as_current_span("afterwards"):
            pass

    asyncio.run(leave())

    assert tree(spans)[-1] == "afterwards"
    (model,) = spans.models()
    assert "".join(part["content"] for part in parts(model)) == "".join(wire.ANSWER[:3])
    assert outcome(model) != "completed"


def test_a_guardrail_that_trips_says_so(spans: Spans, server: Server) -> None:
    import agents

    @agents.input_guardrail
    async def polite(*_: Any) -> Any:
        return agents.GuardrailFunctionOutput(output_info=None, tripwire_triggered=True)

    server.serve(lambda _: json_answer(wire.chat()))
    with pytest.raises(agents.InputGuardrailTripwireTriggered):
        run(agent(server.url, "chat", input_guardrails=[polite]))

    assert json.loads(attributes(spans.named("guardrail polite"))["genba.output"]) == {"triggered": True}
    assert failed(spans.named("invoke_agent helper"))


def test_a_model_of_the_apps_own_is_recorded_as_the_framework_tells_it(spans: Spans, server: Server) -> None:
    from agents import generation_span, trace

    with trace("by hand"), generation_span(input=[{"role": "user", "content": "Who?"}], model="own-1") as span:
        span.span_data.output = [{"role": "assistant", "content": "Bees."}]
        span.span_data.usage = {"input_tokens": 3, "output_tokens": 2, "input_tokens_details": {"cached_tokens": 1}}

    (model,) = spans.models()
    assert model.name == "chat own-1"
    assert [part["content"] for part in (*parts(model, "input"), *parts(model))] == ["Who?", "Bees."]
    told = attributes(model)
    assert (told["gen_ai.usage.input_tokens"], told["gen_ai.usage.cache_read.input_tokens"]) == (3, 1)


def test_steps_of_the_apps_own_keep_their_names(spans: Spans) -> None:
    from agents import custom_span, trace

    with trace("by hand"), custom_span("tidy up", {"rooms": 2}):
        pass

    assert tree(spans) == ["invoke_workflow by hand", "  step tidy up"]
    assert json.loads(attributes(spans.named("step tidy up"))["genba.output"]) == {"data": {"rooms": 2}}


def test_the_apps_own_processors_are_told_as_before(spans: Spans, server: Server) -> None:
    import agents

    told: list[str] = []

    class Processor(agents.TracingProcessor):
        def on_trace_start(self, trace: Any) -> None:
            told.append("trace")

        def on_trace_end(self, trace: Any) -> None:
            pass

        def on_span_start(self, span: Any) -> None:
            told.append(span.span_data.type)

        def on_span_end(self, span: Any) -> None:
            pass

        def shutdown(self) -> None:
            pass

        def force_flush(self) -> None:
            pass

    agents.set_trace_processors([Processor()])
    server.queue.extend([json_answer(wire.chat())])
    run(agent(server.url, "chat", tools=[]))

    assert told[0] == "trace"
    assert "generation" in told
    assert len(spans.models()) == 1, "setting processors does not take ours away"


def test_with_its_tracing_off_the_calls_are_recorded_by_themselves(spans: Spans, server: Server) -> None:
    server.queue.extend([json_answer(wire.chat())])
    run(agent(server.url, "chat", tools=[]), tracing_disabled=True)

    assert tree(spans) == [f"chat {wire.MODEL}"]


def test_a_run_in_a_thread_has_its_own_tree(spans: Spans, server: Server) -> None:
    server.serve(lambda _: json_answer(wire.chat()))
    threads = [threading.Thread(target=run, args=(agent(server.url, "chat", tools=[]),)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(tree(spans)) == sorted([f"    chat {wire.MODEL}", "  invoke_agent helper", "invoke_workflow Agent workflow"] * 2)


def test_what_was_patched_is_as_it_was(start_tracing: Any) -> None:
    from agents.models.interface import ModelTracing

    import genba

    before = vars(ModelTracing)["is_disabled"]
    start_tracing()
    assert vars(ModelTracing)["is_disabled"] is not before
    genba.uninstrument()
    assert vars(ModelTracing)["is_disabled"] is before


def test_the_example_runs(server: Server, tmp_path: Path) -> None:
    server.queue.extend(replies("chat", stream=False))
    environment = {"OPENAI_BASE_URL": f"{server.url}/v1", "OPENAI_API_KEY": "key-for-tests"}
    ran = run_example("agent_openai_agents", tmp_path, GENBA_EXPORT=f"jsonl:{tmp_path}/spans.jsonl", **environment)
    assert "".join(wire.ANSWER) in ran.out
    assert [span["name"] for span in ran.spans()].count("invoke_agent forecaster") == 1
    assert "execute_tool weather" in [span["name"] for span in ran.spans()]
