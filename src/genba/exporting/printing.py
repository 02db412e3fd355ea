"""Finished spans as text for a terminal: the console destination's form."""

from __future__ import annotations

from collections.abc import Sequence

from ..store.rows import SpanRow


def printed(rows: Sequence[SpanRow]) -> str:
    """The rows as readable trees."""
    raise NotImplementedError
