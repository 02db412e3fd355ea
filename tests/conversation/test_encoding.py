"""Every value has a JSON form, within bounds, whatever it is: the encoder never raises and never runs away."""

from __future__ import annotations

import dataclasses
import datetime as dt
import decimal
import enum
import hashlib
import json
import math
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from genba.conversation.encoding import (
    MAX_BYTES,
    MAX_DEPTH,
    MAX_ITEMS,
    MAX_TEXT,
    Shortened,
    decode,
    encode,
    plain,
    readable,
    shorten,
)
from support.hostile import NAMED, Endless, Hostile, cyclic_list, deep, deep_mapping, values
from support.programs import SOURCE, TESTS

HUGE = 10**5000
HARMLESS = {name: make for name, make in NAMED.items() if name != "wide structure"}

json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(), inner, max_size=5),
    max_leaves=20,
)


@given(values)
@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
def test_every_value_has_valid_json(value: Any) -> None:
    encoded = encode(value)
    json.loads(encoded)
    assert len(encoded) <= MAX_BYTES
    encoded.decode("utf-8")


def test_what_clients_take_for_json_is_read_and_nothing_else() -> None:
    assert decode(b'{"a": "\\ud83d", "b": [NaN, -Infinity]}')["a"] == "\ud83d"
    for no_json in (b"", b"{", b"\xff\xfb\x90d", b"[" * 100_000, b"ab"):
        with pytest.raises(ValueError):  # noqa: PT011  # orjson's own
            decode(no_json)


@given(json_values)
def test_what_is_json_already_comes_back_the_same(value: Any) -> None:
    assert decode(encode(value)) == value


@given(values)
@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
def test_the_careful_way_gives_json_values_only(value: Any) -> None:
    json.loads(json.dumps(plain(value), allow_nan=False).encode())


@pytest.mark.parametrize("name", list(HARMLESS))
def test_no_value_is_too_strange(name: str) -> None:
    json.loads(encode(HARMLESS[name]()))


@pytest.mark.parametrize("name", list(HARMLESS))
def test_a_strange_value_does_not_cost_its_neighbours(name: str) -> None:
    said = decode(encode({"before": 1, "strange": HARMLESS[name](), "after": "two"}))
    assert (said["before"], said["after"]) == (1, "two")


def test_a_cycle_is_named() -> None:
    assert decode(encode(cyclic_list())) == [1, "<cycle>"]


def test_the_same_value_twice_is_no_cycle() -> None:
    shared = [2**70]
    assert decode(encode([shared, shared])) == [[str(2**70)], [str(2**70)]]


@pytest.mark.parametrize("nested", [deep(10_000), deep_mapping(10_000)], ids=["lists", "mappings"])
def test_depth_is_bounded(nested: Any) -> None:
    encoded = encode(nested)
    assert encoded.count(b"[") + encoded.count(b"{") == MAX_DEPTH
    assert b"<nested too deep>" in encoded


def test_lone_surrogates_become_escapes() -> None:
    assert decode(encode({"\ud800": "a\udfffb"})) == {"\\ud800": "a\\udfffb"}
    assert readable("plain \ud800") == "plain \\ud800"


def test_numbers_that_json_lacks() -> None:
    assert decode(encode([math.nan, math.inf, -math.inf])) == [None, None, None]
    assert decode(encode([2**64 - 1, -(2**63)])) == [2**64 - 1, -(2**63)]
    assert decode(encode([2**70, -(2**70)])) == [str(2**70), str(-(2**70))]


def test_an_integer_that_python_itself_will_not_write_costs_only_itself() -> None:
    # Since 3.11 `str` of an integer of more than 4300 digits raises.
    assert decode(encode([1, HUGE, 2]))[::2] == [1, 2]
    json.loads(encode(HUGE))
    assert decode(encode({HUGE: 1, "b": 2}))["b"] == 2


def test_bytes_are_described_not_kept() -> None:
    assert decode(encode([b"\x00\xff", bytearray(3), memoryview(b"abcd")])) == ["<2 bytes>", "<3 bytes>", "<4 bytes>"]


def test_a_generator_is_not_consumed() -> None:
    numbers = (number for number in range(3))
    encode({"numbers": numbers})
    encode([2**70, numbers])  # the careful way
    assert list(numbers) == [0, 1, 2]


def test_an_iterator_is_not_advanced() -> None:
    endless = Endless()
    encode([endless, iter([1]), 2**70])
    assert endless.read == 0


def test_an_object_is_described_without_asking_it() -> None:
    assert decode(encode(Hostile())) == "<support.hostile.Hostile>"
    assert decode(encode([Hostile(), 2**70]))[0] == "<support.hostile.Hostile>"


@dataclasses.dataclass
class Point:
    x: int
    inner: Any = None


class Colour(enum.Enum):
    RED = "red"


class Level(enum.IntEnum):
    HIGH = 3


class Word(str):
    __slots__ = ()


class Pair(NamedTuple):
    left: int
    right: str


