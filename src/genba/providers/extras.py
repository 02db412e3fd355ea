"""What a provider says of its answer that the conventions have no name for: kept as JSON text, by the provider's own names."""

from __future__ import annotations

from typing import Any

from .. import semconv
from ..conversation.encoding import encode
from .json_fields import Object


def extra(said: Object) -> dict[str, Any]:
    """What is worth keeping, as one JSON object."""
    return {semconv.RESPONSE_EXTRA: encode(said).decode()} if said else {}


def chosen(body: Object, *names: str) -> dict[str, Any]:
    """The same of these fields of an answer, as far as they say something."""
    return extra({name: body[name] for name in names if body.get(name)})
