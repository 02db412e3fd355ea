"""LlamaIndex's models, embeddings, retrievers, engines, tools and agents, told by its dispatcher."""

from __future__ import annotations

import asyncio
import gc
import json
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("llama_index.core", reason="llama-index is not installed")

from llama_index.core import Document, MockEmbedding, VectorStoreIndex
from llama_index.core.agent.workflow import FunctionAgent
from llama_index.core.base.llms.types import (
    ChatMessage,
    ChatResponse,
    ChatResponseGen,
    CompletionResponse,
    LLMMetadata,
    MessageRole,
    TextBlock,
)
from llama_index.core.instrumentation import get_dispatcher
from llama_index.core.llms import CustomLLM
from llama_index.core.llms.callbacks import llm_chat_callback, llm_completion_callback
from llama_index.core.llms.function_calling import FunctionCallingLLM
from llama_index.core.tools import FunctionTool, ToolSelection

import genba
from support import openai_wire
from support.examples import run_example
from support.services import TEXT
from support.spans import Spans, attributes, failed, is_child, outcome, parts, text, tree
from support.stored import names
from support.wire import Server

# It looks at every attribute of its own objects, those that pydantic deprecates too; and its event loop's ends are noisy.
pytestmark = [pytest.mark.filterwarnings("ignore::DeprecationWarning")]

RAW = {
    "id": "resp-1",
    "model": "local-1-2026",
    "choices": [{"finish_reason": "stop"}],
    "usage": {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10},
}
QUESTION = [ChatMessage("Who makes honey?")]


class Local(CustomLLM):
    """A model of which no client of ours knows."""

    model: str = "local-1"
    broken: bool = False

    @property
    def metadata(self) -> LLMMetadata:
        return LLMMetadata(model_name=self.model, is_chat_model=True)

    @llm_completion_callback()
    def complete(self, prompt: str, **more: Any) -> CompletionResponse:
        return CompletionResponse(text="By bees.", raw=RAW)

    @llm_completion_callback()
    def stream_complete(self, prompt: str, **more: Any) -> Any:
        raise NotImplementedError

    @llm_chat_callback()
    def chat(self, messages: Sequence[ChatMessage], **more: Any) -> ChatResponse:
        if self.broken:
            raise RuntimeError("overheated")
        return ChatResponse(message=ChatMessage("By bees.", role=MessageRole.ASSISTANT), raw=RAW)

    @llm_chat_callback()
    def stream_chat(self, messages: Sequence[ChatMessage], **more: Any) -> ChatResponseGen:
        def pieces() -> ChatResponseGen:
            said = ""
            for piece in ("By ", "bees", "."):
                said += piece
                yield ChatResponse(message=ChatMessage(said, role=MessageRole.ASSISTANT), delta=piece)

        return pieces()


class Caller(FunctionCallingLLM):
    """Asks for the weather once, then says how it is."""

    asked: int = 0

    @property
    def metadata(self) -> LLMMetadata:
        return LLMMetadata(model_name="caller-1", is_chat_model=True, is_function_calling_model=True)

    def _prepare_chat_with_tools(self, tools: Any, user_msg: Any = None, chat_history: Any = None, **more: Any) -> dict[str, Any]:
        return {"messages": chat_history or []}

    def get_tool_calls_from_response(self, response: Any, **more: Any) -> list[ToolSelection]:
        calls = response.message.additional_kwargs.get("tool_calls") or []
        return [ToolSelection(tool_id=call["id"], tool_name="weather", tool_kwargs={"city": "Bath"}) for call in calls]

    @llm_chat_callback()
    async def astream_chat(self, messages: Sequence[ChatMessage], **more: Any) -> Any:
        self.asked += 1
        call = {"id": "call_7", "function": {"name": "weather", "arguments": '{"city": "Bath"}'}}
        calls = {"tool_calls": [call]} if self.asked == 1 else {}
        said = ChatMessage("" if calls else "Sunny.", role=MessageRole.ASSISTANT, additional_kwargs=calls)

        async def pieces() -> AsyncIterator[ChatResponse]:
            yield ChatResponse(message=said, delta="")

        return pieces()

    def chat(self, *args: Any, **kwargs: Any) -> Any: ...
    def stream_chat(self, *args: Any, **kwargs: Any) -> Any: ...
    async def achat(self, *args: Any, **kwargs: Any) -> Any: ...
    def complete(self, *args: Any, **kwargs: Any) -> Any: ...
    def stream_complete(self, *args: Any, **kwargs: Any) -> Any: ...
    async def acomplete(self, *args: Any, **kwargs: Any) -> Any: ...
    async def astream_complete(self, *args: Any, **kwargs: Any) -> Any: ...


