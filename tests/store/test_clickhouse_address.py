"""The address of a table in ClickHouse; what is wrong with one is said without its password."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

import genba
from genba.store.clickhouse.address import Address, is_one, parse
from genba.store.errors import StoreError


def test_all_parts_of_an_address_are_read() -> None:
    assert parse("clickhouse://ada:p%40ss%2F@db.example:9000/traces?table=t&secure=1&verify=0&timeout=5", "GENBA_STORE") == Address(
        host="db.example",
        port=9000,
        user="ada",
        password="p@ss/",
        database="traces",
        table="t",
        secure=True,
        verify=False,
        seconds=5,
    )


def test_what_is_not_said_is_as_clickhouse_and_the_collector_have_it() -> None:
    short = parse("clickhouse://localhost", "GENBA_STORE", {})
    assert (short.port, short.user, short.password, short.database, short.table) == (8123, "default", "", "default", "otel_traces")
    assert parse("clickhouse://localhost?secure=true", "GENBA_STORE", {}).port == 8443


def test_the_password_may_stand_in_a_variable_of_its_own() -> None:
    variables = {"CLICKHOUSE_PASSWORD": "secret"}
    assert parse("clickhouse://ada@localhost", "GENBA_STORE", variables).password == "secret"
    assert parse("clickhouse://ada:other@localhost", "GENBA_STORE", variables).password == "other"


@given(st.text(min_size=1, alphabet=st.characters(exclude_categories=["Cs"])).filter(lambda text: len(text) > 3))
def test_a_password_is_never_shown(password: str) -> None:
    from urllib.parse import quote

    address = parse(f"clickhouse://someone:{quote(password, safe='')}@localhost:1/d", "GENBA_STORE")
    assert address.password == password
    assert "password" not in repr(address)
    assert str(address) == "clickhouse://someone@localhost:1/d?table=otel_traces"


@pytest.mark.parametrize(
    "said",
    [
        "clickhouse://",
        "clickhouse://u:s3cret@",
        "clickhouse://u:s3cret@host:port/d",
        "clickhouse://u:s3cret@host:99999/d",
        "clickhouse://u:s3cret@host/d/e",
        "clickhouse://u:s3cret@host/d?tablename=x",
        "clickhouse://u:s3cret@host/d?secure=perhaps",
        "clickhouse://u:s3cret@host/d?timeout=-1",
        "clickhouse://u:s3cret@[host/d",
    ],
)
def test_what_cannot_be_an_address_is_told_without_its_password(said: str) -> None:
    with pytest.raises(StoreError) as told:
        parse(said, "GENBA_STORE")
    assert str(told.value).startswith("GENBA_STORE")
    assert "s3cret" not in str(told.value)


def test_only_urls_of_clickhouse_are_addresses() -> None:
    assert is_one("ClickHouse://host")
    assert not any(map(is_one, ("clickhouse", ".genba/genba.db", "http://host", None)))


def test_init_says_that_it_does_not_write_to_clickhouse_and_who_does(monkeypatch: pytest.MonkeyPatch) -> None:
    address = "clickhouse://u:s3cret@host/d"
    with pytest.raises(genba.SettingsError, match="Collector") as told:
        genba.init(store=address)
    assert "s3cret" not in str(told.value)
    assert str(told.value).startswith("genba.init(store=…) names")
    monkeypatch.setenv("GENBA_STORE", address)
    with pytest.raises(genba.SettingsError, match="OTEL_EXPORTER_OTLP_ENDPOINT") as told:
        genba.init()
    assert "s3cret" not in str(told.value)
    assert str(told.value).startswith("GENBA_STORE names")


def test_a_store_that_is_another_url_is_no_file() -> None:
    from genba.store.opening import open_store

    with pytest.raises(StoreError, match="is a URL"):
        open_store("postgres://host/d")
