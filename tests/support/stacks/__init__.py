"""Layers that call one another, framework over client: one module a framework, each with `STACKS`. What they do is one model call.

A stack is played against a fake server; whatever the layers, each model call must be one span and its tokens must be counted once.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

from support.wire import Reply


@dataclass(frozen=True, kw_only=True)
class Stack:
    """One way through several layers."""

    name: str
    """Such as `langchain → openai, async stream`."""
    packages: Sequence[str]
    """What must be installed."""
    replies: Callable[[], Sequence[Reply]]
    """What the server answers, in order: one for each model call."""
    play: Callable[[str], Any]
    """(the server's address) -> does it all, from a host without an event loop."""
    input_tokens: int
    """What the server said, over all calls."""
    output_tokens: int
    tree: Sequence[str]
    """Names of the spans, indented by two spaces a level, in the order they began."""


def _is_installed(package: str) -> bool:
    try:
        return find_spec(package) is not None
    except ModuleNotFoundError:  # a part of a package that is not there
        return False


def _collected() -> tuple[Stack, ...]:
    found: list[Stack] = []
    for module in sorted(pkgutil.iter_modules(__path__), key=lambda module: module.name):
        found.extend(importlib.import_module(f"{__name__}.{module.name}").STACKS)
    return tuple(stack for stack in found if all(_is_installed(package) for package in stack.packages))


STACKS = _collected()
