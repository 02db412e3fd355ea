"""Read an SQL statement as far as a search for vectors goes: whether it is one, in which table, and for how many rows.

No parser: the operators of pgvector are looked for, and since other extensions have some of them too, also a vector beside them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

_OPERATORS = re.compile(r"<(?:->|=>|#>|\+>|~>|%%?>)")
"""Distance by L2, cosine, inner product, L1, Hamming and Jaccard; a `%` may have to be doubled."""
_OURS_ALONE = re.compile(r"<(?:=>|\+>)")
"""Those that PostGIS, pg_trgm and the search for phrases do not have."""
_SEARCH = re.compile(r"\s*(?:\(|--[^\n]*\n|/\*.*?\*/|\s)*(?:select|with)\b", re.IGNORECASE | re.DOTALL)
_CAST = re.compile(r"::\s*(?:\w+\.)?(?:vector|halfvec|sparsevec|bit)\b|\bas\s+(?:vector|halfvec|sparsevec|bit)\b", re.IGNORECASE)
_VECTOR = re.compile(r"\s*(?:\[[-+\d.eE,\s]*\]|\{[\d:.eE,\s+-]*\}/\d+)\s*")
_LITERAL = re.compile(r"'(?:\[[-+\d.eE,\s]*\]|\{[\d:.eE,\s+-]*\}/\d+)'")
_TABLE = re.compile(r"\bfrom\s+(?:only\s+)?((?:\"[^\"]+\"|[\w$]+)(?:\.(?:\"[^\"]+\"|[\w$]+))*)", re.IGNORECASE)
_LIMIT = re.compile(r"\blimit\s+(\d+|%s|%b|%t|%\((\w+)\)[sbt]|\$(\d+))|\bfetch\s+(?:first|next)\s+(\d+)\s+row", re.IGNORECASE)
_PLACEHOLDER = re.compile(r"%[sbt]")
_WHERE = re.compile(r"\bwhere\b", re.IGNORECASE)


class Statement:
    """A statement and the parameters that it is executed with."""

    def __init__(self, text: str, params: Any) -> None:
        self._text = text
        self._params = params

    @property
    def looks_for_vectors(self) -> bool:
        """Whether it reads rows by their distance from a vector."""
        text = self._text
        if _OPERATORS.search(text) is None or _SEARCH.match(text) is None:
            return False
        return (
            _CAST.search(text) is not None
            or _LITERAL.search(text) is not None
            or any(_is_vector(value) for value in self._values())
            or _OURS_ALONE.search(text) is not None
        )

    @property
    def table(self) -> str | None:
        """The first table that it reads from."""
        found = _TABLE.search(self._text)
        return found.group(1).replace('"', "") if found else None

    @property
    def limit(self) -> int | None:
        """How many rows it asks for at most; of several limits the last, which is the outermost."""
        found = list(_LIMIT.finditer(self._text))
        value = self._value_of(found[-1]) if found else None
        return value if type(value) is int else None

    @property
    def is_filtered(self) -> bool:
        """Whether it has a condition."""
        return _WHERE.search(self._text) is not None

    def _value_of(self, limit: re.Match[str]) -> Any:
        said, name, number, rows = limit.groups()
        if rows or said.isdigit():
            return int(rows or said)
        if name:
            return self._params.get(name) if isinstance(self._params, Mapping) else None
        position = int(number) - 1 if number else len(_PLACEHOLDER.findall(self._text, 0, limit.start()))
        return self._params[position] if isinstance(self._params, Sequence) and position < len(self._params) else None

    def _values(self) -> Iterable[Any]:
        params = self._params
        return params.values() if isinstance(params, Mapping) else params if isinstance(params, (list, tuple)) else ()


def _is_vector(value: Any) -> bool:
    if isinstance(value, str):
        return value[:1] in "[{" and _VECTOR.fullmatch(value) is not None
    if isinstance(value, (list, tuple)):
        return len(value) > 1 and all(type(item) is float for item in value)
    return type(value).__name__ in ("ndarray", "Vector", "HalfVector", "SparseVector", "Bit")


def is_vector_text(text: str) -> bool:
    """Whether this is a vector as pgvector writes it."""
    return _VECTOR.fullmatch(text) is not None and len(text) > len("[0]")


def written(query: Any) -> str:
    """The text of a statement that was not given as one: as bytes, or put together from pieces (`psycopg.sql`, t-strings)."""
    if isinstance(query, str):
        return query
    if isinstance(query, bytes):
        return query.decode("utf-8", "replace")
    kind = type(query).__name__
    if kind in ("SQL", "Placeholder"):
        return str(query.as_string(None))
    if kind == "Identifier":  # some versions write one out only with a connection
        return ".".join(f'"{name}"' for name in query._obj)  # noqa: SLF001  # it has no public name
    if kind == "Literal":
        return _literal(query._obj)  # noqa: SLF001  # it has no public name
    return "".join(map(written, query)) if kind in ("Composed", "Template") else "%s"


def _literal(value: Any) -> str:
    """A value that stands in the statement: as far as it matters here, and never a placeholder."""
    if _is_vector(value):
        return "'[0]'"
    return str(value) if type(value) is int else "NULL"
