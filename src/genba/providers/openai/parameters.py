"""The request parameters that all text APIs of this family share, in the conventions' words."""

from __future__ import annotations

from typing import Any

from ... import semconv
from ..json_fields import integer, member, number, some_text, texts

_OUTPUT_TYPES = {"text": "text", "json_object": "json", "json_schema": "json"}


def read(body: dict[str, Any]) -> dict[str, Any]:
    """The keyword arguments of a `Request`, except what is said and which tools are offered."""
    count = integer(body, "n")
    return {
        "model": some_text(body, "model"),
        "output_type": output_type(body),
        "stream": True if body.get("stream") is True else None,
        "temperature": number(body, "temperature"),
        "top_p": number(body, "top_p"),
        "top_k": integer(body, "top_k"),
        "max_tokens": integer(body, "max_completion_tokens", "max_output_tokens", "max_tokens"),
        "frequency_penalty": number(body, "frequency_penalty"),
        "presence_penalty": number(body, "presence_penalty"),
        "stop_sequences": tuple(texts(body.get("stop"))),
        "seed": integer(body, "seed"),
        "choice_count": count if count != 1 else None,
        "reasoning_level": some_text(body, "reasoning_effort") or some_text(member(body, "reasoning"), "effort"),
        "attributes": attributes(body),
    }


def attributes(body: dict[str, Any]) -> dict[str, Any]:
    """What only this provider's requests say."""
    tier = some_text(body, "service_tier")
    return {semconv.OPENAI_REQUEST_SERVICE_TIER: tier} if tier and tier != "auto" else {}


def output_type(body: dict[str, Any]) -> str | None:
    """What the answer shall be: Chat says it in `modalities` and `response_format`, Responses in `text.format`."""
    modalities = texts(body.get("modalities"))
    if "audio" in modalities:
        return "speech"
    if "image" in modalities:
        return "image"
    format = member(body, "response_format") or member(member(body, "text"), "format")
    return _OUTPUT_TYPES.get(some_text(format, "type") or "")
