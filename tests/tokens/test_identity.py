from __future__ import annotations

import gc
import json
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genba.tokens import identity, merging, splitting, tokenizer_json, vocabulary_files
from genba.tokens.gguf import GGUFError
from support.vocabularies import BYTES, description, differing, gguf, spelled, trained


def described(ranks: Mapping[bytes, int], pairs: list[tuple[bytes, bytes]], **changes: Any) -> identity.Identity:
    return identity.made_of(tokenizer_json.parsed(description(ranks, pairs, **changes), None, "tokenizer.json", None))


def joined(text: bytes, rank: Any) -> list[bytes]:
    """BPE as it is defined: the pair of lowest rank, leftmost first, until none is left."""
    parts = [text[at : at + 1] for at in range(len(text))]
    while True:
        ranks = [rank(left, right) for left, right in pairwise(parts)]
        best = min(ranks, default=None)
        if best is None or best == float("inf"):
            return parts
        at = ranks.index(best)
        parts[at : at + 2] = [parts[at] + parts[at + 1]]


tokens = st.binary(min_size=2, max_size=6).map(lambda raw: bytes(b"ab c"[byte % 3] for byte in raw))


@settings(deadline=None)
@given(st.lists(tokens, unique=True, max_size=30), st.lists(st.sampled_from(b"ab "), max_size=40).map(bytes))
def test_the_canonical_merges_join_every_text_as_the_ranks_do(ranked: list[bytes], text: bytes) -> None:
    # The ranks are in no order of training: what holds here holds for every vocabulary.
    ranks = {token: at for at, token in enumerate([*BYTES, *ranked])}
    order = {pair: at for at, pair in enumerate(merging.ByRanks(ranks).pairs)}

    by_ranks = joined(text, lambda left, right: ranks.get(left + right, float("inf")))
    by_merges = joined(text, lambda left, right: order.get((left, right), float("inf")))

    assert by_merges == by_ranks


@settings(deadline=None)
@given(st.lists(st.tuples(tokens, tokens), unique=True, max_size=20), st.lists(st.sampled_from(b"ab "), max_size=40).map(bytes))
def test_merges_that_never_meet_are_left_out_and_no_text_notices(listed: list[tuple[bytes, bytes]], text: bytes) -> None:
    listed = [(left[:1], right[: 1 + at % 3]) for at, (left, right) in enumerate(listed)] + [(b"a", b"b"), (b"b", b" ")]
    listed = list(dict.fromkeys(listed))
    order = {pair: at for at, pair in enumerate(listed)}
    kept = {pair: at for at, pair in enumerate(merging.from_merges(listed, ()).pairs)}

    assert joined(text, lambda *pair: kept.get(pair, float("inf"))) == joined(text, lambda *pair: order.get(pair, float("inf")))
    assert len({left + right for left, right in kept}) == len(kept), "a token comes about in one way only"


@given(st.integers(0, 10_000))
def test_merges_and_ranks_of_one_vocabulary_have_one_canonical_form(seed: int) -> None:
    ranks, pairs = trained(seed, 20)
    every_split = [
        (token[:at], token[at:])
        for token in sorted(ranks, key=lambda token: ranks[token])
        for at in range(1, len(token))
        if token[:at] in ranks and token[at:] in ranks
    ]

    assert merging.ByRanks(ranks).pairs == merging.from_merges(every_split, ranks).pairs
    assert merging.ByRanks(ranks).pairs == merging.from_merges(pairs, ranks).pairs == pairs


@given(st.integers(0, 1_000), st.data())
def test_one_changed_merge_changes_the_fingerprint_and_no_other_part(seed: int, data: st.DataObject) -> None:
    ranks, pairs = trained(seed, 12)
    order = {pair: at for at, pair in enumerate(pairs)}
    gone = data.draw(st.sampled_from(merging.from_merges(pairs, ranks).pairs))
    fewer = [pair for pair in pairs if order[pair] != order[gone]]

    assert differing(described(ranks, pairs), described(ranks, fewer)) == {"merges"}
    assert described(ranks, pairs).fingerprint != described(ranks, fewer).fingerprint


