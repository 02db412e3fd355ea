"""The names in Gemini's JSON: written in camel case by the service, and now and then in snake case by its clients."""

from __future__ import annotations

import functools
from typing import Final

from ...conversation import JSON
from ..json_fields import Object, as_object, objects

RESPONSE_SERVICE_TIER: Final = "gcp.gemini.response.service_tier"
REQUEST_SERVICE_TIER: Final = "gcp.gemini.request.service_tier"
THINKING_BUDGET_TOKENS: Final = "gcp.gemini.request.thinking_budget"


def named(value: JSON) -> Object:
    """An object of the API with its own keys in camel case; what is in it stays as it is."""
    fields = as_object(value)
    return {camel(key): field for key, field in fields.items()} if any("_" in key for key in fields) else fields


def all_named(value: JSON) -> list[Object]:
    """The objects of a list, each with its own keys in camel case."""
    return [named(item) for item in objects(value)]


@functools.lru_cache(maxsize=512)
def camel(key: str) -> str:
    """`system_instruction` as `systemInstruction`; a key that begins with an underscore is none of the API's."""
    first, *others = key.split("_")
    return first + "".join(word[:1].upper() + word[1:] for word in others) if first else key
