"""LangChain's models, tools, retrievers and chains, told by callbacks; LangGraph's graphs and agents in `test_langgraph`."""

from __future__ import annotations

import asyncio
import copy
import gc
import json
import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("langchain_core", reason="langchain is not installed")

from langchain_core.callbacks import CallbackManager, CallbackManagerForLLMRun
from langchain_core.documents import Document
from langchain_core.language_models import BaseChatModel, FakeListLLM
from langchain_core.messages import AIMessage, AIMessageChunk, HumanMessage, SystemMessage, ToolMessage
from langchain_core.output_parsers import StrOutputParser
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.retrievers import BaseRetriever
from langchain_core.runnables import RunnableLambda, RunnableParallel
from langchain_core.tools import tool

import genba
from genba.frameworks import langchain as ours
from support import openai_wire
from support.examples import run_example
from support.services import TEXT
from support.spans import Spans, attributes, failed, is_child, messages, outcome, text, tree
from support.stored import names
from support.wire import Server

USAGE = {
    "input_tokens": 30,
    "output_tokens": 12,
    "total_tokens": 42,
    "input_token_details": {"cache_read": 8, "cache_creation": 4, "audio": 2},
    "output_token_details": {"reasoning": 5, "audio": 1},
}
ABOUT = {"model_name": "local-1-2026", "finish_reason": "stop", "id": "resp-1", "service_tier": "default"}
ANSWER = AIMessage("By bees.", usage_metadata=USAGE, response_metadata=ABOUT)


class Local(BaseChatModel):
    """A model of which no client of ours knows."""

    model: str = "local-1"
    temperature: float = 0.5
    answer: AIMessage = ANSWER
    error: Exception | None = None

    @property
    def _llm_type(self) -> str:
        return "local"

    @property
    def _identifying_params(self) -> dict[str, Any]:
        return {"model": self.model, "temperature": self.temperature}

    def _generate(
        self, messages: Any, stop: Any = None, run_manager: CallbackManagerForLLMRun | None = None, **more: Any
    ) -> ChatResult:
        if self.error is not None:
            raise self.error
        return ChatResult(generations=[ChatGeneration(message=self.answer)])


class Streaming(Local):
    def _stream(
        self, messages: Any, stop: Any = None, run_manager: CallbackManagerForLLMRun | None = None, **more: Any
    ) -> Iterator[ChatGenerationChunk]:
        for piece in ("By ", "bees", "."):
            yield ChatGenerationChunk(message=AIMessageChunk(piece))


@tool
def weather(city: str) -> str:
    """The weather in a city."""
    return f"sunny in {city}"


