"""Write the tables of the reference from the code: attributes, settings, commands and backends."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from click import Context

from genba import semconv, support
from genba.cli.commands import commands as program
from genba.cli.export_columns import CALL_COLUMNS, KINDS, TRACE_COLUMNS, Column
from genba.exporting.otlp import presets
from genba.settings import table as table_of_settings


def write(folder: Path) -> None:
    """Write every table into `folder`."""
    folder.mkdir(exist_ok=True)
    (folder / "attributes.md").write_text(attributes())
    (folder / "settings.md").write_text(options())
    (folder / "commands.md").write_text(commands())
    (folder / "support.md").write_text(libraries())
    (folder / "native.md").write_text(native())
    (folder / "export_calls.md").write_text(columns(CALL_COLUMNS))
    (folder / "export_traces.md").write_text(columns(TRACE_COLUMNS))
    (folder / "export_kinds.md").write_text(table(("type", "is"), ((f"`{kind}`", said) for kind, said in KINDS.items())))
    (folder / "backends.md").write_text(backends())


def attributes() -> str:
    """Every attribute of ours."""
    rows = ((f"`{entry.name}`", entry.type, entry.description, f"`{entry.example}`") for entry in semconv.TABLE)
    return table(("attribute", "type", "says", "for example"), rows)


def options() -> str:
    """Every setting. One that has no option is set by its variable alone."""
    rows = ((_code(entry.option or entry.env), _does(entry)) for entry in table_of_settings.TABLE)
    return table(("option of `init`", "does"), rows)


ROOMS = {
    "client": "Model clients",
    "engine": "Models in the process",
    "framework": "Frameworks",
    "tools": "Tools",
    "retrieval": "Retrieval",
    "tokenizer": "Tokenizers that the application calls",
    "work": "Work done elsewhere",
}


def libraries() -> str:
    """The support table: every library, from the code, and how it was tested, from the runs."""
    pages = []
    for room, title in ROOMS.items():
        rows = [
            (f"`{library.name}`", library.covers, f"`{library.versions}`" if library.versions else "part of Python", told)
            for library, told in support.table()
            if library.room == room
        ]
        if rows:
            pages.append(f"## {title}\n\n" + table(("name", "what is traced", "versions", "known how"), rows))
    return "\n".join(pages)


def native() -> str:
    """What becomes of the telemetry that libraries make themselves."""
    rows = ((f"`{library.name}`", library.native) for library, _ in support.table() if library.native)
    return table(("library", "its own telemetry is"), rows)


def columns(of: Sequence[Column]) -> str:
    """What every column of an export holds."""
    return table(("column", "type", "is"), ((f"`{column.name}`", column.kind, column.says) for column in of))


def backends() -> str:
    """The backends that are known by name."""
    rows = []
    for name, preset in presets.PRESETS.items():
        needed, others = presets.variables(name)
        limits = preset.limits
        said = [
            f"{limits.max_attribute_bytes:,} bytes a text" if limits.max_attribute_bytes else "",
            f"{limits.max_span_bytes:,} a span" if limits.max_span_bytes else "",
            f"{limits.max_request_bytes:,} a request",
            f"{limits.max_age / 60:.0f} minutes old" if limits.max_age else "",
        ]
        rows.append((
            f"`{name}`",
            preset.title + (f" ({preset.note})" if preset.note else ""),
            ", ".join(f"`{one}`" for one in needed) + (f" (and {', '.join(f'`{one}`' for one in others)})" if others else ""),
            ", ".join(filter(None, said)),
            preset.takes,
            preset.known_how,
        ))  # fmt: skip
    return table(("name", "backend", "variables", "at most", "takes", "known from"), rows)


def commands() -> str:
    """What every command says of itself."""
    pages = []
    for name, command in sorted(program.commands.items()):
        said = command.get_help(Context(command, info_name=f"genba {name}", max_content_width=100))
        pages.append(f"## genba {name}\n\n```text\n{said}\n```\n")
    return "\n".join(pages)


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(cell.replace('|', '&#124;') for cell in line)} |\n" for line in lines)


def _does(setting: table_of_settings.Entry) -> str:
    variable = f" Variable: `{setting.env}`." if setting.option and setting.env else ""
    default = f" Default: {setting.default}." if setting.default and "Default:" not in setting.description else ""
    return f"{setting.description}{default}{variable}"


def _code(text: str) -> str:
    return f"`{text}`" if text else ""
