"""What a call cost, out of any usage object of this family of APIs.

Chat counts `prompt_tokens`, Responses `input_tokens`, transcription `input_token_details` (one token), and servers that speak the
format put single counts elsewhere: all of it is one table of places to look.
"""

from __future__ import annotations

from typing import Any

from ...conversation import JSON, Usage
from ...conversation.usage import count, first
from ..json_fields import as_object, member


def read(value: JSON) -> Usage | None:
    """The counts, normalised, with the object itself kept as `raw`."""
    usage = as_object(value)
    if not usage:
        return None
    went_in = member(usage, "prompt_tokens_details", "input_tokens_details", "input_token_details")
    came_out = member(usage, "completion_tokens_details", "output_tokens_details", "output_token_details")
    from_cache = member(went_in, "cached_tokens_details")
    return Usage(
        input_tokens=_count(usage, "prompt_tokens", "input_tokens"),
        output_tokens=_output(usage, came_out),
        cache_read_input_tokens=first(_count(went_in, "cached_tokens"), _count(usage, "cached_tokens", "prompt_cache_hit_tokens")),
        cache_write_input_tokens=_count(went_in, "cache_write_tokens"),
        reasoning_output_tokens=_reasoning(usage, came_out),
        text_input_tokens=_count(went_in, "text_tokens"),
        text_output_tokens=_count(came_out, "text_tokens"),
        text_cache_read_input_tokens=_count(from_cache, "text_tokens", "cached_text_tokens"),
        image_input_tokens=_count(went_in, "image_tokens"),
        image_output_tokens=_count(came_out, "image_tokens"),
        image_cache_read_input_tokens=_count(from_cache, "image_tokens", "cached_image_tokens"),
        audio_input_tokens=_count(went_in, "audio_tokens"),
        audio_output_tokens=_count(came_out, "audio_tokens"),
        audio_cache_read_input_tokens=_count(from_cache, "audio_tokens", "cached_audio_tokens"),
        raw=usage,
    )


def of_timings(value: JSON) -> Usage | None:
    """What llama.cpp counted while it took the time: its streams have no usage unless that was asked for."""
    timings = as_object(value)
    read, cached, said = (count(timings.get(name)) for name in ("prompt_n", "cache_n", "predicted_n"))
    if read is None or cached is None or said is None:
        return None
    return Usage(input_tokens=read + cached, output_tokens=said, cache_read_input_tokens=cached, raw=timings)


def _output(usage: dict[str, Any], came_out: dict[str, Any]) -> int | None:
    """All that came out. Some servers (x.ai) leave reasoning out of the completion; their total gives it away."""
    output, reasoning = _count(usage, "completion_tokens", "output_tokens"), _reasoning(usage, came_out)
    input, total = _count(usage, "prompt_tokens", "input_tokens"), _count(usage, "total_tokens")
    if output is None or input is None or total is None or not reasoning:
        return output
    return output + reasoning if total == input + output + reasoning else output


def _reasoning(usage: dict[str, Any], came_out: dict[str, Any]) -> int | None:
    return first(_count(came_out, "reasoning_tokens"), _count(usage, "reasoning_tokens"))


def _count(counts: dict[str, Any], *keys: str) -> int | None:
    # Most details are empty, and this is asked twenty times a call.
    if counts:
        for key in keys:
            number = count(counts.get(key))
            if number is not None:
                return number
    return None
