"""Bedrock's token counts, made whole: its input leaves out what was read from or written to the prompt cache."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...conversation import JSON, Usage
from ...conversation.usage import count, total
from ..json_fields import Object, as_object

_HEADERS = "x-amzn-bedrock-"
_INPUT = ("inputTokens", "inputTokenCount", "input-token-count")
_OUTPUT = ("outputTokens", "outputTokenCount", "output-token-count")
_READ = ("cacheReadInputTokens", "cacheReadInputTokenCount", "cache-read-input-token-count")
_WRITTEN = ("cacheWriteInputTokens", "cacheWriteInputTokenCount", "cache-write-input-token-count")


def read(usage: JSON) -> Usage | None:
    """The `usage` of Converse and of Nova, or the metrics that the last chunk of a vendor's stream has."""
    return _read(as_object(usage), usage)


def read_headers(headers: JSON) -> Usage | None:
    """What the headers of an answer say that nobody has read yet."""
    counts = {name: int(value) for name, value in _counts(as_object(headers)).items() if value.isdecimal()}
    return _read({name.removeprefix(_HEADERS): value for name, value in counts.items()}, counts)


def counting(headers: Mapping[str, Any]) -> dict[str, str]:
    """Those of the headers that `read_headers` needs."""
    return _counts({name.lower(): value for name, value in headers.items()})


def _counts(headers: Object) -> dict[str, str]:
    return {
        name: value
        for name, value in headers.items()
        if name.startswith(_HEADERS) and name.endswith("-token-count") and isinstance(value, str)
    }


def _read(said: Object, raw: JSON) -> Usage | None:
    fresh, output = _count(said, _INPUT), _count(said, _OUTPUT)
    if fresh is None and output is None:
        return None
    from_cache, to_cache = _count(said, _READ), _count(said, _WRITTEN)
    return Usage(
        # Without the tokens that were not cached, a sum of the others would look like the whole.
        input_tokens=None if fresh is None else total(fresh, from_cache, to_cache),
        output_tokens=output,
        cache_read_input_tokens=from_cache,
        cache_write_input_tokens=to_cache,
        raw=raw,
    )


def _count(said: Object, names: tuple[str, ...]) -> int | None:
    return next((found for name in names if (found := count(said.get(name))) is not None), None)