@pytest.fixture(autouse=True)
def no_complaint_of_langchain(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """It logs what handlers raise, and goes on."""
    yield
    assert [record.getMessage() for record in caplog.records if "callback" in record.getMessage()] == []


def test_a_model_that_no_client_knows_is_recorded_from_what_langchain_says(spans: Spans) -> None:
    Local().invoke([SystemMessage("Be short."), HumanMessage("Who makes honey?")], stop=["!"])
    span = spans.only()
    told = attributes(span)
    assert told["gen_ai.operation.name"] == "chat"
    assert told["gen_ai.provider.name"] == "local"
    assert told["gen_ai.request.model"] == "local-1"
    assert told["gen_ai.request.temperature"] == 0.5
    assert told["gen_ai.request.stop_sequences"] == ("!",)
    assert told["gen_ai.response.model"] == "local-1-2026"
    assert told["gen_ai.response.id"] == "resp-1"
    assert told["gen_ai.response.finish_reasons"] == ("stop",)
    assert [message["role"] for message in messages(span, "input")] == ["system", "user"]
    assert text(span) == "By bees."
    usage = {name.removeprefix("gen_ai.usage."): value for name, value in told.items() if name.startswith("gen_ai.usage.")}
    assert usage == {
        "input_tokens": 30,
        "output_tokens": 12,
        "cache_read.input_tokens": 8,
        "cache_write.input_tokens": 4,
        "audio.input_tokens": 2,
        "reasoning.output_tokens": 5,
        "audio.output_tokens": 1,
    }


PNG = "iVBORw0KGgo="


@pytest.mark.parametrize(
    ("block", "part"),
    [
        ("words", {"type": "text", "content": "words"}),
        ({"type": "text", "text": "words"}, {"type": "text", "content": "words"}),
        (
            {"type": "image_url", "image_url": {"url": "https://x/y.png"}},
            {"type": "uri", "modality": "image", "uri": "https://x/y.png"},
        ),
        (
            {"type": "image", "base64": PNG, "mime_type": "image/png"},
            {"type": "blob", "modality": "image", "mime_type": "image/png", "content": PNG},
        ),
        (
            {"type": "image", "source_type": "base64", "data": PNG, "mime_type": "image/png"},
            {"type": "blob", "modality": "image", "mime_type": "image/png", "content": PNG},
        ),
        (
            {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}},
            {"type": "blob", "modality": "image", "mime_type": "image/png", "content": PNG},
        ),
        ({"type": "audio", "url": "https://x/y.wav"}, {"type": "uri", "modality": "audio", "uri": "https://x/y.wav"}),
        ({"type": "file", "file_id": "f1"}, {"type": "file", "modality": "document", "file_id": "f1"}),
        (
            {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}},
            {"type": "blob", "modality": "audio", "mime_type": "audio/wav", "content": "AAAA"},
        ),
        ({"type": "thinking", "thinking": "Bees?", "signature": "s"}, {"type": "reasoning", "content": "Bees?", "signature": "s"}),
        ({"type": "reasoning", "reasoning": "Bees?"}, {"type": "reasoning", "content": "Bees?"}),
        (
            {"type": "reasoning", "id": "rs", "summary": [{"type": "summary_text", "text": "Bees?"}], "encrypted_content": "x"},
            {"type": "reasoning", "content": "Bees?", "id": "rs", "encrypted_content": "x"},
        ),
        ({"type": "redacted_thinking", "data": "zzz"}, {"type": "reasoning", "content": "", "encrypted_content": "zzz"}),
        ({"type": "refusal", "refusal": "No."}, {"type": "refusal", "content": "No."}),
        (
            {"type": "server_tool_use", "id": "s1", "name": "web_search", "input": {"q": "bees"}},
            {
                "type": "server_tool_call",
                "id": "s1",
                "name": "web_search",
                "server_tool_call": {"type": "server_tool_use", "arguments": {"q": "bees"}},
            },
        ),
        ({"type": "novel", "pages": 3}, {"type": "novel", "pages": 3}),
    ],
)
def test_a_message_part_of_every_kind_is_read(block: Any, part: Any) -> None:
    from genba.frameworks.langchain.messages import content

    assert content([block]) == [part]


def test_what_an_answer_says_twice_is_read_once() -> None:
    from genba.frameworks.langchain.messages import read

    call = {"name": "weather", "args": {"city": "Bath"}, "id": "c1"}
    said = AIMessage(
        [{"type": "text", "text": "Let me see."}, {"type": "tool_use", "id": "c1", "name": "weather", "input": {}}],
        tool_calls=[call],
    )
    assert [part["type"] for part in read(said)["parts"]] == ["text", "tool_call"]
    asked = AIMessage("", invalid_tool_calls=[{"name": "weather", "args": "{bad", "id": "c2", "error": "no JSON"}])
    assert read(asked)["parts"] == [{"type": "tool_call", "id": "c2", "name": "weather", "arguments": "{bad"}]
    assert read(ToolMessage("sunny", tool_call_id="c1", name="weather"))["parts"] == [
        {"type": "tool_call_response", "id": "c1", "response": "sunny"}
    ]


def test_the_tokens_that_an_answer_tells_are_recorded(spans: Spans) -> None:
    scored = {
        "content": [{"token": text, "bytes": list(text.encode()), "logprob": -0.5, "top_logprobs": []} for text in ("By", " bees.")]
    }
    about = {**ABOUT, "logprobs": scored}
    Local(answer=AIMessage("By bees.", usage_metadata=USAGE, response_metadata=about)).invoke("How?")
    [tokens] = genba.tokens.decode(attributes(spans.only())["genba.tokens.output"])
    assert (tokens.source, tokens.ids, tokens.pieces, tokens.logprobs) == ("logprobs", None, [b"By", b" bees."], [-0.5, -0.5])


