"""`genba tokens --diff`: where two calls part."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from inline_snapshot import snapshot

from cli.test_tokens import called
from genba.cli.commands import run_command_line
from genba.conversation.tokens import Tokens
from genba.store.rows import SpanRow

Stored = Callable[[Sequence[SpanRow]], None]
Compared = Callable[..., tuple[int, str]]

WORDS = [b"The", b" capital", b" of", b" France", b" is", b" the", b" city", b" of", b" Paris", b".", b"<|im_end|>"]
VOCABULARY: dict[bytes, int] = {}
LEFT, RIGHT = b"\xaa" * 8, b"\xbb" * 8


def said(*pieces: bytes, **more: Any) -> Tokens:
    ids = [VOCABULARY.setdefault(piece, len(VOCABULARY)) for piece in pieces]
    special = [at for at, piece in enumerate(pieces) if piece == b"<|im_end|>"]
    return Tokens(
        **{"side": "output", "source": "server", "ids": ids, "pieces": pieces, "special": special, "tokenizer": "5f1c", **more}
    )


def two(*records: Sequence[Tokens]) -> list[SpanRow]:
    return [called(*some, span_id=id) for some, id in zip(records, (LEFT, RIGHT), strict=True)]


@pytest.fixture
def compared(folder: Path, capsys: pytest.CaptureFixture[str]) -> Compared:
    """Compares the two calls: the exit code, and what is said below their names."""

    def compare(*words: str) -> tuple[int, str]:
        code = run_command_line(["tokens", LEFT.hex(), "--diff", RIGHT.hex(), *words])
        said = capsys.readouterr().out
        return code, said if "--json" in words else said.split("\n\n", 1)[1]

    return compare


def test_calls_that_said_the_same_are_the_same(stored: Stored, compared: Compared) -> None:
    stored(two([said(*WORDS)], [said(*WORDS)]))
    assert compared() == (
        0,
        "output\n  compared by ids: the same tokenizer, 5f1c\n  the same 11 tokens\n        … 11 tokens the same …\n",
    )


def test_what_was_replaced_inserted_and_left_out_is_shown_between_what_is_the_same(stored: Stored, compared: Compared) -> None:
    other = [*WORDS[:4], b"'s", b" state", *WORDS[4:6], *WORDS[7:9], b"!", WORDS[10]]
    logprobs = {"logprobs": [-0.5] * len(WORDS)}
    stored(two([said(*WORDS, **logprobs)], [said(*other, logprobs=[-0.75] * len(other))]))
    code, shown = compared()
    assert code == 1
    assert shown == snapshot("""\
output
  compared by ids: the same tokenizer, 5f1c
  first difference at token 4, after 4 tokens that are the same
  A 11 tokens, B 12 tokens; 3 places with other tokens (2 of A, 3 of B)
  distinct ids: 10 in A, 11 in B, 8 in both
  where they are the same, log-probabilities differ by at most 0.2500, at token 0 of A
=     0 The|·capital|·of|·France
+     4 's|·state
=     4 ·is|·the
-     6 ·city
=     7 ·of|·Paris
-     9 .
+    10 !
=    10 [[<|im_end|>]]
""")


def test_the_input_is_compared_too_where_that_is_asked_for(stored: Stored, compared: Compared) -> None:
    asked = said(b"Where", b"?", side="input")
    stored(two([asked, said(*WORDS)], [replace(asked, ids=[7, 8], pieces=[b"Why", b"?"]), said(*WORDS)]))
    assert compared()[0] == 0
    code, shown = compared("--input")
    assert code == 1
    assert "-     0 Where|?" in shown
    assert "+     0 Why|?" in shown


def test_tokens_of_different_tokenizers_are_compared_by_their_bytes(stored: Stored, compared: Compared) -> None:
    one = said(b"un", b"believ", b"able", b" news")
    stored(two([one], [said(b"unbe", b"liev", b"able", b" noise", tokenizer="abcd")]))
    code, shown = compared()
    assert code == 1
    assert shown == snapshot("""\
output
  compared by bytes: different tokenizers, 5f1c and abcd
  the first token differs
  A 4 tokens, B 4 tokens; 1 place with other tokens (1 of A, 1 of B); 1 place with the same bytes cut differently (2 of A, 2 of B)
