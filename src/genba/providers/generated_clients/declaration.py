"""What tells one generated client from another: its package, its routes, and what its provider is called."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ...conversation import JSON
from ...observing.endpoint import Endpoint
from ...observing.patching import Wrap


@dataclass(frozen=True, slots=True, kw_only=True)
class GeneratedClient:
    """A client library of this family."""

    package: str
    """Its import name, which is also its distribution's."""
    routes: Mapping[str, Endpoint]
    """Endpoints by `METHOD /path`; a path may have `{id}` in it."""
    provider_name: Callable[[str, str], str] | None = None
    """(the client's class name, the server's host) -> `gen_ai.provider.name`; without it, what the endpoint says."""
    methods: Mapping[str, str] = field(default_factory=dict)
    """What to wrap where a version has no `request` method as we know it: `module:Class.method` -> its route."""
    more: Callable[[], Sequence[tuple[str, str, Wrap]]] = tuple
    """Further functions to wrap: module, attribute, wrapper."""
    adds_usage: Callable[[JSON], JSON] | None = None
    """A request body -> the same asking for usage at the end of the stream, or None if it does not apply."""
    is_only_usage: Callable[[Any], bool] | None = None
    """Whether a chunk is there only because of that."""