@pytest.mark.parametrize("asynchronous", [False, True])
def test_each_chunk_of_a_stream_has_its_time(spans: Spans, asynchronous: bool) -> None:
    async def read() -> list[Any]:
        return [chunk async for chunk in Streaming().astream("Who makes honey?")]

    chunks = asyncio.run(read()) if asynchronous else list(Streaming().stream("Who makes honey?"))
    told = attributes(spans.only())
    assert told["gen_ai.request.stream"] is True
    assert told["genba.chunks.count"] == len(chunks) >= 3
    assert text(spans.only()) == "By bees."
    assert outcome(spans.only()) == "completed"


@pytest.mark.parametrize("way", ["close", "drop"])
def test_a_stream_left_halfway_keeps_what_arrived(spans: Spans, way: str) -> None:
    stream = Streaming().stream("Who makes honey?")
    next(stream)
    if way == "close":
        stream.close()  # type: ignore[attr-defined]
    del stream
    gc.collect()
    assert outcome(spans.only()) == "cancelled"
    assert not failed(spans.only())
    assert text(spans.only()) == "By "


def test_a_span_of_the_hosts_between_two_chunks_is_no_child_of_the_call(spans: Spans) -> None:
    with spans.app.start_as_current_span("caller"):
        for _ in (ChatPromptTemplate.from_template("{q}") | Streaming()).stream({"q": "?"}):
            with spans.app.start_as_current_span("between"):
                Local().invoke("another")
    between = [span for span in spans.own() if span.name == "between"]
    assert all(is_child(span, spans.named("caller")) for span in between)
    others = [span for span in spans.models() if "30" in str(attributes(span).get("gen_ai.usage.input_tokens"))]
    assert len(others) == len(between) > 2
    assert all(any(is_child(other, span) for span in between) for other in others)


def test_a_span_of_the_hosts_after_an_awaited_call_hangs_where_it_would(spans: Spans) -> None:
    async def work() -> None:
        await Local().ainvoke("one")
        await (RunnableLambda(lambda x: x) | Local()).ainvoke("two")
        with spans.app.start_as_current_span("afterwards"):
            await Local().ainvoke("three")

    asyncio.run(work())
    afterwards = spans.named("afterwards")
    assert afterwards.parent is None
    assert tree(spans)[-2:] == ["afterwards", "  chat local-1"]


def test_a_tool_says_what_it_was_given_and_gave(spans: Spans) -> None:
    answer = weather.invoke({"type": "tool_call", "id": "call_7", "name": "weather", "args": {"city": "Bath"}})
    assert answer.content == "sunny in Bath"
    told = attributes(spans.named("execute_tool weather"))
    assert told["gen_ai.tool.call.id"] == "call_7"
    assert told["gen_ai.tool.description"] == "The weather in a city."
    assert json.loads(told["gen_ai.tool.call.arguments"]) == {"city": "Bath"}
    assert json.loads(told["gen_ai.tool.call.result"]) == {"result": "sunny in Bath"}


def test_a_decorated_function_is_the_tool_that_it_is_made_into(spans: Spans) -> None:
    @tool
    @genba.tool
    def forecast(city: str) -> str:
        """The weather to come."""
        with spans.app.start_as_current_span("looking"):
            return f"rain in {city}"

    assert forecast.invoke({"city": "Bath"}) == "rain in Bath"
    assert tree(spans) == ["execute_tool forecast", "  looking"]
    told = attributes(spans.named("execute_tool forecast"))
    assert json.loads(told["gen_ai.tool.call.arguments"]) == {"city": "Bath"}


def test_a_tool_that_fails_says_so_and_the_host_gets_its_error(spans: Spans) -> None:
    @tool
    def breaks(city: str) -> str:
        """Breaks."""
        raise ValueError(city)

    with pytest.raises(ValueError, match="Bath"):
        breaks.invoke({"city": "Bath"})
    assert failed(spans.only())
    assert attributes(spans.only())["error.type"] == "ValueError"


