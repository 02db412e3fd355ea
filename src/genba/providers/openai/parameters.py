"""The request parameters that all text APIs of this family share, in the conventions' words."""

from __future__ import annotations

from typing import Any

from ... import semconv
from . import wire

_OUTPUT_TYPES = {"text": "text", "json_object": "json", "json_schema": "json"}


def read(body: dict[str, Any]) -> dict[str, Any]:
    """The keyword arguments of a `Request`, except what is said and which tools are offered."""
    count = wire.integer(body, "n")
    return {
        "model": wire.text(body, "model"),
        "output_type": output_type(body),
        "stream": True if body.get("stream") is True else None,
        "temperature": wire.number(body, "temperature"),
        "top_p": wire.number(body, "top_p"),
        "top_k": wire.integer(body, "top_k"),
        "max_tokens": wire.integer(body, "max_completion_tokens", "max_output_tokens", "max_tokens"),
        "frequency_penalty": wire.number(body, "frequency_penalty"),
        "presence_penalty": wire.number(body, "presence_penalty"),
        "stop_sequences": tuple(wire.texts(body.get("stop"))),
        "seed": wire.integer(body, "seed"),
        "choice_count": count if count != 1 else None,
        "reasoning_level": wire.text(body, "reasoning_effort") or wire.text(wire.fields(body.get("reasoning")), "effort"),
        "attributes": attributes(body),
    }


def attributes(body: dict[str, Any]) -> dict[str, Any]:
    """What only this provider's requests say."""
    tier = wire.text(body, "service_tier")
    return {semconv.OPENAI_REQUEST_SERVICE_TIER: tier} if tier and tier != "auto" else {}


def output_type(body: dict[str, Any]) -> str | None:
    """What the answer shall be: Chat says it in `modalities` and `response_format`, Responses in `text.format`."""
    modalities = wire.texts(body.get("modalities"))
    if "audio" in modalities:
        return "speech"
    if "image" in modalities:
        return "image"
    format = wire.fields(body.get("response_format")) or wire.fields(wire.fields(body.get("text")).get("format"))
    return _OUTPUT_TYPES.get(wire.text(format, "type") or "")