def test_each_part_changes_its_own_hash_and_the_fingerprint() -> None:
    ranks, pairs = trained(1)
    base = described(ranks, pairs)
    told = description(ranks, pairs)
    other_id = [{**told["added_tokens"][0], "id": 999}]
    more = [*told["added_tokens"], {**told["added_tokens"][0], "id": 998, "content": "<|more|>"}]
    strips = [{**told["added_tokens"][0], "lstrip": True}]
    template = {
        "type": "TemplateProcessing",
        "single": [{"SpecialToken": {"id": "<|end|>", "type_id": 0}}, {"Sequence": {"id": "A"}}],
    }
    template["special_tokens"] = {"<|end|>": {"id": "<|end|>", "ids": [len(ranks)], "tokens": ["<|end|>"]}}

    for changes, part in (
        ({"added_tokens": other_id}, "added_tokens"),
        ({"added_tokens": more}, "added_tokens"),
        ({"added_tokens": strips}, "added_tokens"),
        ({"normalizer": {"type": "NFC"}}, "normalizer"),
        ({"pre_tokenizer": {**told["pre_tokenizer"], "add_prefix_space": True}}, "pre_tokenizer"),
        ({"pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": False, "use_regex": False}}, "pre_tokenizer"),
        ({"post_processor": template}, "put_around"),
    ):
        changed = described(ranks, pairs, **changes)
        assert differing(base, changed) == {part}
        assert changed.fingerprint != base.fingerprint

    with_template = identity.made_of(tokenizer_json.parsed(told, None, "x", None, "{{ messages }}"))
    other_template = identity.made_of(tokenizer_json.parsed(told, None, "x", None, "{{ messages }} "))
    assert differing(base, with_template) == differing(with_template, other_template) == {"chat_template"}


