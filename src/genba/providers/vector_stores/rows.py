"""The rows of a PostgreSQL result as documents, read beside the cursor: which column is what is told by its name and type."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from typing import Any

import orjson

from .documents import Document, document
from .statements import is_vector_text

_ID = ("id", "uuid", "doc_id", "document_id", "node_id", "chunk_id", "key")
_SCORE = ("score", "similarity", "cosine_similarity", "relevance", "rank")
_DISTANCE = ("distance", "dist", "cosine_distance", "l2_distance", "?column?")
"""`?column?` is what the server calls an expression that was given no name."""
_CONTENT = ("document", "content", "text", "page_content", "chunk", "body")
_FLOATS = (700, 701, 1700)

_TEXTUAL: dict[int, Callable[[str], Any]] = {
    16: lambda text: text == "t", 20: int, 21: int, 23: int, 700: float, 701: float, 1700: float, 114: orjson.loads, 3802: orjson.loads,
}  # fmt: skip
"""Readers of what came as text, by the type's number: numbers and JSON. The rest stays text."""
_BINARY: dict[int, Callable[[bytes], Any]] = {
    16: lambda raw: raw == b"\x01",
    20: lambda raw: int.from_bytes(raw, "big", signed=True),
    21: lambda raw: int.from_bytes(raw, "big", signed=True),
    23: lambda raw: int.from_bytes(raw, "big", signed=True),
    25: bytes.decode,
    700: lambda raw: struct.unpack(">f", raw)[0],
    701: lambda raw: struct.unpack(">d", raw)[0],
    1043: bytes.decode,
    114: orjson.loads,
    3802: lambda raw: orjson.loads(raw[1:]),
    2950: lambda raw: f"{raw.hex()[:8]}-{raw.hex()[8:12]}-{raw.hex()[12:16]}-{raw.hex()[16:20]}-{raw.hex()[20:]}",
}
"""Readers of what came in binary; of other types nothing is said."""


def documents_of(cursor: Any) -> Iterator[Document]:
    """The rows that a cursor has got. It is read no further by that."""
    result = cursor.pgresult
    if result is None:  # in a pipeline: it is still to come
        return
    columns = [(number, (result.fname(number) or b"").decode("utf-8", "replace")) for number in range(result.nfields)]
    for row in range(result.ntuples):
        values = {name: value for number, name in columns if (value := _value(result, row, number)) is not None}
        yield _document(values, {name for number, name in columns if result.ftype(number) in _FLOATS})


def _value(result: Any, row: int, number: int) -> Any:
    raw = result.get_value(row, number)
    if raw is None:
        return None
    kind = result.ftype(number)
    if result.fformat(number):
        binary = _BINARY.get(kind)
        return binary(raw) if binary is not None else None
    text = raw.decode("utf-8", "replace")
    textual = _TEXTUAL.get(kind)
    if textual is not None:
        return textual(text)
    return None if is_vector_text(text) else text


def _document(values: dict[str, Any], floats: set[str]) -> Document:
    identity = _taken(values, _ID, values.keys())
    score = _taken(values, _SCORE, floats)
    distance = _taken(values, _DISTANCE, floats) if score is None else None
    return document(identity, score=score, distance=distance, content=_taken(values, _CONTENT, values.keys()), stored=values)


def _taken(values: dict[str, Any], names: tuple[str, ...], among: Any) -> Any:
    """The value in the column of the first of these names, or in one that a mapper called so, with its table before it."""
    for name in names:
        found = next((column for column in among if column in values and (column == name or column.endswith(f"_{name}"))), None)
        if found is not None:
            return values.pop(found)
    return None
