"""What a span must meet, in SQLite's words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .querying import Conditions


def in_sql(conditions: Conditions) -> tuple[str, list[Any]]:
    """What follows WHERE, and the values in it."""
    wanted = list(conditions.get("operations", ()))
    found: list[tuple[str, Sequence[Any]]] = []
    if wanted:
        found.append((f"operation IN ({','.join('?' * len(wanted))})", wanted))
    model = conditions.get("model")
    if model is not None:
        found.append(("(request_model = ? OR response_model = ?)", (model, model)))
    if conditions.get("error"):
        found.append(("(status = 'error' OR error_type IS NOT NULL OR outcome = 'failed')", ()))
    for condition, value in (
        ("conversation_id = ?", conditions.get("conversation_id")),
        ("user_id = ?", conditions.get("user_id")),
        ("run = (SELECT id FROM runs WHERE run_id = ?)", conditions.get("run_id")),
        ("start_ns >= ?", conditions.get("since_ns")),
        ("start_ns < ?", conditions.get("until_ns")),
    ):
        if value is not None:
            found.append((condition, (value,)))
    where = " AND ".join(condition for condition, _ in found) or "TRUE"
    return where, [value for _, some in found for value in some]