def test_what_makes_no_difference_changes_nothing() -> None:
    ranks, pairs = trained(2)
    told = description(ranks, pairs)
    base = described(ranks, pairs)
    split = {"type": "Split", "pattern": {"Regex": splitting.GPT2}, "behavior": "Isolated", "invert": False}
    bytes_alone = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": False}

    for changes in (
        {"pre_tokenizer": {"type": "Sequence", "pretokenizers": [split, bytes_alone]}},
        {"normalizer": {"type": "Sequence", "normalizers": []}},
        {"post_processor": {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": False, "use_regex": True}},
        {"model": {**told["model"], "merges": [" ".join(pair) for pair in told["model"]["merges"]]}},
        {"model": {**told["model"], "unk_token": "?", "fuse_unk": True}},
        {"model": {**told["model"], "vocab": {**told["model"]["vocab"], "<|end|>": len(ranks)}}},
    ):
        assert differing(base, described(ranks, pairs, **changes)) == set()


def test_expressions_said_to_be_alike_split_alike() -> None:
    regex = pytest.importorskip("regex", reason="regex is not installed")
    alphabet = "aZéß日\u0301 \t\r\n\u3000'sTlLdDrReEvVmM12½Ⅷ٣!?/-_\U0001f600ǅʰ"

    def pieces(pattern: str, text: str) -> list[str]:
        found, at = [], 0
        for match in regex.finditer(pattern, text):
            found += [text[at : match.start()]] * (match.start() > at) + [match.group()]
            at = match.end()
        return found + [text[at:]] * (at < len(text))

    @settings(max_examples=300, deadline=None)
    @given(st.text(st.sampled_from(alphabet), max_size=20))
    def alike(text: str) -> None:
        for written, canonical in splitting.ALIKE.items():
            assert pieces(written, text) == pieces(canonical, text), written
            assert "".join(pieces(canonical, text)) == text
        for written, canonical in splitting.NEARLY_ALIKE.items():
            # They part after the last line break of white space that ends the text: nowhere else.
            end = len(text) - len(text.rstrip())
            cut = max(text.rfind("\n"), text.rfind("\r")) + 1
            apart = "".join(pieces(written, text)[:-1]), "".join(pieces(canonical, text)[:-1])
            assert pieces(written, text) == pieces(canonical, text) or (end and cut and apart[1] == text[:cut]), written

    alike()


def test_expressions_nearly_alike_are_told_apart_where_a_token_goes_on_after_a_line_break() -> None:
    [written] = [written for written, canonical in splitting.NEARLY_ALIKE.items() if canonical == splitting.CL100K]

    assert splitting.by_pattern(written, [b" a", b" \n\n"]) == splitting.by_pattern(splitting.CL100K, ())
    assert splitting.by_pattern(written, [b" a", b"\n\t"]) != splitting.by_pattern(splitting.CL100K, ())


def test_a_rank_file_keeps_unknown_what_it_does_not_say(tmp_path: Path) -> None:
    import base64

    ranks, pairs = trained(3)
    path = tmp_path / "small.tiktoken"
    path.write_bytes(b"".join(base64.b64encode(token) + b" %d\n" % rank for token, rank in ranks.items()))

    found = identity.of_file(path)

    assert found.part("vocabulary").digest == described(ranks, pairs).part("vocabulary").digest
    assert not found.is_whole
    assert found.fingerprint.endswith("?")
    assert {part.name for part in found.parts if part.short == "unknown"} == {
        "normalizer",
        "pre_tokenizer",
        "added_tokens",
        "put_around",
    }
    assert all(part.why for part in found.parts if part.digest is None)


def test_a_gguf_file_and_a_tokenizer_json_of_one_vocabulary_are_equal(tmp_path: Path) -> None:
    ranks, pairs = trained(4)
    keys = {
        "general.name": "small",
        "tokenizer.ggml.model": "gpt2",
        "tokenizer.ggml.pre": "gpt-2",
        "tokenizer.ggml.tokens": [*map(spelled, ranks), "<|end|>"],
        "tokenizer.ggml.token_type": [1] * len(ranks) + [3],
        "tokenizer.ggml.merges": [f"{spelled(left)} {spelled(right)}" for left, right in pairs],
        "tokenizer.ggml.add_bos_token": False,
    }
    path = tmp_path / "small.gguf"
    path.write_bytes(gguf(keys))
    told = description(ranks, pairs)
    told["model"]["ignore_merges"] = False

    found = identity.of_file(path)

    expected = identity.made_of(tokenizer_json.parsed(told, None, "x", None))
    assert differing(found, expected) == set()
    assert found.fingerprint == expected.fingerprint
    assert found.name == "small"

    path.write_bytes(gguf({**keys, "tokenizer.chat_template": "{{ messages }}"}))
    assert differing(identity.of_file(path), expected) == {"chat_template"}
    path.write_bytes(gguf({**keys, "tokenizer.ggml.pre": "of-tomorrow"}))
    assert identity.of_file(path).part("pre_tokenizer").short == "unknown"


@given(st.binary(max_size=60), st.integers(0, 10_000))
def test_a_damaged_file_is_said_to_be_one(tmp_path_factory: pytest.TempPathFactory, noise: bytes, cut: int) -> None:
    path = tmp_path_factory.getbasetemp() / "damaged"
    whole = gguf({"tokenizer.ggml.model": "gpt2", "tokenizer.ggml.tokens": ["a", "b"]})
    for content in (noise, b"GGUF" + noise, b"{" + noise, whole[: cut % len(whole)]):
        path.write_bytes(content)
        with pytest.raises((vocabulary_files.FileError, GGUFError)):
            identity.of_file(path)


def test_a_folder_brings_its_chat_template(tmp_path: Path) -> None:
    ranks, pairs = trained(5)
    (tmp_path / "tokenizer.json").write_text(json.dumps(description(ranks, pairs)))
    without = identity.of_file(tmp_path)
    (tmp_path / "tokenizer_config.json").write_text(json.dumps({"chat_template": "{{ messages }}"}))
    inside = identity.of_file(tmp_path)
    (tmp_path / "tokenizer_config.json").unlink()
    (tmp_path / "chat_template.jinja").write_text("{{ messages }}")

    assert without.fingerprint == identity.of_file(tmp_path / "tokenizer.json").fingerprint
    assert differing(without, inside) == {"chat_template"}
    assert identity.of_file(tmp_path).fingerprint == inside.fingerprint


def test_what_is_no_tokenizer_is_refused() -> None:
    with pytest.raises(identity.UnknownTokenizerError, match=r"builtins\.object is no tokenizer"):
        identity.of(object())


def test_an_identity_is_kept_as_long_as_its_tokenizer(monkeypatch: pytest.MonkeyPatch) -> None:
    tiktoken = pytest.importorskip("tiktoken", reason="tiktoken is not installed")
    ranks, _ = trained(6)
    encoding = tiktoken.Encoding("small", pat_str=splitting.GPT2, mergeable_ranks=ranks, special_tokens={})
    before = len(identity._found)

    assert identity.known(encoding) is None
    found = identity.of(encoding)
    assert identity.of(encoding) is found is identity.known(encoding)

    del encoding
    gc.collect()
    assert len(identity._found) == before
