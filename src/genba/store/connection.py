"""Open the store's file for writing, and move it aside when it is damaged. Many processes may do either at the same time."""

from __future__ import annotations

import contextlib
import sqlite3
import time
from pathlib import Path
from typing import Final

from . import schema
from .errors import StoreError

BUSY_SECONDS: Final = 10.0
"""How long to wait for other processes that write. A batch takes them some hundredths of a second."""

_CACHE_KIB: Final = 4_096
_CHECKPOINT_PAGES: Final = 3_000
_COMPANIONS: Final = ("-wal", "-shm", "-journal")
_MAGIC: Final = b"SQLite format 3\0"


def open_for_writing(path: Path) -> sqlite3.Connection:
    """A connection to the store at `path`, which is made if it is not there."""
    make_folder(path.parent)
    connection = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
    try:
        # The host's memory is not ours; four times as much would not be faster.
        connection.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
        _prepare(connection, path)
        # A crash of the machine may cost the last moments, never the file.
        connection.execute("PRAGMA synchronous = NORMAL")
        # Some 48 MiB. A page that several batches changed is then written to its place once: a tenth less work than by default.
        connection.execute(f"PRAGMA wal_autocheckpoint = {_CHECKPOINT_PAGES}")
        connection.execute("PRAGMA journal_size_limit = 67108864")
    except BaseException:
        connection.close()
        raise
    return connection


def identity(path: Path) -> tuple[int, int] | None:
    """Which file is at `path` now: it may have been deleted or replaced under an open connection."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


def set_aside(path: Path, opened: tuple[int, int] | None) -> Path | None:
    """Rename the damaged store at `path`, with its companions; its new name.

    None if it is no longer the file that was `opened`: another process was quicker, and what is there now may be good.

    Raises:
        StoreError: the file does not look like a store of ours, but like something that belongs to someone.
    """
    if opened is not None and identity(path) != opened:
        return None
    if not _was_ours(path):
        raise StoreError(
            f"{path} is not a genba store, so genba leaves it alone. "
            "Choose another file with GENBA_STORE=PATH or genba.init(store=PATH)."
        )
    aside = path.with_name(f"{path.name}.corrupt-{time.strftime('%Y%m%dT%H%M%S')}")
    number = 1
    while aside.exists():
        number += 1
        aside = path.with_name(f"{path.name}.corrupt-{time.strftime('%Y%m%dT%H%M%S')}-{number}")
    path.rename(aside)
    for companion in _COMPANIONS:
        with contextlib.suppress(FileNotFoundError):
            Path(f"{path}{companion}").rename(f"{aside}{companion}")
    return aside


def _prepare(connection: sqlite3.Connection, path: Path) -> None:
    until = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            schema.prepare(connection, path)
        except sqlite3.OperationalError as error:
            # SQLite does not wait by itself when two processes switch a new file to its write-ahead log at the same moment.
            if "locked" not in str(error) or time.monotonic() > until:
                raise
            time.sleep(0.01)
        else:
            return


def make_folder(folder: Path) -> None:
    """Make the folder of a store, so that nobody commits what is in it."""
    made = not folder.exists()
    folder.mkdir(parents=True, exist_ok=True)
    # Prompts do not belong into a repository. But only in a folder of ours: in another one it would hide the user's own files.
    if made or folder.name == ".genba":
        ignore = folder / ".gitignore"
        if not ignore.exists():
            ignore.write_text("*\n", encoding="utf-8")


def _was_ours(path: Path) -> bool:
    with path.open("rb") as file:
        head = file.read(100)
    if head.startswith(_MAGIC) and len(head) == 100:
        return head[68:72] in (schema.APPLICATION_ID.to_bytes(4, "big"), bytes(4))
    # A torn write leaves anything at the start, so the name decides.
    return path.suffix in (".db", ".sqlite", ".sqlite3") or not head.strip(b"\0")
