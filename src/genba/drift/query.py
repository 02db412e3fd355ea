"""What is said on the command line to choose calls: a store's path, or conditions such as `model=gpt-4o since=2026-11-01`."""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from .. import semconv
from ..store.clickhouse.address import hidden, is_one
from ..store.querying import Conditions
from ..store.stored import StoredSpan

KEYS: Final[Mapping[str, str]] = {
    "store": "path of a store, or clickhouse://…",
    "model": "the model asked for, or the one that answered",
    "since": "a date or time, as 2026-11-01 or 2026-11-01T18:30",
    "until": "the same; calls of that moment and later are left out",
    "user": "id of the user",
    "conversation": "id of the conversation",
    "run": "id of the process run",
    "tag": "one of the call's tags; may be said several times",
    "name": "name of the span",
    "operation": "chat, embeddings …",
    "provider": "who serves the model",
    "environment": "deployment environment of the service",
    "service": "name of the service",
}


class QueryError(ValueError):
    """A query that cannot be understood; the message says why, and what can be said."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """Which calls are meant."""

    said: str
    store: str | None = None
    conditions: Conditions
    """What the store is asked for."""
    operation: str | None = None
    provider: str | None = None
    name: str | None = None
    environment: str | None = None
    service: str | None = None
    tags: frozenset[str] = frozenset()

    def fits(self, span: StoredSpan) -> bool:
        """Whether a span meets what the store is not asked for."""
        attributes, resource = span.attributes, span.resource
        environments = {resource.get("deployment.environment.name"), resource.get("deployment.environment")}
        tags = attributes.get(semconv.TAGS, ())
        return (
            self.provider in (None, attributes.get(semconv.PROVIDER_NAME))
            and self.name in (None, span.name)
            and (self.environment is None or self.environment in environments)
            and self.service in (None, resource.get("service.name"))
            and self.tags <= (set(tags) if isinstance(tags, (list, tuple)) else {tags})
        )


def parse(said: str) -> Query:
    """What `said` means: the path of a store, or words `key=value` with spaces between them.

    Raises:
        QueryError: it cannot be understood.
    """
    if is_one(said) and not any(map(str.isspace, said)):
        return Query(said=hidden(said), store=said, conditions={})
    if os.path.exists(said) or "=" not in said:  # noqa: PTH110  # what is no path raises as one
        if not said.strip():
            raise QueryError(f"Nothing was said. {_SAY}")
        return Query(said=said, store=said, conditions={})
    values: dict[str, str] = {}
    tags = []
    words, said = _words(said), hidden(said)
    for word in words:
        key, equals, value = word.partition("=")
        if not equals:
            raise QueryError(f"{hidden(word)!r} in {said!r} is no key=value. Put quotes around a value with spaces in it. {_SAY}")
        if key not in KEYS:
            raise QueryError(f"{hidden(key)!r} in {said!r} is nothing to choose by. {_SAY}")
        if not value:
            raise QueryError(f"{key}= in {said!r} has no value.")
        if key == "tag":
            tags.append(value)
        elif key in values:
            raise QueryError(f"{key}= is said twice in {said!r}.")
        else:
            values[key] = value
    return Query(
        said=said,
        store=values.get("store"),
        conditions={
            "model": values.get("model"),
            "conversation_id": values.get("conversation"),
            "user_id": values.get("user"),
            "run_id": values.get("run"),
            "since_ns": moment_ns("since", values.get("since")),
            "until_ns": moment_ns("until", values.get("until")),
        },
        tags=frozenset(tags),
        **{key: values.get(key) for key in ("operation", "provider", "name", "environment", "service")},
    )


def _words(said: str) -> list[str]:
    try:
        return shlex.split(said)
    except ValueError as error:
        raise QueryError(f"{hidden(said)!r} cannot be read: a quote is not closed.") from error


def moment_ns(key: str, said: str | None) -> int | None:
    """The time that was said for `key`, in nanoseconds since 1970.

    Raises:
        QueryError: it is none.
    """
    if said is None:
        return None
    try:
        # Python 3.10 does not know the letter; without a zone the local one is meant.
        moment = datetime.fromisoformat(said.replace("Z", "+00:00").replace("z", "+00:00"))
        return int(moment.timestamp() * 1_000_000) * 1000
    except (ValueError, OverflowError, OSError) as error:
        raise QueryError(f"{key}={said} is no date or time. Write it as 2026-11-01 or 2026-11-01T18:30.") from error


_SAY: Final = f"Say the path of a store, or choose by: {', '.join(f'{key}=' for key in KEYS)}."
