"""Anthropic's token counts, made whole: its `input_tokens` leaves out what was read from or written to the prompt cache.

Its totals also leave out some rounds of a call that took several (a compaction, an advisor, a fallback); these are in `iterations`.
"""

from __future__ import annotations

from collections.abc import Callable

from ...conversation import JSON, Usage
from ...conversation.usage import count, total
from ..json_fields import Object, member, objects, present, text
from . import names


def read(usage: JSON) -> Usage | None:
    """The `usage` object of a message."""
    if not isinstance(usage, dict) or not usage:
        return None
    fresh = _spent(usage, lambda turn: count(turn.get("input_tokens")))
    read_from_cache = _spent(usage, lambda turn: count(turn.get("cache_read_input_tokens")))
    written_to_cache = _spent(usage, _written_to_cache)
    return Usage(
        # Without the tokens that were not cached, a sum of the others would look like the whole.
        input_tokens=None if fresh is None else total(fresh, read_from_cache, written_to_cache),
        output_tokens=_spent(usage, lambda turn: count(turn.get("output_tokens"))),
        cache_read_input_tokens=read_from_cache,
        cache_write_input_tokens=written_to_cache,
        reasoning_output_tokens=count(member(usage, "output_tokens_details").get("thinking_tokens")),
        raw=usage,
    )


def attributes(usage: Object) -> dict[str, str | int]:
    """What usage tells that the conventions have no name for."""
    kept_for = member(usage, "cache_creation")
    return present(
        {
            names.RESPONSE_SERVICE_TIER: text(usage, "service_tier"),
            names.CACHE_WRITE_5M_INPUT_TOKENS: count(kept_for.get("ephemeral_5m_input_tokens")),
            names.CACHE_WRITE_1H_INPUT_TOKENS: count(kept_for.get("ephemeral_1h_input_tokens")),
        }
    )


def _spent(usage: Object, counted: Callable[[Object], int | None]) -> int | None:
    """A count summed over all rounds. Where the total already has them all, the two are equal."""
    rounds = total(*(counted(each) for each in objects(usage.get("iterations"))))
    known = [each for each in (counted(usage), rounds) if each is not None]
    return max(known) if known else None


def _written_to_cache(turn: Object) -> int | None:
    written = count(turn.get("cache_creation_input_tokens"))
    return total(*(count(part) for part in member(turn, "cache_creation").values())) if written is None else written
