"""What the embedded store holds, asked with plain SQL as its documentation describes it."""

from __future__ import annotations

import sqlite3
from pathlib import Path

PLACE = Path(".genba") / "genba.db"


def names(folder: Path) -> list[str]:
    """The names of all spans in the store of `folder`; none when there is no store."""
    path = folder / PLACE
    if not path.exists():
        return []
    database = sqlite3.connect(path)
    try:
        return [str(name) for (name,) in database.execute("SELECT name FROM spans ORDER BY id")]
    finally:
        database.close()


def tree(path: Path) -> list[tuple[str, str | None]]:
    """Each span of a store: its name and its parent's, sorted."""
    database = sqlite3.connect(path)
    try:
        found = database.execute("SELECT name, span_id, parent_span_id FROM spans").fetchall()
    finally:
        database.close()
    names = {span_id: str(name) for name, span_id, _ in found}
    return sorted(((str(name), names.get(parent)) for name, _, parent in found), key=str)


def conversations(path: Path, name: str) -> set[str | None]:
    """The conversations that spans of this name belong to."""
    database = sqlite3.connect(path)
    try:
        return {found for (found,) in database.execute("SELECT conversation_id FROM spans WHERE name = ?", (name,))}
    finally:
        database.close()
