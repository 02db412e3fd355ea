"""What is written on a span is what is read from it: token records, timelines, and the columns that they are made of."""

from __future__ import annotations

import json
import math
from array import array
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import genba.tokens
from genba.conversation.tokens import Alternative, Chunk, Source, Tokens
from genba.tokens import TokensError, columns, decode, decode_timeline, written

wide = st.integers(0, 2**64 - 1)
ids = st.integers(0, 2**31 - 1)
scores = st.none() | st.floats(allow_nan=False, max_value=0.0) | st.sampled_from([-math.inf, -9999.0, -0.31725305, 0.0])
alternatives = st.builds(Alternative, st.none() | ids, st.none() | st.binary(max_size=4), scores)


def lists(values: st.SearchStrategy[Any]) -> st.SearchStrategy[list[Any]]:
    """Short ones and ones that are packed."""
    return st.lists(values, max_size=12) | st.lists(values, min_size=65, max_size=90)


@st.composite
def records(draw: st.DrawFn) -> Tokens:
    count = draw(st.sampled_from([0, 1, 5, 64, 65, 80]))

    def column(values: st.SearchStrategy[Any]) -> Any:
        return draw(st.none() | st.lists(values, min_size=count, max_size=count))

    columns_of = {
        "ids": column(st.none() | ids),
        "pieces": column(st.none() | st.binary(max_size=6)),
        "logprobs": column(scores),
        "top": column(st.lists(alternatives, max_size=3)),
        "entropies": column(st.none() | st.floats(0, 20)),
    }
    if any(values is not None for values in columns_of.values()):
        columns_of["special"] = draw(st.none() | st.sets(st.integers(0, max(count - 1, 0)), max_size=count).map(sorted))
        columns_of["chunks"] = sorted(known) if (known := column(st.integers(0, 300))) is not None else None
    return Tokens(
        side=draw(st.sampled_from(["input", "output"])),
        index=draw(st.integers(0, 5)),
        source=draw(st.sampled_from([Source.ENGINE, Source.SERVER, Source.LOGPROBS, Source.APP, Source.LOCAL])),
        tokenizer=draw(st.none() | st.just("5f1c02aa93b1d0e7")),
        ids_source=draw(st.none() | st.just("counted:5f1c02aa93b1d0e7")),
        unknown=draw(st.dictionaries(st.sampled_from(["ids", "pieces"]), st.text(st.characters(codec="utf-8")), max_size=2)),
        **columns_of,
    )


@given(records())
def test_a_record_is_read_as_it_was_written(tokens: Tokens) -> None:
    assert decode(b"[" + written.write(tokens) + b"]", tokens.side) == [tokens]
    assert decode([json.loads(written.write(tokens))], tokens.side) == [tokens]


@given(lists(wide))
def test_integers_are_read_as_they_were_written(values: list[int]) -> None:
    assert columns.read_integers(json.loads(json.dumps(columns.integers(values)))) == values
    assert columns.read_rising(json.loads(json.dumps(columns.rising(sorted(values))))) == sorted(values)


@given(lists(scores))
def test_floats_are_read_to_the_last_bit(values: list[float | None]) -> None:
    assert columns.read_floats(json.loads(json.dumps(columns.floats(values)))) == values


@given(lists(st.binary(max_size=9)))
def test_pieces_are_read_byte_for_byte(values: list[bytes | None]) -> None:
    assert columns.read_pieces(json.loads(json.dumps(columns.pieces(values)))) == values


def test_floats_that_lose_nothing_in_half_the_space_take_half_the_space() -> None:
    exact = array("f", [-0.1 * n for n in range(100)]).tolist()
    assert set(columns.floats(exact)) == {"f4"}
    assert set(columns.floats([-0.1 * n for n in range(100)])) == {"f8"}
    assert set(columns.floats([*exact[:-1], -1e300])) == {"f8"}


def test_a_short_record_can_be_read_by_eye() -> None:
    tokens = Tokens(
        side="output",
        source=Source.SERVER,
        ids=[504, 7906],
        pieces=[b"The", b"\xe4\xb8"],
        logprobs=[-0.5, None],
        special=[],
        unknown={"top": "not asked for"},
    )
    assert json.loads(written.write(tokens)) == {
        "v": 1,
        "index": 0,
        "source": "server",
        "count": 2,
        "ids": [504, 7906],
        "pieces": ["The", {"hex": "e4b8"}],
        "logprobs": [-0.5, None],
        "special": [],
        "unknown": {"top": "not asked for"},
    }


