"""How output looks: coloured on a terminal, plain in a pipe; never what a prompt would have it be."""

from __future__ import annotations

import base64
import json
import math
import os
import shutil
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple, TypeAlias

import click
from rich.cells import cell_len, set_cell_size
from rich.console import Console
from rich.text import Text

from ..conversation.reading import Style, Words, escaped

PIPE_WIDTH: Final = 100
LAST_COLUMN: Final = 16

_STYLES: Final[dict[Style, str]] = {
    "plain": "",
    "name": "bold",
    "role": "bold cyan",
    "fact": "dim",
    "faint": "dim",
    "tool": "magenta",
    "reasoning": "italic dim",
    "error": "red",
}


class Painted(NamedTuple):
    """A piece of a line in colours of its own. What they mean must be said in another way where `has_colours` is false."""

    text: str
    colours: str
    """A style as rich writes it."""


PaintedLine: TypeAlias = Sequence[Words | Painted]


def print_lines(lines: Iterable[PaintedLine]) -> None:
    """Print lines of styled words."""
    if not is_terminal():
        for line in lines:
            click.echo("".join(words.text for words in line).rstrip())
        return
    console = _console()
    for line in lines:
        console.print(as_text(line), soft_wrap=True)


def as_text(line: PaintedLine) -> Text:
    """The line as rich prints it: a text object, never markup, since a prompt may hold "[red]"."""
    return Text.assemble(*((words.text, words.colours if isinstance(words, Painted) else _STYLES[words.style]) for words in line))


def has_colours() -> bool:
    """Whether colours can be seen."""
    return is_terminal() and _console().color_system is not None


def is_terminal() -> bool:
    """Whether a person looks at what is printed, rather than a program."""
    return sys.stdout.isatty()


class Column(NamedTuple):
    """A column of a table."""

    title: str
    is_number: bool = False
    may_go: bool = False
    """Left out where the line would get too long."""


def print_table(columns: Sequence[Column], rows: Sequence[Sequence[Words]]) -> None:
    """Print the rows, one line each. The last column takes what is left of the width, and is cut."""
    width = shutil.get_terminal_size().columns if is_terminal() else PIPE_WIDTH
    safe = [[Words(escaped(words.text, one_line=True), words.style) for words in row] for row in rows]
    wide = [max(cell_len(text) for text in (column.title, *(row[at].text for row in safe))) for at, column in enumerate(columns)]
    kept = list(range(len(columns) - 1))
    for at in reversed(kept):
        if columns[at].may_go and width - sum(wide[place] + 2 for place in kept) < LAST_COLUMN:
            kept.remove(at)
    rest = max(0, width - sum(wide[at] + 2 for at in kept))
    lines = (
        [
            *(Words(_padded(row[at].text, wide[at], columns[at].is_number) + "  ", row[at].style) for at in kept),
            Words(_cut(row[-1].text, rest), row[-1].style),
        ]
        for row in ([Words(column.title, "faint") for column in columns], *safe)
    )
    print_lines(lines)


def print_json(value: Any) -> None:
    """Print a JSON document, in ASCII: it passes every pipe and terminal, and holds no control character."""
    try:
        document = json.dumps(value, indent=2, default=_text, allow_nan=False)
    except ValueError:
        document = json.dumps(_finite(value), indent=2, default=_text)
    click.echo(document)


def _padded(text: str, width: int, is_number: bool) -> str:
    space = " " * (width - cell_len(text))
    return space + text if is_number else text + space


def _cut(text: str, width: int) -> str:
    """As much of `text` as fits: wide characters take two places."""
    return text if cell_len(text) <= width else set_cell_size(text, width - 1) + "…" if width > 1 else ""


def _text(value: object) -> str:
    return base64.b64encode(value).decode() if isinstance(value, bytes) else str(value)


def _finite(value: Any) -> Any:
    """JSON has no NaN and no infinity."""
    if isinstance(value, Mapping):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(item) for item in value]
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value


def _console() -> Console:
    coloured = not os.environ.get("NO_COLOR")
    return Console(color_system="auto" if coloured else None, markup=False, emoji=False, highlight=False)