@pytest.mark.parametrize("careful", [False, True], ids=["fast", "careful"])
@pytest.mark.parametrize(
    ("value", "written"),
    [
        (Point(1, Point(2)), {"x": 1, "inner": {"x": 2, "inner": None}}),
        (Colour.RED, "red"),
        (Level.HIGH, 3),
        (Word("word"), "word"),
        ((1, (2,)), [1, [2]]),
        (frozenset({7}), [7]),
        (dt.datetime(2026, 1, 2, 3, 4, 5, tzinfo=dt.timezone.utc), "2026-01-02T03:04:05+00:00"),
        (dt.date(2026, 1, 2), "2026-01-02"),
        (uuid.UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        ({1: "a", None: "b"}, {"1": "a", "null": "b"}),
        (ValueError("no"), "ValueError: no"),
        (Point, "<{module}.Point>"),
        (Pair(1, "r"), [1, "r"]),
        (decimal.Decimal("1.50"), "1.50"),
        (Path("a") / "b", str(Path("a") / "b")),
    ],
    ids=lambda value: None if isinstance(value, (dict, list, str)) else str(type(value).__name__),
)
def test_common_values_have_the_same_form_on_the_fast_way_and_the_careful_one(value: Any, written: Any, *, careful: bool) -> None:
    expected = written.format(module=__name__) if isinstance(written, str) else written
    # What orjson refuses beside it makes the whole value take the careful way.
    assert decode(encode([value, 2**70] if careful else [value]))[0] == expected


def test_pydantic_models_are_written_by_their_fields() -> None:
    pydantic = pytest.importorskip("pydantic")
    city = pydantic.create_model("City", name=(str, ...), size=(int, 5))
    trip = pydantic.create_model("Trip", to=(city, ...))
    expected = {"to": {"name": "Bath", "size": 5}}
    value = trip(to=city(name="Bath"))
    assert decode(encode(value)) == expected
    assert decode(encode([value, 2**70]))[0] == expected


def test_numpy_arrays_are_lists_of_numbers() -> None:
    numpy = pytest.importorskip("numpy")
    assert decode(encode({"v": numpy.array([1.5, 2.5]), "n": numpy.int64(3)})) == {"v": [1.5, 2.5], "n": 3}
    assert decode(encode([numpy.array([[1, 2], [3, 4]]), 2**70]))[0] == [[1, 2], [3, 4]]
    json.loads(encode(numpy.array(["text"], dtype=object)))
    json.loads(encode(numpy.zeros((4, 4))[:, ::2]))


def test_a_long_text_loses_its_middle_and_says_so() -> None:
    text = "begin" + "x" * 100_000_000 + "end"
    encoded = encode({"text": text, "after": 1})
    said = decode(encoded)
    assert len(encoded) <= MAX_BYTES
    assert said["after"] == 1
    assert said["text"].startswith("begin")
    assert said["text"].endswith("end")
    assert str(len(text)) in said["text"]
    assert hashlib.sha256(text.encode()).hexdigest()[:16] in said["text"]


def test_what_was_shortened_is_told_with_its_place_length_and_hash() -> None:
    long = "ab" * 200
    cuts: list[Any] = []
    said = plain({"messages": [{"content": long}, {"content": "short"}]}, cuts, 100, "gen_ai.input")
    assert cuts == [Shortened("gen_ai.input.messages[0].content", 400, hashlib.sha256(long.encode()).hexdigest())]
    assert said["messages"][1] == {"content": "short"}
    assert len(said["messages"][0]["content"]) <= 100


@given(st.text(min_size=200, max_size=400), st.integers(120, 199))
def test_a_shortened_text_keeps_its_beginning_and_its_end(text: str, limit: int) -> None:
    short = shorten(text, limit)
    assert len(short) <= limit
    note = short.index(" …[")
    assert text.startswith(short[:note])
    assert text.endswith(short[short.index("]… ") + 3 :])


@given(st.text(min_size=200, max_size=400), st.integers(2, 119))
def test_where_there_is_no_room_for_a_note_the_limit_holds_all_the_same(text: str, limit: int) -> None:
    assert len(shorten(text, limit)) <= limit


@given(st.text(alphabet=st.characters(categories=["Cs", "Ll"]), min_size=200, max_size=300))
def test_a_text_with_surrogates_can_be_shortened(text: str) -> None:
    json.loads(json.dumps(plain(text, limit=100)))
    plain(text, limit=100).encode("utf-8")


def test_a_text_at_the_limit_is_kept_whole() -> None:
    text = "x" * MAX_TEXT
    cuts: list[Any] = []
    assert plain(text, cuts) == text
    assert cuts == []


def test_many_long_texts_stay_within_the_bytes_together() -> None:
    said = encode([{"content": "x" * MAX_TEXT} for _ in range(20)])
    assert len(said) <= MAX_BYTES
    assert len(decode(said)) == 20


class Counted(list[int]):
    """A list that counts how many of its items were looked at from Python."""

    looked_at = 0

    def __iter__(self) -> Iterator[int]:
        for item in list.__iter__(self):
            self.looked_at += 1
            yield item


def test_many_items_stay_within_the_bytes_and_are_not_walked_to_the_end() -> None:
    numbers = Counted(range(2_000_000))
    encoded = encode(numbers)
    assert len(encoded) <= MAX_BYTES
    json.loads(encoded)
    assert numbers.looked_at <= 2 * MAX_ITEMS


WIDE = """
import resource
resource.setrlimit(resource.RLIMIT_AS, (3 << 30, 3 << 30))
from genba.conversation.encoding import MAX_BYTES, encode
from support.hostile import wide
assert len(encode(wide())) <= MAX_BYTES
print("bounded")
"""


@pytest.mark.skipif(sys.platform == "win32", reason="memory limits are POSIX")
def test_a_small_structure_that_refers_to_itself_many_times_over_does_not_fill_the_memory() -> None:
    # In a process of its own with bounded memory: done wrongly, this ends whatever runs it.
    done = subprocess.run(
        [sys.executable, "-c", WIDE],
        env={"PYTHONPATH": f"{SOURCE}:{TESTS}"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stdout.strip() == "bounded", done.stderr[-500:]
