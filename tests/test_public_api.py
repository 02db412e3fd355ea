"""The public names, as a program uses them: in any order, more than once, before and after."""

from __future__ import annotations

import asyncio
import inspect
import json
import threading
from collections.abc import Callable
from typing import Any

import pytest

import genba
from genba.conversation import Request, Response, Usage
from support.spans import Spans, attributes, is_child, messages, outcome, text

DECORATORS: dict[str, Callable[..., Any]] = {
    "observe": genba.observe,
    "tool": genba.tool,
    "agent": genba.agent,
    "workflow": genba.workflow,
    "retrieval": genba.retrieval,
    "embeddings": genba.embeddings,
    "inference": genba.inference,
}
OPERATIONS = {
    "observe": None,
    "tool": "execute_tool",
    "agent": "invoke_agent",
    "workflow": "invoke_workflow",
    "retrieval": "retrieval",
    "embeddings": "embeddings",
    "inference": "chat",
}
decorators = pytest.mark.parametrize("name", list(DECORATORS))


@decorators
def test_a_function_may_be_decorated_before_init_and_used_after_uninstrument(
    name: str, start_tracing: Callable[..., Spans]
) -> None:
    @DECORATORS[name]
    def shout(word: str) -> str:
        return word.upper()

    assert shout("a") == "A"
    spans = start_tracing()
    assert shout("b") == "B"
    genba.uninstrument()
    assert shout("c") == "C"
    assert attributes(spans.only()).get("gen_ai.operation.name") == OPERATIONS[name]


@decorators
def test_a_block_works_before_init_and_after_uninstrument(name: str, start_tracing: Callable[..., Spans]) -> None:
    block = DECORATORS[name]("acme")
    for _ in range(2):
        with block as invocation:
            invocation.request(messages="Why?")
            invocation.chunk("Be")
            invocation.response("Because.")
            invocation.usage(input_tokens=1)
            invocation.set_attribute("a", 1)
            assert not invocation.is_recording
        with block as invocation:
            invocation.fail(ValueError())
        spans = start_tracing()
        genba.uninstrument()
        assert spans.all() == []


@decorators
def test_a_block_may_be_used_again_and_inside_itself(name: str, spans: Spans) -> None:
    block = DECORATORS[name]("acme")
    with block:
        pass
    with genba.observe("apart"), block, genba.tool("between"), block:
        pass
    found = [
        span for span in spans.all() if attributes(span).get("gen_ai.operation.name") == OPERATIONS[name] and "acme" in span.name
    ]
    assert len(found) == 3
    assert {outcome(span) for span in found} == {"completed"}


@decorators
async def test_a_block_of_many_tasks_keeps_them_apart(name: str, spans: Spans) -> None:
    block = DECORATORS[name]("acme")
    first_is_out = asyncio.Event()

    async def work(number: int) -> None:
        async with block as invocation:
            invocation.set_attribute("app.number", number)
            await (asyncio.sleep(0) if number == 0 else first_is_out.wait())  # the first in is the first out
            with genba.observe(f"inside {number}"):
                pass
        first_is_out.set()

    await asyncio.gather(*(work(number) for number in range(3)))
    outer = {attributes(span)["app.number"]: span for span in spans.all() if "app.number" in attributes(span)}
    assert sorted(outer) == [0, 1, 2]
    for number, span in outer.items():
        assert is_child(spans.named(f"inside {number}"), span)
    ends = [attributes(span)["app.number"] for span in spans.all() if "app.number" in attributes(span)]
    assert ends[0] == 0, "the first to leave is the first to end"


