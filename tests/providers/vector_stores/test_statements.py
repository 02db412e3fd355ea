"""Which SQL statements are searches for vectors, and what they say."""

from __future__ import annotations

from typing import Any, NamedTuple

import pytest

from genba.providers.vector_stores.rows import documents_of
from genba.providers.vector_stores.statements import Statement, written

VECTOR = "[0.1,0.2,0.3]"

SEARCHES = [
    ("SELECT id FROM items ORDER BY embedding <-> %s LIMIT 5", (VECTOR,)),
    ("SELECT id FROM items ORDER BY embedding <-> %s::vector LIMIT 5", (b"x",)),
    ("SELECT id FROM items ORDER BY embedding <-> '[0.1,0.2,0.3]' LIMIT 5", None),
    ("SELECT id FROM items ORDER BY embedding <#> CAST(%(v)s AS vector) LIMIT 5", {"v": "x"}),
    ("  -- near\n/* it */ (select id, 1 - (embedding <=> %s) AS score FROM items ORDER BY score LIMIT 5)", ([0.1, 0.2],)),
    ("WITH near AS (SELECT id FROM items ORDER BY e <+> $1 LIMIT 5) SELECT * FROM near", ([0.1, 0.2],)),
    ("SELECT id FROM items ORDER BY bits <~> %s LIMIT 5", ("Bit",)),
    ("SELECT id FROM items ORDER BY embedding <=> (SELECT embedding FROM items WHERE id = 1) LIMIT 5", ()),
    ("SELECT id FROM items ORDER BY words <#> %s::sparsevec LIMIT 5", ("{1:0.5}/3",)),
]
OTHERS = [
    ("SELECT 1", None),
    ("SELECT id FROM items WHERE price < %s", (3,)),
    ("SELECT id FROM items WHERE to_tsquery('fat <-> rat') @@ words", None),
    ("SELECT name FROM places ORDER BY place <-> %s LIMIT 3", ("POINT(1 2)",)),
    ("SELECT word FROM words ORDER BY word <-> %s LIMIT 3", ("cat",)),
    ("INSERT INTO log SELECT id FROM items ORDER BY embedding <-> '[1,2]' LIMIT 5", None),
    ("SELECT id FROM items ORDER BY place <-> %s", ({"no": "sequence"},)),
]


class Odd:
    """What a library of the host's might pass."""


@pytest.mark.parametrize(("text", "params"), SEARCHES)
def test_a_statement_that_orders_by_nearness_of_vectors_is_a_search(text: str, params: Any) -> None:
    params = [type("Bit", (), {})()] if params == ("Bit",) else params
    statement = Statement(text, params)
    assert statement.looks_for_vectors
    assert (statement.table, statement.limit) == ("items", 5)


@pytest.mark.parametrize(("text", "params"), OTHERS)
def test_other_statements_are_none(text: str, params: Any) -> None:
    assert not Statement(text, params).looks_for_vectors


@pytest.mark.parametrize(
    ("text", "params", "limit"),
    [
        ("LIMIT %s", (VECTOR, 7), None),
        ("<-> %s LIMIT %s", (VECTOR, 7), 7),
        ("<-> %b LIMIT %b", (VECTOR, 7), 7),
        ("<-> %(v)s LIMIT %(n)s", {"v": VECTOR, "n": 7}, 7),
        ("<-> $1 LIMIT $2", (VECTOR, 7), 7),
        ("(SELECT 1 LIMIT 3) LIMIT 7", (), 7),
        ("FETCH FIRST 7 ROWS ONLY", (), 7),
        ("LIMIT ALL", (), None),
        ("LIMIT %s", (), None),
        ("LIMIT %(n)s", (1,), None),
        ("LIMIT %s", Odd(), None),
    ],
)
def test_a_limit_is_read_wherever_it_stands(text: str, params: Any, limit: Any) -> None:
    assert Statement(text, params).limit == limit


@pytest.mark.parametrize(
    ("text", "table"),
    [
        ('SELECT 1 FROM "public"."My docs" ORDER BY 1', "public.My docs"),
        ("SELECT 1 FROM (SELECT 2 FROM inner_docs) x", "inner_docs"),
        ("SELECT 1", None),
    ],
)
def test_the_table_is_the_first_that_is_read(text: str, table: Any) -> None:
    assert Statement(text, None).table == table