def test_two_hundred_thousand_tokens_take_seven_bytes_each_or_less() -> None:
    tokens = Tokens(side="input", source=Source.ENGINE, ids=[n % 50_000 for n in range(200_000)], pieces=[b" abc"] * 200_000)
    whole = written.write(tokens)
    assert decode(whole, "input") == [tokens]
    assert len(whole) < 200_000 * 4 * (2 + 4 + 1) / 3 + 1000  # two bytes of id, four of piece, one of its length; in base64


def test_the_text_is_made_of_the_pieces_that_are_no_control() -> None:
    tokens = Tokens(side="output", source=Source.ENGINE, pieces=[b"<|s|>", b"\xf0\x9f", b"\x98\x80!", b"<|e|>"], special=[0, 3])
    assert tokens.text == "😀!".encode()
    assert tokens.positions == [(0, 0), (0, 2), (2, 5), (5, 5)]
    assert len(tokens) == 4
    unknown = Tokens(side="output", source=Source.LOGPROBS, pieces=[b"a", None])
    assert unknown.text is None
    assert unknown.positions is None
    assert len(Tokens(side="output", source=Source.SERVER)) == 0


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ("[[", "no token record"),
        ('{"a": 1}', "no token record"),
        ('[{"v": 2, "source": "server"}]', "version 2"),
        ('[{"v": 1, "source": "server", "ids": {"u9": "AA=="}}]', "damaged"),
        ('[{"v": 1, "source": "server", "ids": "AA"}]', "damaged"),
        ('[{"v": 1, "source": "server", "count": 2, "ids": [5, 6], "pieces": ["a"]}]', "2 tokens, but not as many pieces"),
        ('[{"v": 1, "source": "server", "pieces": {"lengths": [3], "bytes": "YQ=="}}]', "damaged"),
        ('[{"v": 1, "source": "server", "ids": {"u2": "AAA="}, "top": {"counts": [1], "logprobs": []}}]', "damaged"),
        ('[{"v": 1, "source": "server", "top": []}]', "damaged"),
        ('[{"v": 1, "source": "server", "pieces": [{"hax": "00"}]}]', "damaged"),
        ('[{"v": 1, "source": "server", "ids": {"u4": "not base64!"}}]', "damaged"),
    ],
)
def test_what_is_no_record_is_refused_with_the_reason(value: str, says: str) -> None:
    with pytest.raises(TokensError, match=says):
        decode(value)


arrivals = st.builds(
    Chunk,
    st.integers(0, 10**12),
    st.none() | st.integers(0, 10**6),
    st.none() | st.integers(0, 10**5),
    st.dictionaries(st.integers(0, 3), st.integers(0, 9), max_size=2),
)


@given(lists(arrivals), st.integers(0, 10**11))
def test_a_timeline_is_read_as_it_was_written(chunks: list[Chunk], started: int) -> None:
    timeline = decode_timeline(written.write_timeline(chunks, started))
    latest, offsets = 0, []
    for chunk in chunks:
        latest = max(latest, chunk.at_ns - started)
        offsets.append(latest)
    assert timeline.offsets_ns == offsets
    has = {name: any(getattr(chunk, name) is not None for chunk in chunks) for name in ("size", "characters")}
    assert timeline.sizes == ([chunk.size for chunk in chunks] if has["size"] else None)
    assert timeline.characters == ([chunk.characters for chunk in chunks] if has["characters"] else None)
    sums = [sum(chunk.tokens.values()) for chunk in chunks]
    assert timeline.tokens == (sums if any(sums) else None)


@pytest.mark.parametrize("value", ["{", "[]", '{"v": 1}', '{"v": 9, "offsets_ns": []}'])
def test_what_is_no_timeline_is_refused(value: str) -> None:
    with pytest.raises(TokensError, match="no timeline"):
        decode_timeline(value)


def test_a_damaged_timeline_is_refused() -> None:
    with pytest.raises(TokensError, match="damaged"):
        decode_timeline('{"v": 1, "offsets_ns": {"rising": 3}}')


def test_the_decoders_are_public() -> None:
    assert {"Tokens", "Alternative", "TokensError", "decode", "decode_timeline", "Timeline"} == set(genba.tokens.__all__)
