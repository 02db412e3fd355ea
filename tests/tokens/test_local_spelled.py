"""Special tokens that ordinary tokens spell are found wherever the text is cut, and control tokens are not taken for them."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from genba.conversation.tokens import Source, Tokens
from genba.tokens.spelled import spelled_special

SPECIAL = [b"<|im_end|>", b"<|im_start|>", b"</s>"]


def tokens(pieces: list[bytes | None], special: list[int] | None = None) -> Tokens:
    return Tokens(side="input", source=Source.SERVER, pieces=pieces, special=special)


@given(
    st.lists(st.sampled_from([*SPECIAL, b"abc ", "日".encode(), b"<|", b"<"]), max_size=8),
    st.lists(st.integers(1, 5), min_size=1),
    st.booleans(),
)
def test_every_spelling_is_found_however_the_text_is_cut(parts: list[bytes], cuts: list[int], with_texts: bool) -> None:
    text = b"".join(parts)
    pieces: list[bytes | None] = []
    at = 0
    while at < len(text):
        size = cuts[len(pieces) % len(cuts)]
        pieces.append(text[at : at + size])
        at += size

    found = spelled_special(tokens(pieces, []), SPECIAL if with_texts else None)

    of_byte = [number for number, piece in enumerate(pieces) for _ in piece or b""]
    expected = [
        (of_byte[at], of_byte[at + len(special) - 1] + 1)
        for at in range(len(text))
        for special in SPECIAL
        if text.startswith(special, at)
    ]
    assert found == expected


def test_a_control_token_is_no_spelling_and_parts_what_is_around_it() -> None:
    assert spelled_special(tokens([b"a", b"<|im_end|>", b"b"], [1]), None) == []
    assert spelled_special(tokens([b"<|im", b"</s>", b"_end|>"], [1]), None) == []
    assert spelled_special(tokens([b"<|im", None, b"_end|>"], []), None) == []


def test_a_single_token_counts_only_where_it_is_known_to_be_no_control() -> None:
    assert spelled_special(tokens([b"<|im_end|>"]), None) == []
    assert spelled_special(tokens([b"<|im_end|>"], []), None) == [(0, 1)]
    assert spelled_special(tokens([b"<|im", b"_end|>"]), None) == [(0, 2)]


def test_the_usual_looks_are_known() -> None:
    for text in (
        "[INST]",
        "[/INST]",
        "<<SYS>>",
        "<start_of_turn>",
        "<｜begin▁of▁sentence｜>",
        "<s>",
        "<pad>",
        "<fim_middle>",
        "[CLS]",
    ):
        raw = text.encode()
        assert spelled_special(tokens([b"x", raw[:2], raw[2:], b"y"], []), None) == [(1, 3)], text
    for text in ("a < b | c > d", "<b>bold</b>", "[1]", "<||>", "List<String>"):
        assert spelled_special(tokens([text.encode()], []), None) == [], text


def test_tokens_without_pieces_and_tokenizers_without_special_tokens_spell_nothing() -> None:
    assert spelled_special(Tokens(side="input", source=Source.SERVER, ids=[1]), None) == []
    assert spelled_special(tokens([b"</", b"s>"], []), []) == []


def test_two_hundred_thousand_tokens_are_gone_through_exactly() -> None:
    pieces: list[bytes | None] = [b"<", b"|", b"end", b"|", b"> ", b"<|", b"<|"] * 30_000

    assert len(spelled_special(tokens(pieces, []), None)) == 30_000
    assert len(spelled_special(tokens(pieces, []), [b"<|end|>"])) == 30_000