def weather(city: str) -> str:
    """The weather in a city."""
    return f"sunny in {city}"


def forecaster(name: str = "forecaster", tool: Any = weather) -> FunctionAgent:
    return FunctionAgent(name=name, description="Knows the weather.", tools=[tool], llm=Caller())


def index() -> VectorStoreIndex:
    documents = [Document(text="Bees make honey.", doc_id="d1")]
    return VectorStoreIndex.from_documents(documents, embed_model=MockEmbedding(embed_dim=4))


def test_a_model_that_no_client_knows_is_recorded_from_what_llama_index_says(spans: Spans) -> None:
    Local().chat(QUESTION, temperature=0.5)
    span = spans.only()
    told = attributes(span)
    assert span.name == "chat local-1"
    assert told["gen_ai.provider.name"] == "local"
    assert told["gen_ai.request.temperature"] == 0.5
    assert (told["gen_ai.response.id"], told["gen_ai.response.model"]) == ("resp-1", "local-1-2026")
    assert told["gen_ai.response.finish_reasons"] == ("stop",)
    assert (told["gen_ai.usage.input_tokens"], told["gen_ai.usage.output_tokens"]) == (7, 3)
    assert (text(span, "input"), text(span)) == ("Who makes honey?", "By bees.")


def test_a_model_that_fails_says_so(spans: Spans) -> None:
    with pytest.raises(RuntimeError, match="overheated"):
        Local(broken=True).chat(QUESTION)
    assert failed(spans.only())
    assert attributes(spans.only())["error.type"] == "RuntimeError"


def test_a_stream_ends_with_its_last_chunk(spans: Spans) -> None:
    stream = Local().stream_chat(QUESTION)
    assert spans.all() == []
    assert [chunk.delta for chunk in stream] == ["By ", "bees", "."]
    told = attributes(spans.only())
    assert told["genba.chunks.count"] == 3
    assert text(spans.only()) == "By bees."


def test_a_stream_left_halfway_keeps_what_arrived(spans: Spans) -> None:
    stream = Local().stream_chat(QUESTION)
    next(stream)
    stream.close()  # type: ignore[attr-defined]
    assert outcome(spans.only()) == "cancelled"
    assert text(spans.only()) == "By "


def test_a_stream_that_nobody_reads_is_abandoned(spans: Spans) -> None:
    stream = Local().stream_chat(QUESTION)
    del stream
    gc.collect()
    genba.flush()
    assert outcome(spans.only()) == "abandoned"


def test_a_call_of_the_hosts_between_two_chunks_is_its_own(spans: Spans) -> None:
    for _ in Local().stream_chat(QUESTION):
        with spans.app.start_as_current_span("between"):
            Local(model="other").chat(QUESTION)
    assert len([span for span in spans.models() if span.name == "chat other"]) == 3
    assert all(span.parent is None for span in spans.own())


def test_an_engine_is_a_tree_of_what_it_looked_for_and_asked(spans: Spans) -> None:
    made = index()
    spans.clear()
    with spans.app.start_as_current_span("caller"):
        made.as_query_engine(llm=Local(), similarity_top_k=1).query("Who makes honey?")
    assert tree(spans) == [
        "caller",
        "  invoke_workflow RetrieverQueryEngine",
        "    retrieval VectorIndexRetriever",
        "      embeddings",
        "    chat local-1",
    ]
    told = attributes(spans.named("retrieval VectorIndexRetriever"))
    assert told["gen_ai.retrieval.query.text"] == "Who makes honey?"
    assert told["gen_ai.retrieval.top_k"] == 1
    [document] = json.loads(told["gen_ai.retrieval.documents"])
    assert document["content"] == "Bees make honey."
    assert document["id"]
    assert attributes(spans.named("embeddings"))["gen_ai.embeddings.dimension.count"] == 4
    engine = spans.named("invoke_workflow RetrieverQueryEngine")
    assert (text(engine, "input"), text(engine)) == ("Who makes honey?", "By bees.")


