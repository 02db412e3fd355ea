"""Where the store is."""

from __future__ import annotations

from pathlib import Path

import pytest

from genba.store.errors import StoreError
from genba.store.location import locate


def test_what_is_said_comes_first_then_the_environment_then_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert locate("a.db", {"GENBA_STORE": "b.db"}) == tmp_path / "a.db"
    assert locate(Path("a.db"), {}) == tmp_path / "a.db"
    assert locate(None, {"GENBA_STORE": "b.db"}) == tmp_path / "b.db"
    assert locate(None, {"GENBA_STORE": " "}) == tmp_path / ".genba" / "genba.db"
    assert locate(None, {}) == tmp_path / ".genba" / "genba.db"


def test_a_tilde_is_the_home_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert locate("~/x.db", {}) == tmp_path / "x.db"


@pytest.mark.parametrize("off", ["off", "OFF"])
def test_off_is_no_store(off: str) -> None:
    assert locate(off, {}) is None
    assert locate(None, {"GENBA_STORE": off}) is None


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ("", "is empty"),
        ("a\0b", "NUL"),
        ("clickhouse://host/db", "is a URL"),
        (".", "is a folder"),
        ("~nobody-of-that-name/x", "cannot be used"),
    ],
)
def test_what_cannot_be_a_file_is_refused_with_what_to_write(said: str, why: str) -> None:
    with pytest.raises(StoreError, match=why) as refused:
        locate(said, {})
    assert "Write a path" in str(refused.value) or "Name a file" in str(refused.value)


def test_a_variable_that_cannot_be_used_is_named() -> None:
    with pytest.raises(StoreError, match="GENBA_STORE"):
        locate(None, {"GENBA_STORE": "http://x"})
