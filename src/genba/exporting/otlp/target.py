"""An OTLP destination: where it is, what it is told of us, and how much it takes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Literal, NamedTuple, TypeAlias
from urllib.parse import urlsplit

Protocol: TypeAlias = Literal["http/protobuf", "grpc"]


class Alias(NamedTuple):
    """An attribute that a reader looks for under another name."""

    name: str
    source: str
    """The attribute of ours whose value it gets."""
    values: Mapping[str, str] | None = None
    """What the value is called there; one that is not in it gives no attribute."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How much a destination takes. Bytes are those of the serialised form, before compression."""

    max_attribute_bytes: int | None = None
    """Of one text."""
    max_span_bytes: int | None = None
    max_request_bytes: int = 4_000_000
    """Under the 4 MiB at which gRPC servers refuse a message, and most collectors a request."""
    max_spans_per_request: int = 512
    max_age: float | None = None
    """Seconds since a span's end, after which it is not taken any more."""


@dataclass(frozen=True, slots=True)
class Target:
    """Where spans are to be sent."""

    name: str
    url: str
    """Of the traces, complete; host and port for gRPC."""
    protocol: Protocol = "http/protobuf"
    headers: Mapping[str, str] = field(default_factory=dict)
    limits: Limits = Limits()
    aliases: tuple[Alias, ...] = ()
    resource: Mapping[str, str] = field(default_factory=dict)
    """Further resource attributes."""
    uses_standard_variables: bool = False
    """Whether OpenTelemetry's OTLP variables are meant for it: headers, certificates."""

    @property
    def key(self) -> str:
        """Tells it from others, also in the next process: spans that wait for one never go to another account.

        No secret can be read from it.
        """
        parts = urlsplit(self.url)
        told = repr(sorted((name.lower(), value) for name, value in {**self.headers, **self.resource}.items()))
        place = f"{parts.hostname or ''}:{parts.port or ''}{parts.path}" if parts.scheme else self.url
        return f"{self.name} {place} {sha256(told.encode()).hexdigest()[:8]}"
