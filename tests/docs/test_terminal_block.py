"""The terminal block in the README is what the demo printed, put there by a program."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

from docs.pages import PROJECT

README = PROJECT / "README.md"


@pytest.fixture
def writer() -> ModuleType:
    spec = importlib.util.spec_from_file_location("terminal_block", PROJECT / "docs" / "terminal_block.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_readme_has_one_place_for_it(writer: ModuleType) -> None:
    page = README.read_text()
    assert page.count(writer.BEGIN) == page.count(writer.END) == 1


def test_it_shows_an_agent_a_tool_and_a_model(writer: ModuleType) -> None:
    shown = README.read_text().partition(writer.BEGIN)[2].partition(writer.END)[0]
    for what in ("$ genba show last", "invoke_agent", "execute_tool", "chat", " in, ", " out"):
        assert what in shown


def test_what_is_between_the_markers_is_replaced_and_nothing_else(writer: ModuleType, tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"before\n{writer.BEGIN}\nold\n{writer.END}\nafter\n")
    writer.put(page, {"genba list": "two traces\n"})
    writer.put(page, {"genba list": "three traces  \n"})
    assert page.read_text() == f"before\n{writer.BEGIN}\n```text\n$ genba list\nthree traces\n```\n{writer.END}\nafter\n"


def test_a_page_without_the_markers_is_left_alone(writer: ModuleType, tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("nothing here")
    with pytest.raises(SystemExit, match="markers"):
        writer.put(page, {"genba list": "x"})
    assert page.read_text() == "nothing here"
