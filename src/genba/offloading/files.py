"""Write a file whole or not at all, so that several processes may write the same one and a crash leaves none that is half."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import Final

PREFIX: Final = "."
SUFFIX: Final = ".part"
"""What a file is called between these until it is whole."""


def make_folder(folder: Path) -> None:
    """Have the folder there, and git leave it alone: what models read and say does not belong into a repository."""
    folder.mkdir(parents=True, exist_ok=True)
    ignore = folder / ".gitignore"
    if not ignore.exists():
        ignore.write_text("*\n", encoding="utf-8")


def write(file: Path, *parts: bytes) -> None:
    """All of it or nothing, readable for its owner only."""
    import tempfile  # only here, and it brings much

    handle, name = tempfile.mkstemp(dir=file.parent, prefix=PREFIX, suffix=SUFFIX)
    try:
        with os.fdopen(handle, "wb") as open_file:
            open_file.writelines(parts)
        Path(name).replace(file)
    except BaseException:
        with contextlib.suppress(OSError):
            Path(name).unlink()
        raise
