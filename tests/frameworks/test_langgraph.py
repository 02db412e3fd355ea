"""LangGraph's graphs and LangChain's agents: one tree each, whatever runs at once, hands over, is interrupted or left."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("langgraph", reason="langgraph is not installed")

from langchain_core.language_models import GenericFakeChatModel
from langchain_core.messages import AIMessage
from langchain_core.tools import tool
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import END, START, MessagesState, StateGraph
from langgraph.types import Command, interrupt

import genba
from support import openai_wire
from support.examples import run_example
from support.spans import Spans, attributes, failed, is_child, outcome, text, tree
from support.stored import PLACE
from support.stored import tree as stored_tree
from support.wire import Server, json_answer

CALL = {"name": "weather", "args": {"city": "Bath"}, "id": "call_7"}
ASKED = {"messages": [("user", "How is the weather in Bath?")]}


class Model(GenericFakeChatModel):
    """Says what it was told to say."""

    def bind_tools(self, *args: Any, **kwargs: Any) -> Any:
        return self


@tool
def weather(city: str) -> str:
    """The weather in a city."""
    return f"sunny in {city}"


def says(*answers: Any) -> Model:
    return Model(messages=iter([one if isinstance(one, AIMessage) else AIMessage(one) for one in answers]))


def forecaster(name: str = "forecaster", tools: Any = (weather,), **more: Any) -> Any:
    return create_agent(says(AIMessage("", tool_calls=[CALL]), "Sunny."), list(tools), name=name, **more)


MODEL = "model" if find_spec("langchain.agents.middleware") else "agent"
"""What an agent's node is called that asks the model: LangChain's agents were LangGraph's once."""
if MODEL == "model":
    from langchain.agents import create_agent
else:
    from langgraph.prebuilt import create_react_agent as create_agent
AGENT = ["invoke_agent forecaster", f"  {MODEL}", "    chat", "  tools", "    execute_tool weather", f"  {MODEL}", "    chat"]


