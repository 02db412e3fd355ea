"""Haystack's pipelines, components, agents and tools, and the tracer that the host may have enabled besides."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("haystack", reason="haystack is not installed")

from haystack import Document, Pipeline, component, tracing
from haystack.components.agents import Agent
from haystack.components.builders import ChatPromptBuilder
from haystack.components.retrievers.in_memory import InMemoryBM25Retriever
from haystack.dataclasses import ChatMessage, ToolCall
from haystack.document_stores.in_memory import InMemoryDocumentStore
from haystack.tools import Tool

from support import openai_wire
from support.examples import run_example
from support.services import TEXT
from support.spans import Spans, attributes, failed, messages, outcome, parts, text, tree
from support.stored import names
from support.wire import Server

META = {"model": "local-1", "finish_reason": "stop", "usage": {"prompt_tokens": 7, "completion_tokens": 3}}


@component
class EchoChatGenerator:
    """A model of which no client of ours knows."""

    def __init__(self, *replies: ChatMessage) -> None:
        self.replies = list(replies) or [ChatMessage.from_assistant("By bees.", meta=META)]

    @component.output_types(replies=list[ChatMessage])
    def run(
        self, messages: list[ChatMessage], tools: Any = None, generation_kwargs: dict[str, Any] | None = None
    ) -> dict[str, Any]:
        return {"replies": [self.replies.pop(0)]}


@component
class Breaks:
    @component.output_types(nothing=str)
    def run(self, q: str) -> dict[str, Any]:
        raise RuntimeError("overheated")


def rag() -> Pipeline:
    store = InMemoryDocumentStore()
    store.write_documents([Document(content="bees make honey", id="d1")])
    pipeline = Pipeline(metadata={"name": "questions"})
    pipeline.add_component("retriever", InMemoryBM25Retriever(store, top_k=2))
    pipeline.add_component("prompt", ChatPromptBuilder([ChatMessage.from_user("{{documents[0].content}}: {{q}}")]))
    pipeline.add_component("llm", EchoChatGenerator())
    pipeline.connect("retriever", "prompt.documents")
    pipeline.connect("prompt", "llm.messages")
    return pipeline


ASKED = {
    "retriever": {"query": "honey bees", "top_k": 1},
    "prompt": {"q": "who?"},
    "llm": {"generation_kwargs": {"temperature": 0.5}},
}


def weather_tool(weather: Any) -> Tool:
    return Tool("weather", "The weather.", {"type": "object", "properties": {"city": {"type": "string"}}}, weather)


def forecaster(weather: Any) -> Agent:
    call = ChatMessage.from_assistant(tool_calls=[ToolCall("weather", {"city": "Bath"}, id="call_7")])
    return Agent(chat_generator=EchoChatGenerator(call, ChatMessage.from_assistant("Sunny.")), tools=[weather_tool(weather)])


def test_a_pipeline_is_one_tree_that_says_what_its_components_said(spans: Spans) -> None:
    rag().run(ASKED)
    assert tree(spans) == ["invoke_workflow questions", "  retrieval InMemoryBM25Retriever", "  prompt", "  chat"]

    told = attributes(spans.named("retrieval InMemoryBM25Retriever"))
    assert told["gen_ai.retrieval.query.text"] == "honey bees"
    assert told["gen_ai.retrieval.top_k"] == 1
    [document] = json.loads(told["gen_ai.retrieval.documents"])
    assert (document["id"], document["content"]) == ("d1", "bees make honey")
    assert document["score"] > 0

    model = spans.named("chat")
    assert text(model, "input") == "bees make honey: who?"
    assert text(model) == "By bees."
    said = attributes(model)
    assert said["gen_ai.response.model"] == "local-1"
    assert said["gen_ai.response.finish_reasons"] == ("stop",)
    assert (said["gen_ai.usage.input_tokens"], said["gen_ai.usage.output_tokens"]) == (7, 3)
    assert said["gen_ai.request.temperature"] == 0.5


def test_an_agents_tool_says_what_it_was_given_and_gave(spans: Spans) -> None:
    forecaster(lambda city: f"sunny in {city}").run(messages=[ChatMessage.from_user("How is the weather?")])
    assert tree(spans) == ["invoke_agent", "  chat", "  execute_tool weather", "  chat"]
    told = attributes(spans.named("execute_tool weather"))
    assert json.loads(told["gen_ai.tool.call.arguments"]) == {"city": "Bath"}
    assert json.loads(told["gen_ai.tool.call.result"]) == {"result": "sunny in Bath"}
    first, second = (span for span in spans.all() if span.name == "chat")
    assert parts(first) == [{"type": "tool_call", "id": "call_7", "name": "weather", "arguments": {"city": "Bath"}}]
    assert json.loads(attributes(first)["gen_ai.tool.definitions"])[0]["name"] == "weather"
    assert messages(second, "input")[-1]["parts"] == [{"type": "tool_call_response", "id": "call_7", "response": "sunny in Bath"}]
    agent = spans.named("invoke_agent")
    assert (text(agent, "input"), text(agent)) == ("How is the weather?", "Sunny.")


def test_a_tool_that_fails_is_a_failure_of_the_tool_alone(spans: Spans) -> None:
    def weather(city: str) -> str:
        raise ValueError("no such city")

    agent = forecaster(weather)
    agent.run(messages=[ChatMessage.from_user("How is the weather?")])
    assert failed(spans.named("execute_tool weather"))
    assert not failed(spans.named("invoke_agent"))


def test_what_a_component_raises_is_the_hosts_and_fails_the_component_and_the_pipeline(spans: Spans) -> None:
    pipeline = Pipeline()
    pipeline.add_component("breaks", Breaks())
    with pytest.raises(Exception, match="overheated"):
        pipeline.run({"breaks": {"q": "?"}})
    assert [outcome(span) for span in spans.all()] == ["failed", "failed"]
    assert tree(spans) == ["invoke_workflow Pipeline", "  breaks"]


class HostTracer(tracing.Tracer):
    def __init__(self) -> None:
        self.told: list[tuple[str, str]] = []

    @contextmanager
    def trace(self, operation_name: str, tags: Any = None, parent_span: Any = None) -> Iterator[Any]:
        assert parent_span is None or isinstance(parent_span, HostSpan), "the host's tracer gets back its own spans"
        yield HostSpan(self, operation_name)

    def current_span(self) -> Any:
        return None


class HostSpan(tracing.Span):
    def __init__(self, tracer: HostTracer, name: str) -> None:
        self.tracer, self.name = tracer, name

    def set_tag(self, key: str, value: Any) -> None:
        self.tracer.told.append((self.name, key))


@pytest.fixture
def host_tracer() -> Iterator[HostTracer]:
    tracer = HostTracer()
    tracing.enable_tracing(tracer)
    yield tracer
    tracing.disable_tracing()


def test_the_hosts_own_tracer_is_told_as_before_and_content_only_if_it_asked(spans: Spans, host_tracer: HostTracer) -> None:
    forecaster(lambda city: f"sunny in {city}").run(messages=[ChatMessage.from_user("How is the weather?")])
    assert ("haystack.agent.run", "haystack.agent.steps_taken") in host_tracer.told
    assert not [key for _, key in host_tracer.told if key.endswith((".input", ".output"))]
    assert tree(spans) == ["invoke_agent", "  chat", "  execute_tool weather", "  chat"]


def test_who_turned_haystacks_content_off_gets_none_from_us(spans: Spans, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HAYSTACK_CONTENT_TRACING_ENABLED", "false")
    rag().run(ASKED)
    assert not [
        name for span in spans.all() for name in attributes(span) if name.endswith((".messages", ".documents", "query.text"))
    ]
    assert attributes(spans.named("chat"))["gen_ai.usage.input_tokens"] == 7


def test_after_uninstrument_its_proxy_is_the_original_again(start_tracing: Any) -> None:
    import genba

    genba.uninstrument()
    before = tracing.tracer.__class__.__dict__["trace"]
    spans = start_tracing()
    assert tracing.tracer.__class__.__dict__["trace"] is not before
    genba.uninstrument()
    assert tracing.tracer.__class__.__dict__["trace"] is before
    rag().run(ASKED)
    assert spans.all() == []


def test_the_example_runs(server: Server, tmp_path: Path) -> None:
    server.serve(openai_wire.chat_handler)
    ran = run_example("haystack_pipeline", tmp_path, OPENAI_API_KEY="key", OPENAI_BASE_URL=f"{server.url}/v1")
    assert ran.out == f"{TEXT}\n"
    assert names(tmp_path) == ["retrieval InMemoryBM25Retriever", "prompt", "chat gpt-5-mini", "invoke_workflow Pipeline"]
