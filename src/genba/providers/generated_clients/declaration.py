"""What tells one generated client from another: its package, its routes, and what its provider is called."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ...conversation import JSON
from ...observing.endpoint import Endpoint
from ...observing.patching import Wrap


@dataclass(frozen=True, slots=True, kw_only=True)
class GeneratedClient:
    """A client library of this family."""

    package: str
    """Its import name."""
    distribution: str = ""
    """What it is installed as, where that is called otherwise."""
    routes: Mapping[str, Endpoint]
    """Endpoints by `METHOD /path`; a path may have `{id}` in it, or the name of the attribute that this piece of it becomes."""
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


def resembling(routes: Mapping[str, Endpoint], provider: str, *names: str, under: str = "") -> dict[str, Endpoint]:
    """The `POST` routes of these `names` out of another client's, as `provider` serves them `under` a longer path."""
    return {f"POST {under}{name}": replace(routes[f"POST {name}"], provider=provider, attributes={}) for name in names}