~     0 un|believ
~     0 unbe|liev
=     2 able
-     3 ·news
+     3 ·noise
""")


def test_the_same_cut_with_other_ids_is_no_equality(stored: Stored, compared: Compared) -> None:
    stored(two([said(b"a", b"b")], [said(b"a", b"b", ids=[70, 71], tokenizer="abcd")]))
    code, shown = compared()
    assert code == 1
    assert "the same bytes, cut in the same places, but 2 have other ids" in shown


def test_one_id_for_two_pieces_shows_different_tokenizers(stored: Stored, compared: Compared) -> None:
    stored(two([said(b"a", b"b", ids=[1, 2], tokenizer=None)], [said(b"a", b"c", ids=[1, 2], tokenizer=None)]))
    code, shown = compared()
    assert code == 1
    assert "compared by bytes: different tokenizers: the same id stands for different pieces" in shown
    assert "- " in shown


def test_pieces_are_compared_where_ids_are_not_known_and_control_is_no_text(stored: Stored, compared: Compared) -> None:
    stored(two([said(*WORDS)], [said(*WORDS, ids=None, special=[], tokenizer=None)]))
    code, shown = compared()
    assert code == 1
    assert "compared by pieces: the ids are not known on both sides" in shown
    assert "-    10 [[<|im_end|>]]" in shown
    assert r"+    10 <\|im_end\|>" in shown


def test_what_cannot_be_compared_is_no_difference_and_no_equality(stored: Stored, compared: Compared) -> None:
    stored(two([said(b"a")], [said(b"a", ids=None, pieces=None, logprobs=[-1.0])]))
    code, shown = compared()
    assert code == 2
    assert "output cannot be compared: neither the ids nor the pieces are known on both sides." in shown
    assert compared("--input")[1].startswith("input cannot be compared. A: none are recorded: ")


def test_a_choice_that_only_one_has_is_named(stored: Stored, compared: Compared) -> None:
    stored(two([said(b"a"), said(b"b", index=1)], [said(b"a")]))
    code, shown = compared()
    assert code == 2
    assert "output 1 cannot be compared. B: there is no 1 among its records" in shown
    assert compared("--choice", "0")[0] == 0


def test_json_has_every_stretch_and_the_tokens_that_differ(stored: Stored, compared: Compared) -> None:
    stored(two([said(b"a", b"\xff", b"c")], [said(b"a", b"c")]))
    code, shown = compared("--json")
    assert code == 1
    whole = json.loads(shown)
    assert (whole["a"]["span_id"], whole["b"]["span_id"]) == (LEFT.hex(), RIGHT.hex())
    [one] = whole["compared"]
    assert one["same"] is False
    assert one["same_prefix"] == 1
    assert one["runs"] == [
        {"kind": "same", "a": [0, 1], "b": [0, 1]},
        {
            "kind": "changed",
            "a": [1, 2],
            "b": [1, 1],
            "a_tokens": [{"at": 1, "id": VOCABULARY[b"\xff"], "piece": {"hex": "ff"}}],
            "b_tokens": [],
        },
        {"kind": "same", "a": [2, 3], "b": [1, 2]},
    ]


def test_long_differences_are_shortened_and_very_many_cut_off(stored: Stored, compared: Compared) -> None:
    count = 200_000
    one = Tokens(side="output", source="server", ids=list(range(count)))
    stored(two([one], [replace(one, ids=[at if at % 1_000 else count + at for at in range(count)])]))
    code, shown = compared()
    assert code == 1
    assert "the first token differs" in shown
    assert "200 places with other tokens (200 of A, 200 of B)" in shown
    assert "more differences; --all shows them" in shown
    assert "more differences" not in compared("--all")[1]
    assert len(shown.splitlines()) < 200


def test_a_long_difference_is_shown_from_both_ends(stored: Stored, compared: Compared) -> None:
    one = Tokens(side="output", source="server", ids=list(range(50)))
    stored(two([one], [replace(one, ids=[100])]))
    assert compared("--limit", "2")[1].splitlines()[-4:] == [
        "-     0 ⟨#0⟩",
        "        … 48 tokens left out …",
        "-    49 ⟨#49⟩",
        "+     0 ⟨#100⟩",
    ]
