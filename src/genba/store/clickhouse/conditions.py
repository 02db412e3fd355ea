"""What a span must meet, in ClickHouse's words: each attribute is looked for in the map of them all."""

from __future__ import annotations

from typing import Any, Final

from ... import semconv
from ..querying import Conditions

OURS: Final = f"(ScopeName = 'genba' OR mapContains(SpanAttributes, '{semconv.OPERATION_NAME}'))"
"""A table may hold every span of a company; this is true of those that have to do with models."""

_ERROR: Final = (
    f"(StatusCode IN ('Error', 'STATUS_CODE_ERROR') OR mapContains(SpanAttributes, '{semconv.ERROR_TYPE}') "
    f"OR SpanAttributes['{semconv.OUTCOME}'] = '{semconv.Outcome.FAILED}')"
)


def in_sql(conditions: Conditions) -> tuple[str, dict[str, Any]]:
    """What follows WHERE, and the values in it. The times are left out: they choose which part of the table is read."""
    found: list[str] = []
    given: dict[str, Any] = {}
    wanted = list(conditions.get("operations", ()))
    if wanted:
        found.append(f"SpanAttributes['{semconv.OPERATION_NAME}'] IN {{operations:Array(String)}}")
        given["operations"] = wanted
    model = conditions.get("model")
    if model is not None:
        asked, answered = (
            f"SpanAttributes['{name}'] = {{model:String}}" for name in (semconv.REQUEST_MODEL, semconv.RESPONSE_MODEL)
        )
        found.append(f"({asked} OR {answered})")
        given["model"] = model
    if conditions.get("error"):
        found.append(_ERROR)
    for name, attribute, value in (
        ("conversation", semconv.CONVERSATION_ID, conditions.get("conversation_id")),
        ("user", semconv.USER_ID, conditions.get("user_id")),
        ("run", semconv.RUN_ID, conditions.get("run_id")),
    ):
        if value is not None:
            found.append(f"SpanAttributes['{attribute}'] = {{{name}:String}}")
            given[name] = value
    return " AND ".join(found) or OURS, given
