"""Sizes and ages as people write them: `64KiB`, `90d`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

_SIZES: Final[Mapping[str, int]] = {"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40}
_AGES: Final[Mapping[str, int]] = {"m": 60, "h": 3600, "d": 86_400}


def size(said: object) -> int | None:
    """Bytes: a number, or a text such as `64KiB`, `64kb` or `1.5 GiB`, in steps of 1024. None if it is none."""
    if type(said) is int:
        return said if said >= 0 else None
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([kmgt]?)(?:i?b)?", said.strip().lower()) if isinstance(said, str) else None
    return int(float(match[1]) * _SIZES[match[2]]) if match else None


def age(said: str) -> float | None:
    """Seconds: `30m`, `12h` or `90d`. None if it is none."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([mhd])", said.strip().lower())
    return float(match[1]) * _AGES[match[2]] if match else None


def size_and_age(said: str) -> tuple[int | None, float | None] | None:
    """Either or both, with a comma between them: bytes and seconds. A word with `m` is minutes. None if a word is neither."""
    found_size, found_age = None, None
    for word in said.split(","):
        found = age(word)
        if found is not None:
            found_age = found
            continue
        found_size = size(word)
        if not found_size:
            return None
    return found_size, found_age
