"""Values that programs really pass around and that break careless code: nothing here may ever reach the host as our error."""

from __future__ import annotations

import datetime as dt
import decimal
import enum
import math
import threading
import uuid
from collections import OrderedDict, UserDict, deque
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from hypothesis import strategies as st


class Hostile:
    """Raises whatever is asked of it, except to be itself."""

    def __repr__(self) -> str:
        raise RuntimeError("repr")

    __str__ = __repr__

    def __getattr__(self, name: str) -> Any:
        raise RuntimeError(f"getattr {name}")

    def __eq__(self, other: object) -> bool:
        raise RuntimeError("eq")

    def __bool__(self) -> bool:
        raise RuntimeError("bool")

    def __hash__(self) -> int:
        raise RuntimeError("hash")

    def __len__(self) -> int:
        raise RuntimeError("len")

    def __iter__(self) -> Any:
        raise RuntimeError("iter")

    def __getitem__(self, key: Any) -> Any:
        raise RuntimeError("getitem")

    def __format__(self, spec: str) -> str:
        raise RuntimeError("format")


class HostileClass(Hostile):
    """Lies about its own class, too."""

    @property  # type: ignore[misc]
    def __class__(self) -> Any:
        raise RuntimeError("class")


class HostileMapping(dict[str, Any]):
    def items(self) -> Any:
        raise RuntimeError("items")

    def __iter__(self) -> Any:
        raise RuntimeError("iter")

    def keys(self) -> Any:
        raise RuntimeError("keys")


class HostileText(str):  # noqa: SLOT000  # as a careless class is
    def __str__(self) -> str:
        raise RuntimeError("str")

    def encode(self, *args: Any, **kwargs: Any) -> bytes:
        raise RuntimeError("encode")


class HostileInt(int):
    def __repr__(self) -> str:
        raise RuntimeError("repr")

    __str__ = __int__ = __index__ = __repr__  # type: ignore[assignment]


class Fatal(BaseException):
    """Not even an Exception."""


class Endless:
    """An iterable that never ends, and counts how far it was read."""

    def __init__(self) -> None:
        self.read = 0

    def __iter__(self) -> Endless:
        return self

    def __next__(self) -> int:
        self.read += 1
        if self.read > 100_000:
            raise AssertionError("somebody reads an endless iterable")
        return self.read


class Mood(enum.Enum):
    GOOD = Hostile


@dataclass
class Holder:
    inner: Any = field(default_factory=Hostile)


class Pair(NamedTuple):
    left: Any
    right: Any


def cyclic_list() -> list[Any]:
    cycle: list[Any] = [1]
    cycle.append(cycle)
    return cycle


def cyclic_mapping() -> dict[str, Any]:
    cycle: dict[str, Any] = {"one": 1}
    cycle["self"] = [cycle]
    return cycle


def deep(levels: int = 5000) -> list[Any]:
    nested: list[Any] = []
    for _ in range(levels):
        nested = [nested]
    return nested


def deep_mapping(levels: int = 5000) -> dict[str, Any]:
    nested: dict[str, Any] = {}
    for _ in range(levels):
        nested = {"deeper": nested}
    return nested


def wide() -> Any:
    """Small to hold, endless to write: each level refers twice to the next."""
    level: Any = "leaf"
    for _ in range(60):
        level = [level, level]
    return level


NAMED: dict[str, Any] = {
    "hostile object": Hostile,
    "object that lies about its class": HostileClass,
    "hostile mapping": lambda: HostileMapping(a=1),
    "hostile text": lambda: HostileText("text"),
    "hostile int": lambda: HostileInt(7),
    "cyclic list": cyclic_list,
    "cyclic mapping": cyclic_mapping,
    "deep list": deep,
    "deep mapping": deep_mapping,
    "lone surrogate": lambda: "\ud800 alone \udfff",
    "lone surrogate as key": lambda: {"\ud800": "\udc00"},
    "null character": lambda: "a\x00b",
    "not a number": lambda: [math.nan, math.inf, -math.inf],
    "bytes": lambda: b"\x00\xff\xfe" * 10,
    "bytearray and memoryview": lambda: [bytearray(b"a\xff"), memoryview(b"b\xff")],
    "huge int": lambda: 10**5000,
    "negative huge int": lambda: -(2**70),
    "datetimes": lambda: [dt.datetime(2026, 1, 1, tzinfo=dt.timezone.utc), dt.date(2026, 1, 1), dt.time(1), dt.timedelta(1)],
    "datetime out of range": lambda: dt.datetime.max.replace(tzinfo=dt.timezone(dt.timedelta(hours=-23))),
    "decimal": lambda: [decimal.Decimal("NaN"), decimal.Decimal("1e999999"), decimal.Decimal("sNaN")],
    "non-text keys": lambda: {1: "a", None: "b", (1, 2): "c", 1.5: "d", b"x": "e", False: "f"},
    "set and frozenset": lambda: {1, "a", frozenset({2})},
    "generator": lambda: (number for number in range(3)),
    "endless iterable": Endless,
    "lock": threading.Lock,
    "class": lambda: Hostile,
    "function": lambda: cyclic_list,
    "module": lambda: math,
    "enum of something hostile": lambda: Mood.GOOD,
    "dataclass with something hostile": Holder,
    "named tuple": lambda: Pair(1, Hostile()),
    "ordered and user dict": lambda: [OrderedDict(a=1), UserDict(a=1), deque([1])],
    "uuid and path": lambda: [uuid.UUID(int=1), Path("/x")],
    "exception": lambda: ValueError(Hostile()),
    "ellipsis": lambda: ...,
    "complex": lambda: 1 + 2j,
    "range": lambda: range(10**9),
}
"""Makers of one value each, by name."""

leaves = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(),
    st.characters(categories=["Cs"]),
    st.binary(),
    st.datetimes(),
    st.decimals(),
    st.uuids(),
    st.builds(Hostile),
    st.builds(Holder),
)
values = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.tuples(inner, inner),
        st.dictionaries(st.one_of(st.text(), st.integers(), st.none(), st.binary()), inner, max_size=4),
    ),
    max_leaves=12,
)
"""Anything that such values can be put together to."""
