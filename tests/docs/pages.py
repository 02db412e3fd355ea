"""The code blocks of a page, and the program that they are together.

A page's Python blocks share one namespace, top to bottom, as a reader would paste them. Its shell blocks run where they stand.
`<!-- not run: why -->` above a block leaves it out; `<!-- file: NAME -->` makes it the content of that file.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

PROJECT = Path(__file__).parents[2]
Run = Callable[..., str]
"""Runs a Python file as a reader would, and says what it printed: see `conftest`."""
FENCE = re.compile(r"^(?P<indent> *)```(?P<language>[^\n]*)\n(?P<code>.*?)^(?P=indent)```$", re.MULTILINE | re.DOTALL)
REMARK = re.compile(r"<!-- (?P<word>not run|file): (?P<value>.+?) -->\s*$")
RUN_SHELL = "__import__('genba').flush(); __import__('subprocess').run(['bash', '-euo', 'pipefail', '-c', {code!r}], check=True)"


@dataclass(frozen=True)
class Block:
    language: str
    code: str
    line: int
    remark: str | None
    value: str = ""


def blocks(page: Path) -> Iterator[Block]:
    """Every fenced block that is code; directives (```` ```{name} ````) are not."""
    whole = page.read_text()
    for fence in FENCE.finditer(whole):
        language = fence["language"].strip()
        if language.startswith("{"):
            continue
        before = REMARK.search(whole[: fence.start()])
        line = whole[: fence.start("code")].count("\n")
        code = re.sub(rf"^{fence['indent']}", "", fence["code"], flags=re.MULTILINE)
        yield Block(language, code, line, before and before["word"], before["value"] if before else "")


def program(page: Path) -> str:
    """One program out of a page's blocks, every line at its own number, so that a traceback points into the page."""
    lines: list[str] = []
    for block in blocks(page):
        step = _step(block)
        if step:
            lines += [""] * (block.line - len(lines)) + step.splitlines()
    return "\n".join(lines)


def _step(block: Block) -> str:
    if block.remark == "not run":
        return ""
    if block.remark == "file":
        return f"__import__('pathlib').Path({block.value!r}).write_text({block.code!r})"
    if block.language == "python":
        return block.code
    if block.language == "sh":
        return RUN_SHELL.format(code=block.code)
    return ""