def test_a_tool_that_hides_its_failure_in_its_answer_has_failed(spans: Spans) -> None:
    from langchain_core.tools import ToolException

    @tool
    def breaks(city: str) -> str:
        """Breaks."""
        raise ToolException(f"{city} is closed")

    breaks.handle_tool_error = True
    breaks.invoke({"type": "tool_call", "id": "call_7", "name": "breaks", "args": {"city": "Bath"}})
    assert failed(spans.only())
    assert spans.only().status.description == "Bath is closed"


def test_a_model_that_fails_says_so_and_the_host_gets_its_error(spans: Spans) -> None:
    error = RuntimeError("overheated")
    with pytest.raises(RuntimeError) as raised:
        (ChatPromptTemplate.from_template("{q}") | Local(error=error)).invoke({"q": "?"})
    assert raised.value is error
    assert [outcome(span) for span in spans.all()] == ["failed", "failed"]


class Library(BaseRetriever):
    def _get_relevant_documents(self, query: str, *, run_manager: Any) -> list[Document]:
        return [Document("Bees make honey.", id="d1", metadata={"score": 0.9, "source": "book"})]


def test_a_retriever_says_what_was_looked_for_and_found(spans: Spans) -> None:
    Library().invoke("honey")
    told = attributes(spans.named("retrieval Library"))
    assert told["gen_ai.retrieval.query.text"] == "honey"
    assert json.loads(told["gen_ai.retrieval.documents"]) == [
        {"id": "d1", "score": 0.9, "content": "Bees make honey.", "metadata": {"score": 0.9, "source": "book"}}
    ]


def test_a_chain_is_one_tree_without_its_plumbing(spans: Spans) -> None:
    def shout(said: str) -> str:
        return said.upper()

    chain = (
        {"context": Library(), "question": RunnableLambda(lambda asked: asked)}
        | ChatPromptTemplate.from_template("{context} {question}")
        | Local()
        | StrOutputParser()
        | shout
    )
    assert chain.invoke("Who makes honey?") == "BY BEES."
    assert tree(spans) == ["invoke_workflow RunnableSequence", "  retrieval Library", "  chat local-1", "  shout"]
    workflow = spans.named("invoke_workflow RunnableSequence")
    assert (text(workflow, "input"), text(workflow)) == ("Who makes honey?", "BY BEES.")
    assert attributes(spans.named("shout"))["genba.output"] == '"BY BEES."'


@pytest.mark.parametrize("asynchronous", [False, True])
def test_branches_that_run_at_once_hang_on_their_chain(spans: Spans, asynchronous: bool) -> None:
    prompt = ChatPromptTemplate.from_template("{x}")
    both = RunnableParallel(a=prompt | Local(model="a"), b=prompt | Local(model="b"))
    asyncio.run(both.ainvoke({"x": "?"})) if asynchronous else both.invoke({"x": "?"})
    root = next(span for span in spans.all() if span.parent is None)
    assert sorted(line.strip() for line in tree(spans)[1:]) == ["chat a", "chat b"]
    assert all(is_child(span, root) for span in spans.models())


def test_each_of_a_batch_is_a_tree_of_its_own(spans: Spans) -> None:
    chain = ChatPromptTemplate.from_template("{q}") | Local()
    with spans.app.start_as_current_span("caller"):
        asyncio.run(chain.abatch([{"q": str(number)} for number in range(5)]))
        chain.batch([{"q": str(number)} for number in range(5)])
    assert tree(spans) == ["caller", *["  invoke_workflow RunnableSequence", "    chat local-1"] * 10]
    assert sorted(text(span, "input") for span in spans.models()) == sorted([*"01234", *"01234"])


def test_several_prompts_at_once_are_a_call_each(spans: Spans) -> None:
    Local().generate([[HumanMessage("one")], [HumanMessage("two")]])
    assert [text(span, "input") for span in spans.models()] == ["one", "two"]
    assert tree(spans) == ["chat local-1", "chat local-1"]


