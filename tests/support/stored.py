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
