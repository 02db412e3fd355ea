"""Read what a library says on spans of its own, by the names that the conventions have for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import orjson

from .. import semconv
from ..conversation import Message, Request, Response, loose
from ..conversation.parts import JSON

_REQUEST = "gen_ai.request."
_DETAILS = ".details."
"""Counts under this name break others down in words of the library's own."""


def request(said: Mapping[str, Any]) -> Request:
    """What a model was asked."""
    settings = {name.removeprefix(_REQUEST): value for name, value in said.items() if name.startswith(_REQUEST)}
    return replace(
        loose.request({**settings, "tools": json(said.get(semconv.TOOL_DEFINITIONS))}),
        messages=messages(json(said.get(semconv.INPUT_MESSAGES))),
        system_instructions=instructions(said),
    )


def instructions(said: Mapping[str, Any]) -> Sequence[Any]:
    """What it was told to do all along."""
    return loose.content(json(said.get(semconv.SYSTEM_INSTRUCTIONS)))


def response(said: Mapping[str, Any]) -> Response:
    """What a model answered, and what it cost."""
    counts = {
        name.removeprefix(semconv.USAGE).replace(".", "_"): value
        for name, value in said.items()
        if name.startswith(semconv.USAGE) and _DETAILS not in name and type(value) is int
    }
    if "cache_creation_input_tokens" in counts:
        counts["cache_write_input_tokens"] = counts.pop("cache_creation_input_tokens")
    thought = said.get(f"{semconv.USAGE}details.reasoning_tokens")
    if thought is not None:
        counts["reasoning_output_tokens"] = thought
    return Response(
        id=said.get(semconv.RESPONSE_ID),
        model=said.get(semconv.RESPONSE_MODEL),
        messages=messages(json(said.get(semconv.OUTPUT_MESSAGES))),
        finish_reasons=said.get(semconv.RESPONSE_FINISH_REASONS) or (),
        usage=loose.usage(counts) if counts else None,
    )


def messages(said: JSON) -> Sequence[Message]:
    """Messages in the conventions' form, but that arguments may be text in them, and results have had another name."""
    read = loose.messages(said) if isinstance(said, list) else []
    return [{**message, "parts": [_part(part) for part in message["parts"]]} for message in read]


def _part(said: Mapping[str, Any]) -> Mapping[str, Any]:
    if said.get("type") == "tool_call":
        return {**said, "arguments": loose.arguments(said.get("arguments"))}
    if said.get("type") == "tool_call_response" and "result" in said:
        return {**{key: value for key, value in said.items() if key != "result"}, "response": said["result"]}
    return {**said, "type": "reasoning"} if said.get("type") == "thinking" else said


def json(said: Any) -> JSON:
    """What an attribute stands for that is written as JSON; None for one that is not."""
    try:
        return orjson.loads(said) if isinstance(said, (str, bytes)) else None
    except ValueError:
        return None