def test_a_block_entered_by_many_threads_keeps_them_apart(spans: Spans) -> None:
    block = genba.observe("step")
    entered, first_is_out = threading.Event(), threading.Event()

    def first() -> None:
        with block as invocation:
            invocation.set_attribute("app.number", 1)
            entered.wait(20)
        first_is_out.set()

    def second() -> None:
        with block as invocation:
            invocation.set_attribute("app.number", 2)
            entered.set()
            first_is_out.wait(20)
            with genba.observe("inside 2"):
                pass

    threads = [threading.Thread(target=first), threading.Thread(target=second)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    outer = [span for span in spans.all() if span.name == "step"]
    assert [attributes(span)["app.number"] for span in outer] == [1, 2], "the first to leave is the first to end"
    assert is_child(spans.named("inside 2"), outer[1])


@decorators
def test_an_error_passes_a_block_and_fails_it(name: str, spans: Spans) -> None:
    error = KeyError("the host's own")
    with pytest.raises(KeyError) as raised, DECORATORS[name]("acme"):
        raise error
    assert raised.value is error
    assert outcome(spans.only()) == "failed"
    assert attributes(spans.only())["error.type"] == "KeyError"


async def test_a_cancelled_block_is_cancelled(spans: Spans) -> None:
    async def work() -> None:
        async with genba.agent("planner"):
            await asyncio.sleep(60)

    task = asyncio.create_task(work())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert outcome(spans.only()) == "cancelled"
    assert spans.only().status.is_unset


def test_what_is_told_in_parts_adds_up(spans: Spans) -> None:
    with genba.inference(provider="acme", model="acme-1") as invocation:
        invocation.request(messages=[{"role": "user", "content": "Why?"}], temperature=0.5)
        invocation.request(max_tokens=10)
        invocation.response({"id": "r-1", "model": "acme-1-b", "text": "Because.", "finish_reason": "stop"})
        invocation.usage(input_tokens=3, output_tokens=4)
    told = attributes(spans.only())
    assert told["gen_ai.request.temperature"] == 0.5
    assert told["gen_ai.request.max_tokens"] == 10
    assert told["gen_ai.response.id"] == "r-1"
    assert told["gen_ai.response.model"] == "acme-1-b"
    assert told["gen_ai.response.finish_reasons"] == ("stop",)
    assert (told["gen_ai.usage.input_tokens"], told["gen_ai.usage.output_tokens"]) == (3, 4)
    assert text(spans.only()) == "Because."
    assert messages(spans.only(), "input") == [{"role": "user", "parts": [{"type": "text", "content": "Why?"}]}]


def test_what_is_told_is_copied_at_once(spans: Spans) -> None:
    said = [{"role": "user", "content": "Why?"}]
    answer = {"text": "Because.", "id": "r-1"}
    chunk = {"delta": "a"}
    with genba.inference("acme-1") as invocation:
        invocation.request(messages=said)
        invocation.response(answer)
        said.clear()
        answer.clear()
    with genba.inference("acme-1") as invocation:
        invocation.chunk(chunk)
        chunk["delta"] = "changed"
    first, second = spans.all()
    assert messages(first, "input")[0]["parts"][0]["content"] == "Why?"
    assert text(first) == "Because."
    assert text(second) == "a"


def test_chunks_add_up_to_the_answer(spans: Spans) -> None:
    with genba.inference("acme-1") as invocation:
        for piece in ("Be", "cause", "."):
            invocation.chunk(piece)
    told = attributes(spans.only())
    assert text(spans.only()) == "Because."
    assert told["genba.chunks.count"] == 3
    assert told["gen_ai.response.time_to_first_chunk"] >= 0


def test_values_of_genba_s_own_are_taken_as_they_are(spans: Spans) -> None:
    with genba.inference("acme-1") as invocation:
        invocation.request(Request(model="acme-2", seed=7))
        invocation.response(
            Response(id="r-1", messages=[{"role": "assistant", "parts": [{"type": "text", "content": "Because."}]}])
        )
        invocation.usage(Usage(input_tokens=3))
    told = attributes(spans.only())
    assert (told["gen_ai.request.seed"], told["gen_ai.response.id"], told["gen_ai.usage.input_tokens"]) == (7, "r-1", 3)
    assert told["gen_ai.request.model"] == "acme-1", "the span's name says so, and it was said first"


def test_what_is_told_after_the_end_changes_nothing(spans: Spans) -> None:
    with genba.inference("acme-1") as invocation:
        invocation.response("Because.")
    invocation.response("Never mind.")
    invocation.request(messages="late")
    invocation.usage(input_tokens=1)
    invocation.set_attribute("late", 1)
    invocation.fail(ValueError())
    invocation.end("failed")
    told = attributes(spans.only())
    assert text(spans.only()) == "Because."
    assert outcome(spans.only()) == "completed"
    assert not {"late", "gen_ai.usage.input_tokens", "gen_ai.input.messages", "error.type"} & set(told)


def test_failing_by_hand_ends_it(spans: Spans) -> None:
    with genba.tool("weather") as invocation:
        invocation.fail(TimeoutError("too slow"))
    span = spans.only()
    assert outcome(span) == "failed"
    assert span.status.description == "TimeoutError: too slow"


def test_a_tool_told_by_hand_has_its_result(spans: Spans) -> None:
    with genba.tool("weather", call_id="call_1", description="The weather.") as invocation:
        invocation.response({"sunny": True})
    told = attributes(spans.only())
    assert json.loads(told["gen_ai.tool.call.result"]) == {"sunny": True}
    assert (told["gen_ai.tool.call.id"], told["gen_ai.tool.description"], told["gen_ai.tool.name"]) == (
        "call_1",
        "The weather.",
        "weather",
    )


def test_a_tool_told_by_hand_has_its_arguments(spans: Spans) -> None:
    with genba.tool("weather") as invocation:
        invocation.request(arguments={"city": "Bath"})
    assert json.loads(attributes(spans.only())["gen_ai.tool.call.arguments"]) == {"city": "Bath"}


def test_a_retrieval_told_by_hand_has_query_and_documents(spans: Spans) -> None:
    with genba.retrieval("library", top_k=2) as invocation:
        invocation.request(query="bees")
        invocation.response([{"id": "d-1", "score": 0.5}])
    told = attributes(spans.only())
    assert told["gen_ai.retrieval.query.text"] == "bees"
    assert json.loads(told["gen_ai.retrieval.documents"]) == [{"id": "d-1", "score": 0.5}]
    assert told["gen_ai.retrieval.top_k"] == 2


def test_an_observed_block_told_by_hand_has_its_output(spans: Spans) -> None:
    with genba.observe("step") as invocation:
        invocation.response([1, 2])
    assert json.loads(attributes(spans.only())["genba.output"]) == [1, 2]


def test_an_inner_block_of_the_same_operation_adds_what_it_knows_to_the_outer_one(spans: Spans) -> None:
    # A hand-written integration below another one: one operation has one span, and nothing that was told is lost.
    with genba.inference(provider="acme", model="acme-1"), genba.inference(provider="acme", model="acme-1") as inner:
        inner.request(messages="Why?", temperature=0.5)
        inner.response({"id": "r-1", "text": "Because."})
        inner.usage(input_tokens=3)
    told = attributes(spans.only())
    assert told.get("gen_ai.response.id") == "r-1"
    assert told.get("gen_ai.usage.input_tokens") == 3


def test_names_and_options_are_on_the_span(spans: Spans) -> None:
    with genba.agent(
        "planner", id="a-1", description="Plans.", version="2", provider="acme", model="acme-1", attributes={"app.part": "x"}
    ):
        pass
    told = attributes(spans.only())
    assert spans.only().name == "invoke_agent planner"
    assert {
        name: told[f"gen_ai.{name}"]
        for name in ("agent.name", "agent.id", "agent.description", "agent.version", "provider.name", "request.model")
    } == {
        "agent.name": "planner",
        "agent.id": "a-1",
        "agent.description": "Plans.",
        "agent.version": "2",
        "provider.name": "acme",
        "request.model": "acme-1",
    }
    assert told["app.part"] == "x"


def test_init_twice_is_init_once_and_other_options_are_said(spans: Spans, caplog: pytest.LogCaptureFixture) -> None:
    genba.init(tracer_provider=spans.provider, store="off")
    assert caplog.text == ""
    genba.init(tracer_provider=spans.provider, store="off", semconv="1.37")
    assert "(semconv)" in caplog.text
    with genba.inference("acme-1") as invocation:
        invocation.usage(Usage(cache_write_input_tokens=1))
    assert "gen_ai.usage.cache_write.input_tokens" in attributes(spans.only())


def test_ending_without_a_beginning_is_nothing() -> None:
    assert genba.flush() == (True, 0)
    assert genba.shutdown() == (True, 0)
    assert genba.uninstrument() is None  # type: ignore[func-returns-value]


def test_shutdown_ends_what_is_in_flight_as_abandoned(spans: Spans) -> None:
    with genba.agent("planner"):
        assert genba.shutdown()
        assert [outcome(span) for span in spans.all()] == ["abandoned"]
    assert len(spans.all()) == 1


def test_it_can_begin_anew(start_tracing: Callable[..., Spans]) -> None:
    for _ in range(3):
        spans = start_tracing()
        with genba.observe("step"):
            pass
        assert genba.shutdown()
        assert len(spans.all()) == 1


@pytest.mark.parametrize(
    "name", [name for name in genba.__all__ if inspect.isroutine(getattr(genba, name)) or inspect.isclass(getattr(genba, name))]
)
def test_every_public_function_and_class_says_what_it_is_for(name: str) -> None:
    public = getattr(genba, name)
    said = inspect.getdoc(public) or ""
    assert said
    assert not said.startswith(f"{name}("), "a dataclass's own"
    if inspect.isclass(public) and public.__module__.startswith("genba"):
        bare = [
            method
            for method, value in vars(public).items()
            if not method.startswith("_") and inspect.isfunction(value) and not (value.__doc__ or "").strip()
        ]
        assert bare == []


@pytest.mark.parametrize("name", [name for name in genba.__all__ if inspect.isfunction(getattr(genba, name))])
def test_every_argument_of_a_public_function_is_described(name: str) -> None:
    function = getattr(genba, name)
    said = inspect.getdoc(function) or ""
    arguments = [argument for argument in inspect.signature(function).parameters if argument not in ("function", "unknown")]
    if len(arguments) > 1:
        assert [argument for argument in arguments if f"{argument}: " not in said] == []


def test_top_k_of_a_retrieval_is_how_many_documents_it_asks_for(spans: Spans) -> None:
    @genba.retrieval
    def search(query: str, top_k: int = 3) -> list[str]:
        return ["honey"]

    search("bees", top_k=2)
    with genba.retrieval("hive") as invocation:
        invocation.request(query="bees", top_k=4)
    asked = [attributes(span).get("gen_ai.retrieval.top_k") for span in spans.all()]
    assert asked == [2, 4]
    assert not [span for span in spans.all() if "gen_ai.request.top_k" in attributes(span)]
