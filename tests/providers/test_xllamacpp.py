"""xllamacpp as it looks from outside: a stand-in of the same shape proves our reading. The library itself runs in tests/localmodel."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from types import ModuleType
from typing import Any

import pytest

import genba
from support.spans import Spans, attributes, messages, outcome, readable, text

pytestmark = pytest.mark.skipif(find_spec("xllamacpp") is not None, reason="the library itself is installed")

TIMINGS = {"cache_n": 1, "prompt_n": 2, "prompt_ms": 5.0, "predicted_n": 2, "predicted_ms": 8.0}
ASK: dict[str, Any] = {"messages": [{"role": "user", "content": "Who?"}], "max_tokens": 2}


def scored(text: str, id: int) -> dict[str, Any]:
    return {"id": id, "token": text, "bytes": list(text.encode()), "logprob": -0.5, "top_logprobs": []}


ENTRIES = [scored("Be", 5), scored("es", 6)]
ANSWER = {
    "choices": [{"index": 0, "finish_reason": "length", "message": {"content": "Bees"}, "logprobs": {"content": ENTRIES}}],
    "model": "small",
    "id": "chatcmpl-1",
    "usage": {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5},
    "timings": TIMINGS,
}
CHUNKS = [
    {"choices": [{"index": 0, "finish_reason": None, "delta": {"role": "assistant", "content": None}}], "model": "small"},
    {"choices": [{"index": 0, "finish_reason": None, "delta": {"content": "Be"}, "logprobs": {"content": ENTRIES[:1]}}]},
    {"choices": [{"index": 0, "finish_reason": None, "delta": {"content": "es"}, "logprobs": {"content": ENTRIES[1:]}}]},
    {"choices": [{"index": 0, "finish_reason": "length", "delta": {}}], "timings": TIMINGS},
]
FAILURE = {"error": {"code": 400, "message": "Too long.", "type": "exceed_context_size_error"}}


class Server:
    def __init__(self, answer: Any = ANSWER, chunks: Any = CHUNKS) -> None:
        self.answer, self.chunks = answer, chunks

    def handle_chat_completions(self, prompt: Any, callback: Any = None) -> Any:
        is_text = not isinstance(prompt, dict)
        asked = json.loads(prompt) if is_text else prompt
        if not asked.get("messages"):
            raise ValueError("Expected 'messages' to be an array")
        if callback is None:
            return self.answer
        for chunk in self.chunks if asked.get("stream") else [self.answer]:
            try:
                if callback(json.dumps(chunk) if is_text else chunk):
                    break
            except Exception:  # as the library does
                break
        return None

    def handle_completions(self, prompt: Any, callback: Any = None) -> Any:
        return {"choices": [{"index": 0, "text": "Bees", "finish_reason": "stop"}], "timings": TIMINGS}

    def handle_embeddings(self, prompt: Any) -> Any:
        return {"model": "small", "data": [{"embedding": [0.5] * 8}] * 2, "usage": {"prompt_tokens": 4, "total_tokens": 4}}

    def handle_rerank(self, prompt: Any) -> Any:
        return {"model": "small", "results": [{"index": 1, "relevance_score": 0.9}], "usage": {"prompt_tokens": 4}}


@pytest.fixture
def spans(start_tracing: Callable[..., Spans], monkeypatch: pytest.MonkeyPatch) -> Iterator[Spans]:
    inner, outer = ModuleType("xllamacpp.xllamacpp"), ModuleType("xllamacpp")
    names = [name for name in vars(Server) if name.startswith("handle_")]
    kind = type("Server", (Server,), {name: vars(Server)[name] for name in names})
    inner.Server = outer.Server = kind  # type: ignore[attr-defined]
    outer.__path__ = []
    monkeypatch.setitem(sys.modules, "xllamacpp", outer)
    monkeypatch.setitem(sys.modules, "xllamacpp.xllamacpp", inner)
    yield start_tracing(tokens="full")
    genba.uninstrument()


def server(*args: Any, **more: Any) -> Any:
    return sys.modules["xllamacpp"].Server(*args, **more)


def said(span: Any) -> Any:
    [tokens] = genba.tokens.decode(attributes(span)["genba.tokens.output"])
    return tokens


def test_a_chat_is_read_as_openai_s_and_its_tokens_are_the_engine_s_own(spans: Spans) -> None:
    assert server().handle_chat_completions({"model": "tiny", **ASK}) is ANSWER
    span = spans.only()
    told = attributes(span)
    assert (span.name, told["gen_ai.provider.name"], text(span, "input"), text(span)) == ("chat tiny", "llama_cpp", "Who?", "Bees")
    assert (told["gen_ai.usage.input_tokens"], told["gen_ai.usage.output_tokens"]) == (3, 2)
    assert (said(span).source, said(span).ids, said(span).pieces) == ("engine", [5, 6], [b"Be", b"es"])
    assert told["genba.timing.decode"] == pytest.approx(0.008)
    readable(span)


def test_a_model_without_an_alias_is_called_after_its_file(spans: Spans) -> None:
    server({**ANSWER, "model": "/opt/models/small.gguf"}).handle_chat_completions(ASK)
    assert attributes(spans.only())["gen_ai.response.model"] == "small.gguf", "not where it lies on this machine"


def test_a_stream_goes_to_the_host_s_function_as_it_comes(spans: Spans) -> None:
    heard: list[Any] = []
    assert server().handle_chat_completions({**ASK, "stream": True}, heard.append) is None
    span = spans.only()
    assert all(mine is theirs for mine, theirs in zip(heard, CHUNKS, strict=True))
    assert (outcome(span), text(span), attributes(span)["genba.chunks.count"]) == ("completed", "Bees", 4)
    assert (said(span).ids, said(span).chunks) == ([5, 6], [1, 2])
    assert attributes(span)["gen_ai.usage.output_tokens"] == 2, "counted in its timings"


@pytest.mark.parametrize("given", [{"callback": True}, {}], ids=["named", "in its place"])
def test_a_host_that_has_heard_enough_ends_the_stream(given: dict[str, Any], spans: Spans) -> None:
    heard: list[Any] = []

    def enough(chunk: Any) -> bool:
        heard.append(chunk)
        return len(heard) == 2

    asked = {**ASK, "stream": True}
    if given:
        server().handle_chat_completions(prompt=asked, callback=enough)
    else:
        server().handle_chat_completions(asked, enough)
    assert (len(heard), outcome(spans.only()), text(spans.only())) == (2, "cancelled", "Be")


def test_a_function_of_the_host_s_that_raises_ends_the_stream(spans: Spans) -> None:
    def broken(_: Any) -> None:
        raise ValueError("mine")

    server().handle_chat_completions({**ASK, "stream": True}, broken)
    assert outcome(spans.only()) == "cancelled"


def test_json_text_is_read_too(spans: Spans) -> None:
    heard: list[Any] = []
    server().handle_chat_completions(json.dumps(ASK), heard.append)
    server().handle_chat_completions(json.dumps({**ASK, "stream": True}).encode(), heard.append)
    assert [type(one) for one in heard] == [str] * 5
    assert [(text(span, "input"), text(span), outcome(span)) for span in spans.all()] == [("Who?", "Bees", "completed")] * 2


def test_an_answer_that_is_an_error_is_a_failure(spans: Spans) -> None:
    assert server(FAILURE).handle_chat_completions(ASK) is FAILURE
    server(FAILURE, [FAILURE]).handle_chat_completions({**ASK, "stream": True}, lambda _: None)
    assert [(outcome(span), attributes(span)["error.type"]) for span in spans.all()] == [
        ("failed", "exceed_context_size_error")
    ] * 2


def test_what_it_raises_is_the_host_s(spans: Spans) -> None:
    with pytest.raises(ValueError, match="to be an array"):
        server().handle_chat_completions({"messages": []})
    assert (outcome(spans.only()), attributes(spans.only())["error.type"]) == ("failed", "ValueError")


def test_completions_vectors_and_rankings_are_calls(spans: Spans) -> None:
    running = server()
    running.handle_completions({"prompt": [1, 2, 3]})
    assert len(running.handle_embeddings({"input": ["a", "b"]})["data"][1]["embedding"]) == 8
    running.handle_rerank({"query": "Who?", "documents": ["a", "b"]})
    completion, vectors, ranking = spans.all()
    assert (completion.name, text(completion)) == ("text_completion", "Bees")
    [prompt] = genba.tokens.decode(attributes(completion)["genba.tokens.input"], "input")
    assert prompt.ids == [1, 2, 3]
    assert (vectors.name, len(messages(vectors, "input"))) == ("embeddings", 2)
    assert attributes(vectors)["gen_ai.embeddings.dimension.count"] == 8
    assert ranking.name == "rerank"
