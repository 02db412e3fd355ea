"""What to call a model that was loaded from a file or folder: its place on this machine is nobody else's affair."""

from __future__ import annotations

from pathlib import PurePath
from typing import Any


def name(path: Any) -> str | None:
    """The name on a hub as it is; of a place in the file system the last part."""
    if isinstance(path, PurePath):
        path = str(path)
    if not isinstance(path, str) or not path:
        return None
    is_place = PurePath(path).is_absolute() or path.startswith((".", "~")) or path.count("/") > 1 or path.endswith(".gguf")
    return PurePath(path).name or path if is_place else path
