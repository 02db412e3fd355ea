"""A tokenizer that takes long to be read costs the call its tokens at the end of the process, and never its span."""

from __future__ import annotations

from pathlib import Path

import pytest

import genba
from genba.tokens import identity, local, patience, vocabularies
from genba.tokens.merging import ByRanks
from support import openai_wire as wire
from support.stored import names
from support.vocabularies import trained
from support.wire import Server, json_answer

pytest.importorskip("tokenizers", reason="tokenizers is not installed")


def test_what_is_being_read_stops_when_there_is_no_time_left() -> None:
    ranks, _ = trained(1)
    patience.end()
    try:
        with pytest.raises(patience.OutOfTimeError, match="the process ended before it was read"):
            assert ByRanks(ranks).pairs
    finally:
        patience.begin()
    assert ByRanks(ranks).pairs


def test_a_process_that_ends_while_a_tokenizer_is_read_has_its_span_on_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, server: Server
) -> None:
    openai = pytest.importorskip("openai", reason="openai is not installed")
    monkeypatch.chdir(tmp_path)

    def endless(_word: str) -> None:
        while True:
            patience.check()

    monkeypatch.setattr(local, "find", endless)
    server.serve(json_answer(wire.chat("abc", usage=None)))
    genba.init(tokens="pieces", tokenizers={"*": "slow.gguf"})
    with openai.OpenAI(base_url=f"{server.url}/v1", api_key="x", max_retries=0) as client:
        client.chat.completions.create(model="m", messages=wire.MESSAGES)
    assert genba.shutdown(timeout=1.0).complete
    assert names(tmp_path) == ["chat m"]


@pytest.mark.parametrize("name", ["cl100k_base", "o200k_base", "llama3", "qwen3"])
def test_the_merges_that_are_known_by_heart_are_those_that_would_be_found(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    quicktok = pytest.importorskip("quicktok", reason="quicktok-v1 is not installed")
    contents = vocabularies.read(quicktok.get_encoding(name))
    assert contents is not None
    by_heart = identity.made_of(contents).part("merges")
    assert identity._vocabulary(contents).digest in identity._KNOWN
    monkeypatch.setattr(identity, "_KNOWN", {})
    assert identity.made_of(contents).part("merges") == by_heart