@pytest.fixture(autouse=True)
def no_complaint_of_langchain(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """It logs what handlers raise, and goes on."""
    yield
    assert [record.getMessage() for record in caplog.records if "callback" in record.getMessage()] == []


@pytest.mark.parametrize("way", ["invoke", "ainvoke", "stream", "astream"])
def test_an_agent_with_a_tool_is_one_tree(spans: Spans, way: str) -> None:
    play(forecaster(), way)
    assert tree(spans) == AGENT
    agent = spans.named("invoke_agent forecaster")
    assert (text(agent, "input"), text(agent)) == ("How is the weather in Bath?", "Sunny.")


def play(graph: Any, way: str, config: Any = None) -> Any:
    if way == "stream":
        return list(graph.stream(ASKED, config))
    if way == "astream":
        return asyncio.run(_all(graph.astream(ASKED, config)))
    return asyncio.run(graph.ainvoke(ASKED, config)) if way == "ainvoke" else graph.invoke(ASKED, config)


async def _all(stream: Any) -> list[Any]:
    return [chunk async for chunk in stream]


@pytest.mark.filterwarnings("ignore:create_react_agent has been moved")
def test_the_prebuilt_agent_is_an_agent(spans: Spans) -> None:
    from langgraph.prebuilt import create_react_agent

    model = says(AIMessage("", tool_calls=[CALL]), "Sunny.")
    create_react_agent(model, [weather], name="old", prompt="Be short.").invoke(ASKED)
    assert tree(spans) == [
        "invoke_agent old",
        *["  agent", "    chat", "  tools", "    execute_tool weather", "  agent", "    chat"],
    ]
    told = attributes(spans.named("invoke_agent old"))
    assert told["gen_ai.operation.name"] == "invoke_agent"
    assert told["gen_ai.agent.name"] == "old"
    assert "gen_ai.workflow.name" not in told


def test_a_thread_is_a_conversation(spans: Spans) -> None:
    agent = forecaster(checkpointer=InMemorySaver())
    agent.invoke(ASKED, {"configurable": {"thread_id": "t-81"}})
    assert {attributes(span).get("gen_ai.conversation.id") for span in spans.all()} == {"t-81"}


def test_agents_at_once_are_a_tree_each(spans: Spans) -> None:
    async def both() -> None:
        await asyncio.gather(*(forecaster(name).ainvoke(ASKED) for name in ("a", "b", "c")))

    asyncio.run(both())
    roots = [span for span in spans.all() if span.parent is None]
    assert sorted(span.name for span in roots) == ["invoke_agent a", "invoke_agent b", "invoke_agent c"]
    assert len({span.context.trace_id for span in spans.all() if span.context}) == 3
    assert len(spans.all()) == 3 * len(AGENT)


def done(state: Any) -> Any:
    return {"messages": [AIMessage("done")]}


def pipeline(**nodes: Any) -> Any:
    """A graph of these nodes, one after the other."""
    graph = StateGraph(MessagesState)
    previous = START
    for name, node in nodes.items():
        graph.add_node(name, node)
        graph.add_edge(previous, name)
        previous = name
    graph.add_edge(previous, END)
    return graph


@pytest.mark.parametrize("way", ["invoke", "ainvoke", "stream", "astream"])
def test_what_a_node_does_hangs_on_the_node(spans: Spans, way: str) -> None:
    def node(state: Any) -> Any:
        with genba.tool("by_hand"), spans.app.start_as_current_span("of the host"):
            return {"messages": [says("k").invoke(state["messages"])]}

    play(pipeline(first=node, second=node).compile(), way)
    steps = ["    execute_tool by_hand", "      of the host", "        chat"]
    assert tree(spans) == ["invoke_workflow LangGraph", "  first", *steps, "  second", *steps]


def test_an_agent_in_a_graph_and_the_functions_that_choose_the_way(spans: Spans) -> None:
    graph = StateGraph(MessagesState)
    graph.add_node("first", done)
    graph.add_node("second", forecaster())

    def route(state: Any) -> str:
        return "second"

    graph.add_edge(START, "first")
    graph.add_conditional_edges("first", route, ["second"])
    graph.add_edge("second", END)
    graph.compile(name="desk").invoke(ASKED)
    assert tree(spans) == ["invoke_workflow desk", "  first", "  second", *(f"    {line}" for line in AGENT)]


def test_a_hand_over_to_another_node_is_no_failure(spans: Spans) -> None:
    graph = StateGraph(MessagesState)
    graph.add_node("triage", lambda _: Command(goto="expert"), destinations=("expert",))
    graph.add_node("expert", done)
    graph.add_edge(START, "triage")
    graph.compile().invoke(ASKED)
    assert tree(spans) == ["invoke_workflow LangGraph", "  triage", "  expert"]
    assert not any(failed(span) for span in spans.all())


def test_nodes_at_once_hang_on_their_graph(spans: Spans) -> None:
    graph = StateGraph(MessagesState)
    for name in ("a", "b", "c"):
        graph.add_node(name, lambda state: {"messages": [says("k").invoke(state["messages"])]})
        graph.add_edge(START, name)
    graph.compile().invoke(ASKED)
    root = spans.named("invoke_workflow LangGraph")
    for name in ("a", "b", "c"):
        node = spans.named(name)
        assert is_child(node, root)
        assert len([model for model in spans.models() if is_child(model, node)]) == 1


def test_an_interrupt_is_no_failure_and_the_rest_is_told_when_it_goes_on(spans: Spans) -> None:
    @tool
    def ask(question: str) -> str:
        """Ask a person."""
        return str(interrupt(question))

    call = {"name": "ask", "args": {"question": "May I?"}, "id": "call_8"}
    agent = create_agent(says(AIMessage("", tool_calls=[call]), "Done."), [ask], name="asker", checkpointer=InMemorySaver())
    config: Any = {"configurable": {"thread_id": "t"}}
    agent.invoke(ASKED, config)
    assert not any(failed(span) for span in spans.all())
    assert outcome(spans.named("execute_tool ask")) == "cancelled"
    spans.clear()
    agent.invoke(Command(resume="yes"), config)
    assert tree(spans) == ["invoke_agent asker", "  tools", "    execute_tool ask", f"  {MODEL}", "    chat"]
    assert outcome(spans.named("execute_tool ask")) == "completed"


@pytest.mark.skipif(MODEL == "agent", reason="the older agents tell the model of the failure instead")
def test_a_tool_that_fails_fails_the_agent_that_lets_it(spans: Spans) -> None:
    @tool("weather")
    def broken(city: str) -> str:
        """Breaks."""
        raise RuntimeError("overheated")

    with pytest.raises(RuntimeError, match="overheated"):
        forecaster(tools=[broken]).invoke(ASKED)
    assert [span.name for span in spans.all() if failed(span)] == ["execute_tool weather", "tools", "invoke_agent forecaster"]


def test_an_agent_cancelled_midway_is_a_whole_tree(spans: Spans) -> None:
    waiting = asyncio.Event()

    @tool("weather")
    async def slow(city: str) -> str:
        """Takes long."""
        waiting.set()
        await asyncio.sleep(60)
        return city

    async def work() -> None:
        task = asyncio.create_task(forecaster(tools=[slow]).ainvoke(ASKED))
        await asyncio.wait_for(waiting.wait(), 10)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.sleep(0.05)

    asyncio.run(work())
    assert tree(spans) == ["invoke_agent forecaster", f"  {MODEL}", "    chat", "  tools", "    execute_tool weather"]
    assert {span.name: outcome(span) for span in spans.all()} == {
        "chat": "completed",
        MODEL: "completed",
        "execute_tool weather": "cancelled",
        "tools": "cancelled",
        "invoke_agent forecaster": "cancelled",
    }


@pytest.mark.parametrize("asynchronous", [False, True])
def test_a_graph_left_halfway_ends_and_the_host_is_where_it_was(spans: Spans, asynchronous: bool) -> None:
    async def some() -> None:
        stream = forecaster().astream(ASKED)
        await stream.__anext__()
        with spans.app.start_as_current_span("between"):
            says("another").invoke("?")
        await stream.aclose()
        await asyncio.sleep(0.05)

    if asynchronous:
        asyncio.run(some())
    else:
        stream = forecaster().stream(ASKED)
        next(stream)
        with spans.app.start_as_current_span("between"):
            says("another").invoke("?")
        stream.close()
        gc.collect()
    assert outcome(spans.named("invoke_agent forecaster")) == "cancelled"
    assert spans.named("between").parent is None
    assert tree(spans)[-2:] == ["between", "  chat"]


def test_a_graph_that_was_awaited_leaves_nothing_current(spans: Spans) -> None:
    async def work() -> None:
        for _ in range(2):
            await forecaster().ainvoke(ASKED)
        with spans.app.start_as_current_span("afterwards"):
            pass

    asyncio.run(work())
    assert tree(spans) == [*AGENT, *AGENT, "afterwards"]


def test_the_example_is_one_tree_of_an_agent_its_model_its_tool_a_search_and_a_server(server: Server, tmp_path: Path) -> None:
    pytest.importorskip("langchain_openai", reason="langchain-openai is not installed")
    pytest.importorskip("langchain.agents.middleware", reason="this langchain is older than the example")
    pytest.importorskip("mcp.server.mcpserver", reason="mcp 2 is not installed")
    server.queue.extend(
        [json_answer(openai_wire.chat(None, tool_calls=[openai_wire.WEATHER_CALL])), json_answer(openai_wire.chat())]
    )
    ran = run_example("../agent_langgraph", tmp_path, OPENAI_API_KEY="key", OPENAI_BASE_URL=f"{server.url}/v1")
    assert (ran.err, ran.out) == ("", "Honey is made by bees.\n")
    assert stored_tree(tmp_path / PLACE) == sorted(
        [
            ("invoke_agent forecaster", None),
            *[("model", "invoke_agent forecaster"), ("chat smollm2-135m", "model")] * 2,
            ("tools", "invoke_agent forecaster"),
            ("execute_tool weather", "tools"),
            ("execute_tool measure", "execute_tool weather"),
            ("execute_tool measure", "execute_tool measure"),
            ("retrieval Notes", "execute_tool weather"),
        ],
        key=str,
    )
