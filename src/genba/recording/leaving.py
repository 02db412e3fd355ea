"""What a span of ours has besides attributes (status text, events, links), redacted when somebody reads it.

The SDK hands these on as they are, so they are replaced at the end of the span by the same ones that look themselves through at the first
reading: on the exporter's thread, not on the host's. A span of another make has its texts redacted at once.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from opentelemetry.attributes import BoundedAttributes
from opentelemetry.sdk.trace import Event, Span
from opentelemetry.trace import Status, StatusCode

from ..redacting.finding import FAILED
from .pending import PendingAttributes

if TYPE_CHECKING:
    from ..redacting.finding import Findings
    from ..redacting.redactor import Redactor
    from .record import Record


class LaterStatus(Status):
    """A status whose text is worked out when it is read."""

    def __init__(self, code: StatusCode, words: Callable[[], str | None]) -> None:
        super().__init__(code)
        self._words: Callable[[], str | None] | None = words
        self._read: str | None = None

    @property
    def description(self) -> str | None:
        """What is said of it."""
        if self._words is not None:
            words, self._words = self._words, None
            self._read = FAILED
            self._read = words()
        return self._read


def cover(span: Any, redactor: Redactor, record: Record) -> list[Callable[[], Any]]:
    """Have the rest of `span` redacted when it is read; what brings that about now. On the hot path: most spans have nothing more."""
    if not isinstance(span, Span):
        return []
    name = span.name
    kept = redactor.name(name)
    if kept != name:
        span.update_name(kept)
    settle: list[Callable[[], Any]] = []
    status = span.status
    if type(status) is Status and status.description:
        words = status.description
        said = LaterStatus(status.status_code, lambda: redactor.text(words, "status.description", record.findings))
        span._status = said  # noqa: SLF001  # where the SDK keeps it
        settle.append(functools.partial(getattr, said, "description"))
    elif type(status) is LaterStatus:
        settle.append(functools.partial(getattr, status, "description"))
    rest: list[Any] = [*span.events, *span.links]
    for one in rest:  # they are the span's own, and hidden behind properties
        if isinstance(one, Event):
            one._name = redactor.name(one.name)  # noqa: SLF001
        if one.attributes:
            one._attributes = later = _later(one.attributes, redactor, record.findings)  # noqa: SLF001
            settle.append(later.keys)
    return settle


def _later(attributes: Any, redactor: Redactor, findings: Findings) -> PendingAttributes:
    before = attributes if type(attributes) is BoundedAttributes else BoundedAttributes(attributes=dict(attributes))
    limit = before.max_value_len

    def redact(_: int | None, had: Mapping[str, Any]) -> Mapping[str, Any]:
        kept = redactor.attributes(had, findings)
        return {name: value[:limit] if isinstance(value, str) and limit else value for name, value in kept.items()}

    pending = PendingAttributes(before, redact, None)
    pending.ready = True
    return pending