def test_an_agent_with_a_tool_is_one_tree(spans: Spans) -> None:
    async def work() -> None:
        await forecaster().run("How is the weather?")

    asyncio.run(work())
    assert tree(spans) == ["invoke_agent forecaster", "  chat caller-1", "  execute_tool weather", "  chat caller-1"]
    told = attributes(spans.named("execute_tool weather"))
    assert json.loads(told["gen_ai.tool.call.arguments"]) == {"city": "Bath"}
    assert json.loads(told["gen_ai.tool.call.result"]) == {"result": "sunny in Bath"}
    first, _ = spans.models()
    assert parts(first) == [{"type": "tool_call", "id": "call_7", "name": "weather", "arguments": {"city": "Bath"}}]
    agent = spans.named("invoke_agent forecaster")
    assert (text(agent, "input"), text(agent)) == ("How is the weather?", "Sunny.")
    assert attributes(agent)["gen_ai.agent.description"] == "Knows the weather."


def test_agents_at_once_are_a_tree_each(spans: Spans) -> None:
    async def one(name: str) -> None:
        await forecaster(name).run("How is the weather?")

    async def both() -> None:
        await asyncio.gather(one("a"), one("b"))

    asyncio.run(both())
    roots = [span for span in spans.all() if span.parent is None]
    assert sorted(span.name for span in roots) == ["invoke_agent a", "invoke_agent b"]
    assert all(any(is_child(span, root) for root in roots) for span in spans.all() if span not in roots)
    assert len(spans.all()) == 8


def test_a_tool_that_fails_is_a_failure_of_the_tool(spans: Spans) -> None:
    def broken(city: str) -> str:
        raise ValueError(city)

    with pytest.raises(ValueError, match="Bath"):
        FunctionTool.from_defaults(broken, name="weather", description="The weather.")(city="Bath")
    assert spans.only().name == "execute_tool weather"
    assert failed(spans.only())


def test_the_example_runs(server: Server, tmp_path: Path) -> None:
    pytest.importorskip("llama_index.llms.openai", reason="its OpenAI integration is not installed")
    server.serve(openai_wire.chat_handler)
    ran = run_example("llama_index_chat", tmp_path, OPENAI_API_KEY="key", OPENAI_BASE_URL=f"{server.url}/v1")
    assert ran.out == f"{TEXT}\n"
    assert names(tmp_path) == ["chat gpt-4o-mini"]


def test_blocks_of_every_kind_are_read() -> None:
    types = pytest.importorskip("llama_index.core.base.llms.types")
    if not hasattr(types, "ToolCallBlock"):
        pytest.skip("this release has no blocks for thoughts and tool calls")
    from genba.frameworks.llama_index.exchange import message

    said = ChatMessage(
        role=MessageRole.ASSISTANT,
        blocks=[
            types.ThinkingBlock(content="Bees?"),
            TextBlock(text="By bees."),
            types.ImageBlock(url="https://x/y.png"),
            types.ToolCallBlock(tool_call_id="c1", tool_name="weather", tool_kwargs={"city": "Bath"}),
        ],
    )
    assert message(said)["parts"] == [
        {"type": "reasoning", "content": "Bees?"},
        {"type": "text", "content": "By bees."},
        {"type": "uri", "modality": "image", "uri": "https://x/y.png"},
        {"type": "tool_call", "id": "c1", "name": "weather", "arguments": {"city": "Bath"}},
    ]
    result = ChatMessage("sunny", role=MessageRole.TOOL, additional_kwargs={"tool_call_id": "c1"})
    assert message(result)["parts"] == [{"type": "tool_call_response", "id": "c1", "response": "sunny"}]


def test_after_uninstrument_the_dispatcher_has_no_handler_of_ours(spans: Spans) -> None:
    root = get_dispatcher()
    ours = [handler for handler in (*root.span_handlers, *root.event_handlers) if type(handler).__module__.startswith("genba")]
    assert len(ours) == 2
    genba.uninstrument()
    assert not [one for one in (*root.span_handlers, *root.event_handlers) if type(one).__module__.startswith("genba")]
    Local().chat(QUESTION)
    assert spans.all() == []


@pytest.fixture(autouse=True)
def loud_dispatcher(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """It swallows whatever handlers raise: what ours fail at is kept, and fails the test."""
    from genba import harmless

    failures: list[str] = []
    told = harmless.failed

    def failed(doing: str, error: BaseException) -> None:
        failures.append(f"{doing}: {error!r}")
        told(doing, error)

    monkeypatch.setattr(harmless, "failed", failed)
    yield
    assert failures == []
