"""Where the store is: what was said to us, else `GENBA_STORE`, else `.genba/genba.db` in the working directory."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from .errors import StoreError

DEFAULT: Final = Path(".genba") / "genba.db"
VARIABLE: Final = "GENBA_STORE"


def locate(explicit: str | os.PathLike[str] | None = None, environ: Mapping[str, str] | None = None) -> Path | None:
    """The absolute path of the store; None when it is switched `off`.

    Raises:
        StoreError: what was said cannot be a file.
    """
    said, origin = explicit, "The store path"
    if said is None:
        said, origin = (os.environ if environ is None else environ).get(VARIABLE, "").strip() or DEFAULT, VARIABLE
    words = os.fspath(said)
    if words.lower() == "off":
        return None
    _check(words, origin)
    try:
        # The working directory may change; the store stays.
        path = Path(words).expanduser().absolute()
        folder = path.is_dir()
    except (OSError, RuntimeError, ValueError) as error:
        raise StoreError(f"{origin} {words!r} cannot be used: {error}. {_WRITE}") from error
    if folder:
        raise StoreError(f"{origin} {words!r} is a folder. Name a file in it: {Path(words) / DEFAULT.name}")
    return path


def _check(words: str, origin: str) -> None:
    if not words.strip():
        raise StoreError(f"{origin} is empty. {_WRITE}")
    if "\0" in words:
        raise StoreError(f"{origin} {words!r} has a NUL character in it. {_WRITE}")
    if re.match(r"[A-Za-z][A-Za-z0-9+.-]+://", words):
        raise StoreError(f"{origin} {words!r} is a URL, and the store is a file. {_WRITE}")


_WRITE: Final = "Write a path such as .genba/genba.db, or 'off'."
