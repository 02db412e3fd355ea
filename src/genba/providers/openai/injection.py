"""Ask a chat stream for its usage, where the host chose `stream_usage="inject"`, and know the chunk that comes of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...conversation import JSON


def adds_usage(body: JSON) -> JSON:
    """The body of a streamed chat or text completion, asking for usage; None if it does not stream, or asks already."""
    if not isinstance(body, Mapping) or body.get("stream") is not True or not ("messages" in body or "prompt" in body):
        return None
    options = body.get("stream_options")
    if options is None:
        return {**body, "stream_options": {"include_usage": True}}
    if not isinstance(options, Mapping) or "include_usage" in options:
        return None
    return {**body, "stream_options": {**options, "include_usage": True}}


def is_only_usage(chunk: Any) -> bool:
    """Whether a chunk is the extra one: no choices, only usage."""
    return getattr(chunk, "choices", None) == [] and getattr(chunk, "usage", None) is not None
