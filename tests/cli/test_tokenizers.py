from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("click", reason="the commands need genba[cli]")
from genba.cli.commands import run_command_line
from support.vocabularies import description, trained

pytestmark = pytest.mark.filterwarnings("ignore:open_binary is deprecated:DeprecationWarning")  # bpe-openai reads its data so


@pytest.fixture
def file(tmp_path: Path) -> Any:
    def write(name: str, **changes: Any) -> str:
        path = tmp_path / f"{name}.json"
        path.write_text(json.dumps(description(*trained(1), **changes)))
        return str(path)

    return write


def test_a_fingerprint_is_shown_part_by_part(file, capsys) -> None:
    assert run_command_line(["tokenizer", "fingerprint", file("small")]) == 0
    shown = capsys.readouterr().out
    assert run_command_line(["tokenizer", "fingerprint", file("small"), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)

    assert shown.startswith(told["fingerprint"])
    assert all(f"{name} " in shown for name in told["parts"])
    assert told["parts"]["merges"]["digest"][:16] in shown
    assert told["is_whole"]


def test_equal_tokenizers_are_equal_and_nothing_else_is(file, capsys) -> None:
    assert run_command_line(["tokenizer", "diff", file("one"), file("two")]) == 0
    assert "differs" not in capsys.readouterr().out

    added = description(*trained(1))["added_tokens"]
    planted = file("planted", added_tokens=[*added, {**added[0], "id": 297, "content": "<|planted|>"}])
    assert run_command_line(["tokenizer", "diff", file("one"), planted]) == 1
    shown = capsys.readouterr().out
    assert "added_tokens  differs\n  only in B: 1, such as '<|planted|>'" in shown
    assert shown.count("differs") == 1


def test_a_special_token_in_the_text_counts_in_every_library(file, capsys) -> None:
    for library in ("quicktok", "bpe_openai"):
        pytest.importorskip(library, reason=f"{library} is not installed")

    said = ["tokenizer", "diff", "quicktok:cl100k_base", "bpe-openai:cl100k_base", "--text", "a<|endoftext|>", "--json"]
    assert run_command_line(said) == 0

    told = json.loads(capsys.readouterr().out)
    assert told["a"]["fingerprint"] == told["b"]["fingerprint"]
    assert told["texts"][0]["lengths"] == [2, 2]


def test_it_is_shown_where_the_ids_part_ways(file, capsys) -> None:
    pytest.importorskip("tokenizers", reason="tokenizers is not installed")
    split = {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True}

    assert run_command_line(["tokenizer", "diff", file("one"), file("two", pre_tokenizer=split), "--text", "xyz", "--json"]) == 1

    told = json.loads(capsys.readouterr().out)
    assert told["parts"]["pre_tokenizer"]["verdict"] == "differs"
    [text] = told["texts"]
    assert text["part_at"] == 0
    assert text["lengths"] == [3, 4]
    assert text["a"][0]["bytes"] == [ord("x")]
    assert text["b"][0]["bytes"] == [ord(" ")]


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ("nothing-of-that-name", "is no file, and no encoding of a library"),
        ("org/model", "no model of that name with a tokenizer.json"),
        ("quicktok:nothing", "quicktok"),
    ],
)
def test_a_name_that_leads_nowhere_is_explained(said, why, capsys, tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    assert run_command_line(["tokenizer", "fingerprint", said]) == 1
    assert why in capsys.readouterr().err


def test_a_file_that_is_no_tokenizer_is_explained(tmp_path, capsys) -> None:
    path = tmp_path / "notes.json"
    path.write_text('{"model": "gpt"}')
    assert run_command_line(["tokenizer", "fingerprint", str(path)]) == 1
    assert "holds no tokenizer that is known here" in capsys.readouterr().err
