from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path

import pytest

from genba.drift.query import KEYS, QueryError, parse


def test_a_path_is_a_store() -> None:
    assert parse("production.db").store == "production.db"
    assert parse("production.db").conditions == {}


def test_a_file_with_an_equals_sign_in_its_name_is_a_store_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a=b.db").touch()
    assert parse("a=b.db").store == "a=b.db"


def test_words_choose_calls() -> None:
    query = parse(
        "model=gpt-4o tag=beta tag=eu user='Ada Lovelace' store=a.db since=2026-11-01T00:00Z until=2026-11-20T00:00+01:00"
    )
    assert (query.store, query.tags) == ("a.db", {"beta", "eu"})
    assert query.conditions["model"] == "gpt-4o"
    assert query.conditions["user_id"] == "Ada Lovelace"
    assert query.conditions["since_ns"] == datetime(2026, 11, 1, tzinfo=timezone.utc).timestamp() * 1e9
    assert query.conditions["until_ns"] == datetime(2026, 11, 19, 23, tzinfo=timezone.utc).timestamp() * 1e9


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("color=red", "'color' in 'color=red' is nothing to choose by"),
        ("model=a model=b", "model= is said twice"),
        ("model=", "model= in 'model=' has no value"),
        ("model=a b", "'b' in 'model=a b' is no key=value"),
        ("user='Ada", "a quote is not closed"),
        ("since=yesterday", "since=yesterday is no date or time"),
        (" ", "Nothing was said"),
    ],
)
def test_what_cannot_be_understood_is_said_with_what_can_be(said: str, told: str) -> None:
    with pytest.raises(QueryError) as caught:
        parse(said)
    assert told in str(caught.value)


def test_an_unknown_key_is_answered_with_all_that_there_are() -> None:
    with pytest.raises(QueryError) as caught:
        parse("color=red")
    assert all(f"{key}=" in str(caught.value) for key in KEYS)
