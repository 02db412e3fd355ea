"""Every block in the documentation runs, and every example."""

from __future__ import annotations

import ast
import re
from importlib.util import find_spec
from pathlib import Path

import pytest

from docs.pages import PROJECT, Run, blocks, program

pytest.importorskip("openai")
pytest.importorskip("anthropic")

PAGES = sorted([PROJECT / "README.md", PROJECT / "CONTRIBUTING.md", *PROJECT.glob("docs/**/*.md")])
PAGES = [page for page in PAGES if not {"_build", "_generated"} & set(page.parts)]
SERVERS = {"local_model.py", "mcp_server.py"}
"""Examples that wait for others to talk to them."""
EXAMPLES = sorted(path for path in PROJECT.glob("examples/*.py") if path.name not in SERVERS)
RUNNING = [page for page in PAGES if program(page)]


def name(path: Path) -> str:
    return str(path.relative_to(PROJECT))


@pytest.mark.parametrize("page", RUNNING, ids=name)
def test_the_blocks_of_a_page_run(page: Path, run: Run, tmp_path: Path) -> None:
    file = tmp_path / "page.py"
    file.write_text(program(page))
    run(file)


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_block_runs_or_says_why_not(page: Path) -> None:
    for block in blocks(page):
        runs = block.language in ("python", "sh", "text") or block.remark == "not run"
        assert runs, f"{page.name}:{block.line}: {block.language!r} is not run by anything"
        if block.language == "text":
            continue
        assert block.remark != "not run" or len(block.value) > 10, f"{page.name}:{block.line}: say why it is not run"


@pytest.mark.parametrize("example", EXAMPLES, ids=name)
def test_an_example_runs_and_prints_an_answer(example: Path, run: Run, tmp_path: Path) -> None:
    absent = [package for package in imported(example) if find_spec(package) is None]
    if absent:
        pytest.skip(f"it needs {', '.join(absent)}, which is not installed; the environments of the frameworks run it")
    assert run(example).strip()
    assert (tmp_path / ".genba" / "genba.db").is_file()


def imported(example: Path) -> list[str]:
    """The packages that an example imports."""
    found = [node for node in ast.walk(ast.parse(example.read_text())) if isinstance(node, (ast.Import, ast.ImportFrom))]
    names = [node.module or "" if isinstance(node, ast.ImportFrom) else node.names[0].name for node in found]
    return sorted({one.partition(".")[0] for one in names})


@pytest.mark.parametrize("example", EXAMPLES, ids=name)
def test_an_example_says_what_it_shows(example: Path) -> None:
    assert ast.get_docstring(ast.parse(example.read_text()))
    assert len(example.read_text().splitlines()) <= 80


def test_the_readme_has_both_commands_word_for_word() -> None:
    commands = re.findall(r"^python3 -m venv .*$", (PROJECT / "README.md").read_text(), re.MULTILINE)
    install = "python3 -m venv .venv && .venv/bin/pip install nox && .venv/bin/nox -s"
    assert [command.partition("#")[0].rstrip() for command in commands] == [f"{install} demo", f"{install} tests"]


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_links_between_files_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", page.read_text()):
        if "://" not in target:
            assert (page.parent / target).exists(), f"{name(page)} links to {target}"
