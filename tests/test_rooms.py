"""The rooms of the source, and what each may import: the table of docs/understand/rooms.md, held against every import there is."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import NamedTuple

import pytest

import genba

ROOT = Path(genba.__file__).parent
MODULES = sorted(ROOT.rglob("*.py"))
PAGE = Path(__file__).parent.parent / "docs" / "understand" / "rooms.md"

BASICS = {"semconv", "quantities", "settings", "libraries", "harmless", "background"}
"""The first row: they import nothing of ours, but one another where one is plainly lower."""
CAPTURE = {*BASICS, "conversation", "recording"}
MAY_IMPORT = {
    "semconv": set(),
    "quantities": set(),
    "settings": {"quantities"},
    "libraries": set(),
    "harmless": set(),
    "background": {"harmless"},
    "conversation": {"semconv"},
    "offloading": {*BASICS, "conversation"},
    "tokens": {*BASICS, "conversation", "offloading"},
    "redacting": {*BASICS, "conversation"},
    "recording": {*BASICS, "conversation", "offloading", "tokens", "redacting"},
    "observing": {*CAPTURE, "tokens"},
    "providers": {*CAPTURE, "observing", "tokens"},
    "frameworks": {*CAPTURE, "observing", "tokens"},
    "work": {*CAPTURE, "observing", "running"},
    "store": {*BASICS, "conversation"},
    "drift": {*BASICS, "conversation", "tokens", "store"},
    "spooling": {*BASICS},
    "exporting": {*BASICS, "conversation", "recording", "redacting", "spooling", "store"},
    "cli": {*BASICS, "conversation", "drift", "exporting", "spooling", "store", "tokens"},
}
"""Room -> rooms that it may import. What is in no room puts the rest together and may import everything."""
TOP = {"__init__", "exits", "per_request", "running", "checkup", "support", "instrumentor", "launch"}
WORDLESS = {"utils", "util", "common", "misc", "helpers", "helper", "manager", "core", "base"}
LINES = 450

modules = pytest.mark.parametrize("path", MODULES, ids=[str(path.relative_to(ROOT)) for path in MODULES])


class Import(NamedTuple):
    """One import of a module of ours, wherever in the file it stands."""

    target: tuple[str, ...]
    """The module, from below `genba`."""
    line: int
    is_typing_only: bool


def imports(path: Path) -> Iterator[Import]:
    """Every import of ours in a file: at its top, inside functions, and under TYPE_CHECKING."""
    tree = ast.parse(path.read_text())
    typing_only = {
        id(node)
        for block in ast.walk(tree)
        if isinstance(block, ast.If) and "TYPE_CHECKING" in ast.unparse(block.test)
        for node in ast.walk(block)
    }
    package = path.parent.relative_to(ROOT).parts
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name.split(".")[0] == "genba":
                    yield Import(_module(tuple(alias.name.split(".")[1:])), node.lineno, id(node) in typing_only)
        elif isinstance(node, ast.ImportFrom):
            if node.level == 0 and (node.module or "").split(".")[0] != "genba":
                continue
            stem = tuple(node.module.split(".")) if node.module else ()
            start = stem[1:] if node.level == 0 else (*package[: len(package) - node.level + 1], *stem)
            for alias in node.names:
                yield Import(_module((*start, alias.name)), node.lineno, id(node) in typing_only)


def _module(parts: tuple[str, ...]) -> tuple[str, ...]:
    """The module that a dotted name lies in: `settings.resolve` is in `settings`."""
    while parts and not (ROOT.joinpath(*parts).with_suffix(".py").exists() or ROOT.joinpath(*parts, "__init__.py").exists()):
        if ROOT.joinpath(*parts).is_dir():  # a room without an `__init__.py`
            break
        parts = parts[:-1]
    return parts


def own_name(path: Path) -> tuple[str, ...]:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return parts[:-1] if parts[-1] == "__init__" else parts


def room(name: tuple[str, ...]) -> str:
    return name[0] if name else "__init__"


@modules
def test_a_module_imports_only_from_the_rooms_above_its_own(path: Path) -> None:
    own = room(own_name(path))
    if own in TOP:
        return
    assert own in MAY_IMPORT, f"{own} is a new room: say in the table what it may import"
    wrong = [
        f"line {found.line}: genba.{'.'.join(found.target)}"
        for found in imports(path)
        if room(found.target) not in {own, *MAY_IMPORT[own]} and found.target != ()
    ]
    assert not wrong


@modules
def test_only_what_puts_the_rooms_together_and_the_commands_import_the_package_itself(path: Path) -> None:
    own = room(own_name(path))
    roots = [found.line for found in imports(path) if found.target == () and not found.is_typing_only]
    assert own in {*TOP, "cli"} or not roots, "the package's `__init__` imports this module: it cannot import the package"


RESEMBLES = {
    "azure_ai_inference": {"openai"},
    "bedrock": {"anthropic", "cohere", "openai"},
    "cerebras": {"openai"},
    "cohere": {"openai"},
    "fireworks": {"anthropic", "openai"},
    "groq": {"openai"},
    "huggingface": {"openai"},
    "in_process": {"openai"},
    "litellm": {"openai"},
    "llama_cpp": {"openai"},
    "mistral": {"openai"},
    "ollama": {"openai"},
    "sentence_transformers": {"openai"},
    "together": {"openai"},
    "transformers": {"openai"},
    "vllm": {"openai"},
    "voyage": {"openai"},
    "watsonx": {"openai"},
    "writer": {"openai"},
    "xllamacpp": {"openai"},
    "xai": {"openai"},
}
"""Provider -> those whose wire format it shares in part, and whose readers it uses."""
SHARED = ("characters", "extras", "generated_clients", "engine_tokens", "in_process", "json_fields", "token_fields")
"""What is no provider, and for all of them."""


def test_a_provider_reads_no_other_provider_than_one_it_resembles() -> None:
    allowed = {(name, other) for name, others in RESEMBLES.items() for other in others}
    found = set()
    for path in MODULES:
        name = own_name(path)
        if name[:1] != ("providers",) or len(name) < 2:
            continue
        for target in (one.target for one in imports(path)):
            if target[:1] == ("providers",) and len(target) > 1 and target[1] not in (name[1], *SHARED):
                found.add((name[1], target[1]))
    assert found <= allowed


def test_no_module_imports_itself_by_way_of_others() -> None:
    graph = {
        own_name(path): {found.target for found in imports(path) if not found.is_typing_only and found.target != own_name(path)}
        for path in MODULES
    }
    # A package imports its parts; a part that imports a sibling names the package on the way: that is no cycle.
    graph = {name: {one for one in targets if name[: len(one)] != one} for name, targets in graph.items()}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as cycle:
        pytest.fail(" -> ".join("genba." + ".".join(name) for name in cycle.args[1]))


def test_the_page_about_the_rooms_names_every_room_in_this_order() -> None:
    if not PAGE.exists():
        pytest.skip("the tests are run without the documentation")
    rows = re.findall(r"^\| (`[^|]*) \|", PAGE.read_text(), re.MULTILINE)
    named = [name for row in rows for name in re.findall(r"`(\w+)`", row)]
    rooms = [name for name in MAY_IMPORT if (ROOT / name).is_dir() or (ROOT / f"{name}.py").exists()]
    assert sorted(named) == sorted([*{*MAY_IMPORT, *rooms}, "__init__"])
    above = {name: named[: named.index(name)] for name in MAY_IMPORT}
    for name, allowed in MAY_IMPORT.items():
        if name not in BASICS:
            assert allowed - TOP <= set(above[name]), f"{name} imports from below itself"


def test_the_page_about_the_rooms_says_which_file_holds_which_shape() -> None:
    if not PAGE.exists():
        pytest.skip("the tests are run without the documentation")
    shapes = PAGE.read_text().partition("## The shapes")[2].partition("\n## ")[0]
    named = set(re.findall(r"`(?:frameworks/)?(\w+)`", shapes))
    files = {path.stem for path in (ROOT / "observing").glob("*.py")} - {"__init__"}
    assert files <= named


def test_every_file_is_in_a_room_or_puts_the_rooms_together() -> None:
    names = {path.relative_to(ROOT).parts[0].removesuffix(".py") for path in MODULES}
    assert names <= {*MAY_IMPORT, *TOP}


@modules
def test_a_module_is_short_enough_to_be_read(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= LINES


@modules
def test_a_module_is_named_by_what_it_is_for(path: Path) -> None:
    assert not WORDLESS & set(path.relative_to(ROOT).with_suffix("").parts)


@modules
def test_a_module_opens_with_a_sentence(path: Path) -> None:
    said = ast.get_docstring(ast.parse(path.read_text()))
    assert said
    assert said.split("\n\n")[0].rstrip().endswith((".", ":", "?"))


@modules
def test_what_a_module_lists_as_public_is_sorted_and_there(path: Path) -> None:
    tree = ast.parse(path.read_text())
    for node in tree.body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            listed = ast.literal_eval(node.value)
            assert listed == sorted(listed)
            assert len(listed) == len(set(listed))
            assert set(listed) <= _top_level_names(tree)


def test_the_public_names_are_complete() -> None:
    tree = ast.parse((ROOT / "__init__.py").read_text())
    submodules = {own_name(path)[0] for path in MODULES if own_name(path)} - {"harmless", "conversation"}
    public = {name for name in _top_level_names(tree) if not name.startswith("_") and name not in submodules}
    imported_to_use = {"annotations", "Mapping", "Sequence", "PathLike", "TYPE_CHECKING", "Any", "Literal", "NoReturn"}
    assert sorted({*public, "__version__"} - imported_to_use) == genba.__all__


def test_every_public_name_has_a_docstring() -> None:
    own = [name for name in genba.__all__ if callable(getattr(genba, name)) and name not in ("Message", "Part", "ToolDefinition")]
    assert [name for name in own if not (getattr(genba, name).__doc__ or "").strip()] == []


def _top_level_names(tree: ast.Module) -> set[str]:
    names: set[str] = set()
    for node in tree.body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef, ast.AsyncFunctionDef)):
            names.add(node.name)
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            names.update((alias.asname or alias.name).split(".")[0] for alias in node.names)
        elif isinstance(node, (ast.Assign, ast.AnnAssign)):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names.update(target.id for target in targets if isinstance(target, ast.Name))
    return names