def test_a_statement_made_of_pieces_is_read_as_it_is_written() -> None:
    sql = pytest.importorskip("psycopg.sql", reason="psycopg is not installed")
    query = sql.SQL("SELECT {} FROM {} WHERE kind = {} AND e <-> {} < {} ORDER BY e <-> {} LIMIT {}").format(
        sql.Identifier("id"), sql.Identifier("public", "items"), sql.Literal("cat"), sql.Placeholder(), sql.Placeholder("most"),
        sql.Literal(VECTOR), sql.Literal(5),
    )  # fmt: skip
    text = written(query)
    assert text == """SELECT "id" FROM "public"."items" WHERE kind = NULL AND e <-> %s < %(most)s ORDER BY e <-> '[0]' LIMIT 5"""
    assert (Statement(text, None).looks_for_vectors, Statement(text, None).limit) == (True, 5)
    assert written(b"SELECT 1") == "SELECT 1"
    assert written(Odd()) == "%s"


class Column(NamedTuple):
    name: str
    kind: int
    raw: bytes | None
    is_binary: bool = False


class Result:
    """One row of a result, as libpq has it."""

    def __init__(self, *columns: Column) -> None:
        self._columns = columns
        self.ntuples, self.nfields = 1, len(columns)

    def fname(self, number: int) -> bytes:
        return self._columns[number].name.encode()

    def ftype(self, number: int) -> int:
        return self._columns[number].kind

    def fformat(self, number: int) -> int:
        return int(self._columns[number].is_binary)

    def get_value(self, _row: int, number: int) -> bytes | None:
        return self._columns[number].raw


def documents(*columns: Column) -> Any:
    return list(documents_of(type("Cursor", (), {"pgresult": Result(*columns)})()))


TEXT, BIGINT, DOUBLE, JSONB, UUID, VECTOR_TYPE = 25, 20, 701, 3802, 2950, 16385


def test_columns_are_told_by_name_and_type() -> None:
    found = documents(
        Column("doc_id", BIGINT, b"7"), Column("content", TEXT, b"Cats purr."), Column("meta", JSONB, b'{"page":1}'),
        Column("embedding", VECTOR_TYPE, b"[0.1,0.2,0.3]"), Column("?column?", DOUBLE, b"0.25"), Column("none", TEXT, None),
    )  # fmt: skip
    assert found == [{"id": 7, "score": 0.25, "score_is": "distance", "content": "Cats purr.", "metadata": {"meta": {"page": 1}}}]


def test_columns_as_a_mapper_names_them_are_told_too() -> None:
    found = documents(
        Column("langchain_pg_embedding_id", TEXT, b"a1"), Column("langchain_pg_embedding_document", TEXT, b"Cats purr."),
        Column("similarity", DOUBLE, b"0.75"), Column("distance", TEXT, b"far"),
    )  # fmt: skip
    assert found == [{"id": "a1", "score": 0.75, "content": "Cats purr.", "metadata": {"distance": "far"}}]


def test_what_came_in_binary_is_read_where_its_type_is_known() -> None:
    found = documents(
        Column("id", UUID, bytes(range(16)), True), Column("content", TEXT, b"Cats purr.", True),
        Column("distance", DOUBLE, b"\x3f\xd0\0\0\0\0\0\0", True), Column("n", BIGINT, b"\0\0\0\0\0\0\0\x05", True),
        Column("embedding", VECTOR_TYPE, b"\0\x03\0\0", True), Column("meta", JSONB, b'\x01{"page":1}', True),
    )  # fmt: skip
    assert found == [
        {
            "id": "00010203-0405-0607-0809-0a0b0c0d0e0f", "score": 0.25, "score_is": "distance", "content": "Cats purr.",
            "metadata": {"n": 5, "meta": {"page": 1}},
        }
    ]  # fmt: skip


def test_in_a_pipeline_the_rows_are_still_to_come() -> None:
    assert list(documents_of(type("Cursor", (), {"pgresult": None})())) == []
