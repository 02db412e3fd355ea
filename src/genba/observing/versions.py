"""Which releases of libraries are here: those installed now, and those that this process has imported and genba has to do with."""

from __future__ import annotations

import functools
import sys
from collections.abc import Mapping
from importlib import metadata
from typing import Final

BESIDE: Final = {
    "opentelemetry.sdk": "opentelemetry-sdk",
    "tokenizers": "tokenizers",
    "transformers": "transformers",
    "tiktoken": "tiktoken",
}
"""Module -> distribution: what bears on what is recorded, even where it is not traced."""

# Only ever added to. What is imported stays, also when the patches are off and the last spans are still to be written.
_imported: dict[str, str] = {}


def installed(distribution: str) -> str | None:
    """The version that is installed now; None if none is."""
    try:
        return metadata.version(distribution) or None
    except Exception:  # noqa: BLE001  # there is none, or what its installer left behind cannot be read
        return None


def note(distribution: str) -> str | None:
    """Note down that this process has imported it; its version then. None, and nothing is noted, if it is not known."""
    version = _first(distribution)
    if version is not None:
        _imported[distribution] = version
    return version


def imported() -> Mapping[str, str]:
    """Distribution -> version of what this process has imported. It only grows, so its length tells whether it has."""
    for module, distribution in BESIDE.items():
        if distribution not in _imported and module in sys.modules:
            note(distribution)
    return _imported.copy()


@functools.lru_cache
def _first(distribution: str) -> str | None:
    # Later another may be installed, but this is the one at work.
    return installed(distribution)
