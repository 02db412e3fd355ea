"""What a call cost, out of Gemini's `usageMetadata`: thoughts are counted beside the answer, and what built-in tools read beside the prompt."""

from __future__ import annotations

from ...conversation import JSON, Usage
from ...conversation.usage import count, total
from ..json_fields import Object
from .names import all_named, named

_BY_NUMBER = {1: "TEXT", 2: "IMAGE", 3: "VIDEO", 4: "AUDIO", 5: "DOCUMENT"}
"""Modalities, where a server writes enumerations as numbers."""


def read(value: JSON) -> Usage | None:
    """The counts, made whole. Live sessions count a `response` where the others count `candidates`."""
    usage = named(value)
    if not usage:
        return None
    went_in = [*all_named(usage.get("promptTokensDetails")), *all_named(usage.get("toolUsePromptTokensDetails"))]
    came_out = all_named(usage.get("candidatesTokensDetails")) or all_named(usage.get("responseTokensDetails"))
    cached = all_named(usage.get("cacheTokensDetails"))
    return Usage(
        input_tokens=total(count(usage.get("promptTokenCount")), count(usage.get("toolUsePromptTokenCount"))),
        output_tokens=_output(usage),
        cache_read_input_tokens=count(usage.get("cachedContentTokenCount")),
        reasoning_output_tokens=count(usage.get("thoughtsTokenCount")),
        text_input_tokens=_of(went_in, "TEXT"),
        text_output_tokens=_of(came_out, "TEXT"),
        text_cache_read_input_tokens=_of(cached, "TEXT"),
        image_input_tokens=_of(went_in, "IMAGE"),
        image_output_tokens=_of(came_out, "IMAGE"),
        image_cache_read_input_tokens=_of(cached, "IMAGE"),
        audio_input_tokens=_of(went_in, "AUDIO"),
        audio_output_tokens=_of(came_out, "AUDIO"),
        audio_cache_read_input_tokens=_of(cached, "AUDIO"),
        raw=value,
    )


def _output(usage: Object) -> int | None:
    """All that came out. Should a server have counted thoughts as a part of the answer, its total gives it away."""
    said, thought = _answer(usage), count(usage.get("thoughtsTokenCount"))
    if said is None or not thought:
        return total(said, thought)
    went_in = total(count(usage.get("promptTokenCount")), count(usage.get("toolUsePromptTokenCount"))) or 0
    return said if usage.get("totalTokenCount") == went_in + said else said + thought


def _answer(usage: Object) -> int | None:
    said = count(usage.get("candidatesTokenCount"))
    return count(usage.get("responseTokenCount")) if said is None else said


def _of(details: list[Object], modality: str) -> int | None:
    """How many of the tokens are of this modality."""
    counts = [count(each.get("tokenCount")) for each in details if _modality(each.get("modality")) == modality]
    return total(*counts)


def _modality(value: JSON) -> JSON:
    return _BY_NUMBER.get(value, value) if type(value) is int else value
