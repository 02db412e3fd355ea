"""Runs that a framework tells of by callbacks: the right parents, one owner, and nothing left current where it should not be."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable

import pytest
from opentelemetry import trace
from opentelemetry.context import get_current

import genba
from genba.conversation import Response, Usage, parts
from genba.frameworks import steps
from genba.frameworks.runs import Runs
from support.spans import Spans, attributes, failed, messages, outcome, text, tree


class GraphInterrupt(Exception):  # LangGraph's name
    """Looks like LangGraph's."""


class GraphBubbleUp(Exception):  # LangGraph's name
    """Looks like LangGraph's."""


def test_a_run_hangs_below_the_parent_that_the_framework_names(spans: Spans) -> None:
    runs = Runs("demo")
    with spans.app.start_as_current_span("caller"):
        runs.begin("a", "invoke_agent", "invoke_agent planner", attributes={"gen_ai.agent.name": "planner"})
        runs.begin("t", "execute_tool", "execute_tool look", parent="a")
        runs.begin("b", None, "step", parent="unknown")
        for id in "tab":
            runs.end(id)
    assert tree(spans) == ["caller", "  invoke_agent planner", "    execute_tool look", "  step"]


def test_a_run_told_in_another_thread_finds_its_parent(spans: Spans) -> None:
    runs = Runs("demo")
    runs.begin("a", "invoke_agent", "invoke_agent planner")
    thread = threading.Thread(target=lambda: (runs.begin("t", "execute_tool", "execute_tool look", parent="a"), runs.end("t")))
    thread.start()
    thread.join()
    runs.end("a")
    assert tree(spans) == ["invoke_agent planner", "  execute_tool look"]


def test_what_is_called_in_a_current_run_joins_it(spans: Spans) -> None:
    runs = Runs("demo")
    run = runs.begin("c", "chat", "chat m", current=True)
    assert run is not None
    with genba.inference("m", provider="demo") as invocation:
        invocation.response("Hello")
        invocation.usage(input_tokens=3, output_tokens=1)
    runs.end("c")
    assert len(spans.all()) == 1
    assert attributes(spans.only())["gen_ai.usage.input_tokens"] == 3


def test_a_span_of_the_hosts_between_two_runs_stays_between_them(spans: Spans) -> None:
    runs = Runs("demo")
    runs.begin("a", "invoke_agent", "invoke_agent planner", current=True)
    with spans.app.start_as_current_span("of the host"):
        runs.begin("t", "execute_tool", "execute_tool look", parent="a")
        runs.end("t")
    runs.end("a")
    assert tree(spans) == ["invoke_agent planner", "  of the host", "    execute_tool look"]


def test_a_run_leaves_what_was_current_before_it(spans: Spans) -> None:
    runs = Runs("demo")
    before = get_current()
    with spans.app.start_as_current_span("caller") as caller:
        runs.begin("a", "invoke_agent", "invoke_agent planner", current=True)
        runs.begin("c", "chat", "chat m", parent="a", current=True)
        runs.end("c")
        runs.end("a")
        assert trace.get_current_span() is caller
    assert get_current() == before


def test_the_end_of_a_run_told_elsewhere_leaves_nothing_that_later_calls_hang_on(spans: Spans) -> None:
    runs = Runs("demo")

    async def scenario() -> None:
        runs.begin("c", "chat", "chat m", current=True)

        async def elsewhere() -> None:
            runs.end("c")

        await asyncio.create_task(elsewhere())
        with genba.tool("look"):
            pass
        with genba.inference("m", provider="demo"):
            pass

    with spans.app.start_as_current_span("caller"):
        asyncio.run(scenario())
    assert tree(spans) == ["caller", "  chat m", "  execute_tool look", "  chat m"]


def test_concurrent_runs_keep_their_own_children(spans: Spans) -> None:
    runs = Runs("demo")

    async def agent(name: str) -> None:
        runs.begin(name, "invoke_agent", f"invoke_agent {name}", current=True)
        await asyncio.sleep(0)
        runs.begin(f"{name}-tool", "execute_tool", f"execute_tool {name}", parent=name, current=True)
        await asyncio.sleep(0)
        runs.end(f"{name}-tool")
        runs.end(name)

    async def scenario() -> None:
        await asyncio.gather(agent("a"), agent("b"))

    asyncio.run(scenario())
    assert sorted(tree(spans)) == sorted(["invoke_agent a", "  execute_tool a", "invoke_agent b", "  execute_tool b"])
    assert tree(spans).index("  execute_tool a") == tree(spans).index("invoke_agent a") + 1


def test_a_model_call_below_another_of_the_same_kind_is_not_told_twice(spans: Spans) -> None:
    runs = Runs("demo")
    runs.begin("outer", "chat", "chat m", current=True)
    assert runs.begin("inner", "chat", "chat m", parent="outer") is None
    runs.end("inner")
    runs.end("outer")
    assert len(spans.all()) == 1


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (None, "completed"),
        (ValueError("no"), "failed"),
        (asyncio.CancelledError(), "cancelled"),
        (GeneratorExit(), "cancelled"),
        (GraphBubbleUp(), "cancelled"),
        (KeyboardInterrupt(), "cancelled"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else str(value),
)
def test_what_stops_a_run_on_purpose_is_no_failure(error: BaseException | None, expected: str, spans: Spans) -> None:
    runs = Runs("demo")
    runs.begin("a", "invoke_agent", "invoke_agent planner")
    runs.end("a", error)
    assert (outcome(spans.only()), failed(spans.only())) == (expected, expected == "failed")


def test_what_the_framework_says_is_recorded_where_no_client_was_seen(spans: Spans) -> None:
    runs = Runs("demo")
    run = runs.begin("c", "chat", "chat m", attributes={"gen_ai.provider.name": "demo"})
    assert run is not None
    said = Response(messages=[parts.message("assistant", [parts.text("Hello")])], usage=Usage(input_tokens=7))
    run.reported.read_response = lambda: said
    runs.end("c")
    assert text(spans.only()) == "Hello"
    assert attributes(spans.only())["gen_ai.usage.input_tokens"] == 7


def test_a_run_whose_end_is_never_told_is_abandoned(spans: Spans) -> None:
    runs = Runs("demo")
    runs.begin("a", "invoke_agent", "invoke_agent planner")
    runs.abandon_all()
    assert outcome(spans.only()) == "abandoned"
    assert runs.get("a") is None


def test_nothing_is_recorded_while_genba_is_off(start_tracing: Callable[..., Spans]) -> None:
    runs = Runs("demo")
    assert runs.begin("a", "chat", "chat m", current=True) is None
    runs.end("a")
    assert trace.get_current_span() is trace.INVALID_SPAN


def test_an_ended_run_may_be_ended_again(spans: Spans) -> None:
    runs = Runs("demo")
    runs.begin("a", "chat", "chat m")
    runs.end("a")
    runs.end("a", ValueError())
    assert outcome(spans.only()) == "completed"
    assert messages(spans.only()) == []


@pytest.mark.parametrize(("version", "name"), [("latest", "gen_ai.agent.name"), ("1.37", "gen_ai.workflow.name")])
def test_a_workflow_has_the_name_of_the_version_asked_for(version: str, name: str, start_tracing: Callable[..., Spans]) -> None:
    spans = start_tracing(semconv=version)
    runs, step = Runs("demo"), steps.workflow("Forecast")
    runs.begin("w", step.operation, step.name, attributes=step.attributes)
    runs.end("w")
    told = attributes(spans.only())
    assert spans.only().name == "invoke_workflow Forecast"
    assert {key: value for key, value in told.items() if value == "Forecast"} == {name: "Forecast"}