def test_a_batch_that_fails_leaves_no_call_open(spans: Spans) -> None:
    with pytest.raises(RuntimeError):
        Local(error=RuntimeError("overheated")).generate([[HumanMessage("one")], [HumanMessage("two")]])
    Local().invoke("three")
    assert [outcome(span) for span in spans.all()] == ["failed", "cancelled", "completed"]
    assert [span.parent for span in spans.all()] == [None] * 3


def test_a_completion_model_is_one_too(spans: Spans) -> None:
    FakeListLLM(responses=["By bees."]).invoke("Who makes honey?")
    span = spans.only()
    assert attributes(span)["gen_ai.operation.name"] == "text_completion"
    assert (text(span, "input"), text(span)) == ("Who makes honey?", "By bees.")


def test_a_name_that_the_host_gave_is_kept(spans: Spans) -> None:
    inner = (ChatPromptTemplate.from_template("{q}") | Local()).with_config(run_name="summarise")
    (RunnableLambda(lambda x: x) | inner).with_config(run_name="report").invoke({"q": "?"})
    assert tree(spans) == ["invoke_workflow report", "  summarise", "    chat local-1"]


def test_the_conversation_is_told_on_every_span(spans: Spans) -> None:
    (RunnableLambda(lambda x: x) | Local()).invoke("hi", {"metadata": {"thread_id": "t-81"}})
    assert {attributes(span)["gen_ai.conversation.id"] for span in spans.all()} == {"t-81"}


@pytest.mark.parametrize("doing", [copy.copy, copy.deepcopy, lambda handler: pickle.loads(pickle.dumps(handler))])
def test_a_copy_of_the_handler_is_the_handler(spans: Spans, doing: Any) -> None:
    [handler] = CallbackManager.configure().handlers
    assert doing(handler) is handler is ours.handler()


def test_a_handler_that_the_host_has_besides_is_told_as_before(spans: Spans) -> None:
    from langchain_core.callbacks import BaseCallbackHandler

    heard: list[str] = []

    class Own(BaseCallbackHandler):
        def on_llm_end(self, response: Any, **more: Any) -> None:
            heard.append(response.generations[0][0].text)

    Local().invoke("hi", {"callbacks": [Own()]})
    assert heard == ["By bees."]
    assert len(spans.all()) == 1


def test_after_uninstrument_no_manager_has_the_handler(spans: Spans) -> None:
    import genba

    assert CallbackManager.configure().handlers == [ours.handler()]
    genba.uninstrument()
    assert CallbackManager.configure().handlers == []
    Local().invoke("hi")
    assert spans.all() == []


def test_langsmiths_own_spans_are_warned_of(
    start_tracing: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("LANGSMITH_TRACING", "true")
    monkeypatch.setenv("LANGSMITH_OTEL_ENABLED", "true")
    start_tracing()
    assert [record for record in caplog.records if record.name == "genba" and "twice" in record.getMessage()]


def test_without_content_only_numbers_are_kept(start_tracing: Any) -> None:
    spans = start_tracing(capture_content="none")
    (ChatPromptTemplate.from_template("{q}") | Local()).invoke({"q": "a secret"})
    weather.invoke({"city": "a secret"})
    assert "secret" not in " ".join(span.to_json() for span in spans.all())
    assert "By bees" not in " ".join(span.to_json() for span in spans.all())
    [model] = spans.models()
    assert attributes(model)["gen_ai.usage.input_tokens"] == 30


def test_the_example_runs(server: Server, tmp_path: Path) -> None:
    pytest.importorskip("langchain_openai", reason="its OpenAI integration is not installed")
    server.serve(openai_wire.chat_handler)
    ran = run_example("langchain_chain", tmp_path, OPENAI_API_KEY="key", OPENAI_BASE_URL=f"{server.url}/v1")
    assert (ran.err, ran.out) == ("", f"{TEXT}\n")
    assert names(tmp_path) == ["chat gpt-5-mini", "invoke_workflow RunnableSequence"]
