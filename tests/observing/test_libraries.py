"""A library is traced once it is imported, if its release is one that genba knows how to trace."""

from __future__ import annotations

import logging
import sys
import types
from collections.abc import Iterator
from importlib import metadata

import pytest

from genba.libraries import LIBRARIES, Library
from genba.observing import patching
from support.spans import Spans

WRAPT = metadata.version("wrapt")
"""A distribution that is installed for certain stands for the library's."""


def library(versions: str) -> Library:
    return Library(
        name="demo",
        module="providers.groq",
        room="client",
        imports=["demo_of_a_library"],
        distribution="wrapt",
        versions=versions,
        covers="",
    )


@pytest.fixture
def imported(spans: Spans) -> Iterator[None]:
    sys.modules["demo_of_a_library"] = types.ModuleType("demo_of_a_library")
    yield
    patching.remove_all()
    del sys.modules["demo_of_a_library"]


def state() -> str:
    [found] = [one for one in patching.watched() if one.library.name == "demo"]
    return found.state


def test_an_older_release_is_left_alone_and_that_is_said_once(imported: None, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "genba"):
        patching.trace(library(">=999,<1000"))
        patching.trace(library(">=999,<1000"))
    assert state() == f"left alone: {WRAPT} is older than 999, the oldest release that genba traces"
    assert [record.getMessage() for record in caplog.records] == [
        f"genba leaves demo alone: its version {WRAPT} is older than 999."
    ]


def test_a_newer_release_than_any_that_was_tested_is_tried(imported: None, caplog: pytest.LogCaptureFixture) -> None:
    patching.trace(library(">=0.1,<0.2"))
    assert state() == "traced"
    assert caplog.records == []


def test_a_library_that_is_not_imported_is_waited_for(spans: Spans) -> None:
    patching.trace(library(">=0.1,<0.2"))
    assert "waiting" in state()


@pytest.mark.parametrize(
    ("version", "oldest", "older"),
    [
        ("1.9", ">=1.10,<2", True),
        ("1.10", ">=1.10,<2", False),
        ("1.10.1", ">=1.10,<2", False),
        ("2.0.0b9", ">=2.0,<3", False),
        ("1.0.0b8", ">=1.0,<2", False),
        ("0.9.dev1", ">=1.0,<2", True),
        ("unknown", ">=1.0,<2", False),
        ("", ">=1.0,<2", False),
    ],
)
def test_which_release_is_older(version: str, oldest: str, older: bool) -> None:
    assert library(oldest).leaves_alone(version) == older


def test_every_row_says_what_it_covers_and_names_are_its_own() -> None:
    assert [name for name, row in LIBRARIES.items() if name != row.name or not row.covers or not row.imports] == []
