"""A tokenizer that was named for a model: found, loaded, and true to every byte of every text."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("tokenizers", reason="tokenizers is not installed")

from genba.tokens import identity
from genba.tokens.local import Tokenizer, Tokenizers
from genba.tokens.local.tokenizer import well_formed
from support.vocabularies import CHARACTERS, description, gguf, spelled, trained

pytestmark = pytest.mark.filterwarnings("ignore:open_binary is deprecated:DeprecationWarning")  # bpe-openai reads its data so

TEXTS = st.text(st.characters(blacklist_categories=())) | st.lists(
    st.sampled_from(["abc", " ", "<|end|>", "<|e", "👩‍👩‍👧", "e\u0301", "日本語", "\ud83d\ude00", "\udc00", "\x00", "\r\n", ""])
).map("".join)
"""Lone surrogates too, and the special token spelled out."""


def folder(path: Path, template: str | None = None, **changes: Any) -> Path:
    path.mkdir(exist_ok=True)
    (path / "tokenizer.json").write_text(json.dumps(description(*trained(1), **changes)))
    (path / "tokenizer_config.json").write_text(json.dumps({"chat_template": template, "eos_token": {"content": "<|end|>"}}))
    return path


def gguf_file(path: Path, **changes: Any) -> Path:
    ranks, pairs = trained(1)
    keys = {
        "tokenizer.ggml.model": "gpt2",
        "tokenizer.ggml.pre": "gpt-2",
        "tokenizer.ggml.tokens": [*map(spelled, ranks), "<|end|>"],
        "tokenizer.ggml.token_type": [1] * len(ranks) + [3],
        "tokenizer.ggml.merges": [f"{spelled(left)} {spelled(right)}" for left, right in pairs],
        "tokenizer.ggml.add_bos_token": False,
        "tokenizer.ggml.eos_token_id": len(ranks),
    }
    path.write_bytes(gguf({**keys, **changes}))
    return path


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Tokenizer:
    return opened(folder(tmp_path_factory.mktemp("small")))


@pytest.fixture(scope="module")
def of_gguf(tmp_path_factory: pytest.TempPathFactory) -> Tokenizer:
    return opened(gguf_file(tmp_path_factory.mktemp("gguf") / "small.gguf"))


def opened(path: Path | str) -> Tokenizer:
    found = Tokenizers({"m": str(path)}).of("m", None)
    assert isinstance(found, Tokenizer), found
    return found


@settings(deadline=None)
@given(text=TEXTS, special=st.booleans())
def test_the_pieces_of_every_text_join_to_its_bytes(small: Tokenizer, text: str, special: bool) -> None:
    pieces = [small.piece(id) for id in small.encode(text, special=special)]

    assert b"".join(piece or b"?" for piece in pieces) == well_formed(text).encode()


@given(text=TEXTS)
def test_only_a_surrogate_that_stands_alone_is_replaced(text: str) -> None:
    has_lone = any(
        "\ud800" <= character <= "\udfff" for character in text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    )

    assert not has_lone
    assert well_formed(text) == text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


@settings(deadline=None)
@given(text=TEXTS)
def test_a_special_token_that_a_text_spells_is_control_only_where_that_is_asked_for(small: Tokenizer, text: str) -> None:
    as_text, as_control = small.encode(text), small.encode(text, special=True)

    assert not set(as_text) & small.special
    assert sum(id in small.special for id in as_control) == well_formed(text).count("<|end|>")


@settings(deadline=None)
@given(text=TEXTS, special=st.booleans())
def test_a_gguf_file_cuts_as_the_tokenizer_json_of_the_same_vocabulary(
    small: Tokenizer, of_gguf: Tokenizer, text: str, special: bool
) -> None:
    assert of_gguf.encode(text, special=special) == small.encode(text, special=special)


def test_two_hundred_thousand_tokens_are_exact(small: Tokenizer) -> None:
    text = "abc日 <|end|> é1 " * 25_000

    ids = small.encode(text)

    assert len(ids) > 200_000
    assert b"".join(small.piece(id) or b"?" for id in ids) == text.encode()


def test_a_byte_that_the_vocabulary_lacks_is_left_out_and_nothing_joins_across_it(tmp_path: Path) -> None:
    ranks, pairs = trained(1)
    left, right = next((left, right) for left, right in pairs if len(left) == len(right) == 1 and left + right < b"\x7f")
    tokens = ["<|gone|>" if token == b"!" else spelled(token) for token in ranks]
    kinds = [5 if token == b"!" else 1 for token in ranks]
    changes = {
        "tokenizer.ggml.tokens": [*tokens, "<|end|>"],
        "tokenizer.ggml.token_type": [*kinds, 3],
    }
    found = opened(gguf_file(tmp_path / "lacks.gguf", **changes))

    assert found.encode((left + right).decode()) == [ranks[left + right]]
    assert found.encode((left + b"!" + right).decode()) == [ranks[left], ranks[right]]


def sentence_piece(path: Path, scores: dict[str, float]) -> Path:
    control = ["<unk>", "<s>", "</s>"]
    in_bytes = [f"<0x{byte:02X}>" for byte in range(256)]
    usual = list(scores)
    keys = {
        "tokenizer.ggml.model": "llama",
        "tokenizer.ggml.tokens": [*control, *in_bytes, *usual],
        "tokenizer.ggml.scores": [0.0] * (3 + 256) + list(scores.values()),
        "tokenizer.ggml.token_type": [2, 3, 3] + [6] * 256 + [1] * len(usual),
        "tokenizer.ggml.bos_token_id": 1,
        "tokenizer.ggml.eos_token_id": 2,
    }
    path.write_bytes(gguf(keys))
    return path


def test_a_sentencepiece_vocabulary_joins_by_its_scores_and_falls_back_to_bytes(tmp_path: Path) -> None:
    scores = {"▁": -100.0, "a": -101.0, "b": -102.0, "ab": -2.0, "▁a": -1.0, "▁ab": -3.0, "bb": -4.0}
    found = opened(sentence_piece(tmp_path / "spm.gguf", scores))

    assert [found.piece(id) for id in found.encode("ab bb abb日")] == [
        *(b" ab", b" ", b"bb", b" ab", b"b"),
        *(bytes([byte]) for byte in "日".encode()),
    ]
    assert found.encode("<s>", special=True) == [1]
    assert 1 not in found.encode("<s>")


def test_scores_that_leave_the_order_open_are_refused_with_the_reason(tmp_path: Path) -> None:
    scores = {"▁": -100.0, "a": -101.0, "b": -102.0, "ab": -2.0, "ba": -2.0}
    path = sentence_piece(tmp_path / "tied.gguf", scores)

    found = Tokenizers({"m": str(path)}).of("m", None)

    if isinstance(found, Tokenizer):
        pytest.skip("llama.cpp is installed, and cuts the text itself")
    assert "some of its tokens have the same score" in found
    assert "llama.cpp" in found


def test_runs_of_spaces_may_share_the_lowest_score_if_their_order_makes_no_difference(tmp_path: Path) -> None:
    def runs(*counts: int) -> Path:
        equal = {"▁" * count: -1e9 for count in counts}
        return sentence_piece(tmp_path / f"{counts}.gguf", {"▁": -1.0, "a": -2.0, "▁a": -0.5, **equal})

    found = opened(runs(2, 4, 8))
    refused = Tokenizers({"m": str(runs(2, 3, 4, 5, 6, 7, 8))}).of("m", None)

    assert [found.piece(id) for id in found.encode(" " * 19 + "a")] == [b" " * 8, b" " * 8, b"  ", b" ", b" a"]
    assert isinstance(refused, Tokenizer) or "some of its tokens have the same score" in refused


def test_a_name_comes_before_a_pattern_and_the_first_pattern_before_the_next(tmp_path: Path) -> None:
    one, two = folder(tmp_path / "one"), folder(tmp_path / "two", "{{ messages }}")
    named = Tokenizers({"smol*": str(one), "*": str(two), "smol-2": str(two)})

    assert named.is_named("anything")
    assert not named.is_named(None)
    assert named.of("smol-1", None) is Tokenizers({"x": str(one)}).of("x", None), "loaded once for the process"
    assert named.of("smol-2", None) is named.of("other", None) is not named.of("smol-1", None)


def test_what_cannot_be_used_says_why(tmp_path: Path) -> None:
    (tmp_path / "notes.json").write_text("{}")
    named = Tokenizers({"a": "no-such-encoding", "b": str(tmp_path / "notes.json"), "c": "nobody/nothing"})

    assert named.of("z", "anthropic") == "no tokenizer is known for z: name one with genba.init(tokenizers={'z': …})"
    for model, why in (("a", "is no file, and no encoding"), ("b", "holds no tokenizer"), ("c", "no model of that name")):
        found = named.of(model, None)
        assert isinstance(found, str)
        assert why in found
        assert f"named for {model}" in found


def test_the_ids_of_pieces_are_found_where_only_one_token_has_these_bytes(small: Tokenizer, tmp_path: Path) -> None:
    text = "abc abcab é日<|end|>"
    ids = small.encode(text, special=True)
    pieces = [small.piece(id) for id in ids]
    twice = sentence_piece(tmp_path / "twice.gguf", {"▁": -1.0, "\n": -2.0, "日": -3.0})

    who, found = Tokenizers({"m": str(folder(tmp_path / "same"))}).ids_of("m", None, pieces) or (None, [])
    ambiguous = opened(twice).ids_of([b"\n", "日".encode(), None, b"not in it"])

    assert found == ids
    assert who is not None
    assert who.fingerprint == small.identity.fingerprint
    assert ambiguous == [None, 261, None, None]
    assert Tokenizers({}).ids_of("m", "anthropic", pieces) is None


@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_one_merge_special_token_or_template_more_or_less_makes_another_fingerprint(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("changed")
    ranks, pairs = trained(1)
    told = description(ranks, pairs)
    base = identity.of_file(folder(path, "{{ messages }}")).fingerprint
    change = data.draw(st.sampled_from(["merge", "special", "template"]))

    if change == "merge":
        gone = data.draw(st.sampled_from(told["model"]["merges"]))
        model = {**told["model"], "merges": [pair for pair in told["model"]["merges"] if pair != gone]}
        changed = folder(path, "{{ messages }}", model=model)
    elif change == "special":
        name = data.draw(st.text(st.sampled_from("abcdef"), min_size=1, max_size=5))
        more = {**told["added_tokens"][0], "id": len(ranks) + 1, "content": f"<|{name}|>"}
        changed = folder(path, "{{ messages }}", added_tokens=[*told["added_tokens"], more])
    else:
        changed = folder(path, "{{ messages }}" + data.draw(st.text(min_size=1, max_size=3).filter(str.isprintable)))

    assert identity.of_file(changed).fingerprint != base
    assert identity.of_file(folder(path, "{{ messages }}")).fingerprint == base


def test_every_byte_has_its_character() -> None:
    assert sorted(CHARACTERS) == list(range(256))
