"""The tokens and times that vLLM tells of a request."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...conversation import JSON, Timings, Tokens
from ...conversation.tokens import Side
from ...tokens.vocabulary import Vocabulary
from ..json_fields import Object, all_integers, as_object, member, number, objects

_NOT_ASKED = "the request did not ask for log-probabilities"


def read(body: JSON, vocabulary: Vocabulary) -> list[Tokens]:
    """The tokens that went in and came out."""
    said = as_object(body)
    told = [_tokens(one, "input", index, vocabulary) for index, one in enumerate(objects(said.get("prompts")))]
    told += [_tokens(one, "output", index, vocabulary) for index, one in enumerate(objects(said.get("choices")))]
    return [one for one in told if one is not None]


def _tokens(said: Object, side: Side, index: int, vocabulary: Vocabulary) -> Tokens | None:
    ids: Any = said.get("ids")
    if not all_integers(ids):
        return None
    columns, unknown = _columns(ids, said.get("logprobs_of_ids"), vocabulary)
    return vocabulary.tokens(ids, side, index, unknown, **columns)


def _columns(ids: Sequence[int], listed: Any, vocabulary: Vocabulary) -> tuple[dict[str, Any], dict[str, str]]:
    """Log-probabilities of the tokens, and of the likeliest ones at each place."""
    if not isinstance(listed, list) or len(listed) != len(ids):
        return {}, {"logprobs": _NOT_ASKED}
    by_place = [dict(some) if isinstance(some, list) else {} for some in listed]
    columns = {
        "logprobs": [some.get(id) for id, some in zip(ids, by_place, strict=True)],
        "top": [_likeliest(some, vocabulary) for some in by_place],
    }
    return columns, {}


def _likeliest(some: dict[int, float], vocabulary: Vocabulary) -> Any:
    ordered = sorted(some.items(), key=lambda one: -one[1])
    return vocabulary.alternatives([id for id, _ in ordered], [logprob for _, logprob in ordered])


def timings(body: JSON) -> Timings | None:
    """How long it waited, read the prompt and wrote, where the engine keeps statistics."""
    said = as_object(body)
    times = member(said, "metrics")
    queued, scheduled, first, last = (number(times, name) for name in ("queued", "scheduled", "first_token", "last_token"))
    found = Timings(
        queue=_between(queued, scheduled),
        prefill=_between(scheduled, first),
        decode=_between(first, last),
        prefill_tokens=_read(said) if _between(scheduled, first) is not None else None,
        decode_tokens=_written(said) if _between(first, last) is not None else None,
    )
    return None if found == Timings() else found


def _between(one: float | None, other: float | None) -> float | None:
    return None if one is None or other is None or other < one else other - one


def _read(said: Object) -> int | None:
    """Tokens of the prompt that were not in a cache."""
    usage = member(said, "usage")
    prompt, cached = usage.get("prompt_tokens"), member(usage, "prompt_tokens_details").get("cached_tokens")
    return prompt - (cached or 0) if isinstance(prompt, int) else None


def _written(said: Object) -> int | None:
    """Tokens that came after the first one, whose coming ends the reading."""
    choices = objects(said.get("choices"))
    return choices[0]["tokens"] - 1 if len(choices) == 1 else None
