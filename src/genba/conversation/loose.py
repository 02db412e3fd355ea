"""Read what people hand over by hand: messages, requests and answers in the forms that are common in Python code.

Used for decorated functions and hand-written integrations, where no wire format tells the shape. Whatever is not recognised is kept
as text or JSON, never refused.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

import orjson

from . import parts
from .exchange import Request, Response
from .parts import JSON, Message, Part
from .usage import Usage, count

_REQUEST_FIELDS = frozenset(field.name for field in fields(Request))
_USAGE_FIELDS = frozenset(field.name for field in fields(Usage))
_PROMPTS = ("messages", "prompt", "input", "inputs", "question", "query", "text", "contents")
_OTHER_NAMES = {
    "max_output_tokens": "max_tokens",
    "max_completion_tokens": "max_tokens",
    "stop": "stop_sequences",
    "n": "choice_count",
    "reasoning_effort": "reasoning_level",
    "dimensions": "dimension_count",
    "system": "system_instructions",
    "instructions": "system_instructions",
    "system_prompt": "system_instructions",
}


def request(said: Mapping[str, JSON]) -> Request:
    """A request from named values such as a function's arguments: `messages` or `prompt`, `model`, `temperature` …"""
    known: dict[str, Any] = {}
    for name, value in said.items():
        field = _OTHER_NAMES.get(name, name)
        if field in _REQUEST_FIELDS and value is not None:
            known[field] = value
    prompt = next((said[name] for name in _PROMPTS if said.get(name) is not None), None)
    if prompt is not None:
        known["messages"] = messages(prompt)
    if "system_instructions" in known:
        known["system_instructions"] = content(known["system_instructions"])
    if isinstance(known.get("stop_sequences"), str):
        known["stop_sequences"] = (known["stop_sequences"],)
    if known.get("choice_count") == 1:
        del known["choice_count"]
    for name in ("model", "conversation_id", "output_type", "query"):
        if name in known and not isinstance(known[name], str):
            del known[name]
    return Request(**known)


def response(said: JSON) -> Response:
    """An answer from what a function returned: text, a message, a list of messages, or an object with the usual keys."""
    if isinstance(said, Response):
        return said
    if said is None:
        return Response()
    if not isinstance(said, Mapping):
        return Response(messages=messages(said, role="assistant"))
    usage_said = said.get("usage")
    reason = next((said[name] for name in ("finish_reason", "stop_reason") if isinstance(said.get(name), str)), None)
    answer: Any = next(
        (said[name] for name in ("messages", "message", "output", "text", "completion", "answer") if name in said), said
    )
    return Response(
        id=_text(said.get("id")),
        model=_text(said.get("model")),
        messages=messages(answer, role="assistant"),
        finish_reasons=(reason,) if reason else (),
        native_finish_reasons=(reason,) if reason else (),
        usage=usage(usage_said) if isinstance(usage_said, Mapping) else None,
    )


def usage(said: Mapping[str, JSON]) -> Usage:
    """Token counts by the conventions' names, or OpenAI's older ones."""
    known = {name: count(value) for name, value in said.items() if name in _USAGE_FIELDS and name != "raw"}
    known.setdefault("input_tokens", count(said.get("prompt_tokens")))
    known.setdefault("output_tokens", count(said.get("completion_tokens")))
    return Usage(**known, raw=dict(said))


def messages(said: JSON, role: str = "user") -> list[Message]:
    """Messages from a text, a message, or a list of either."""
    if isinstance(said, Mapping):
        return [_message(said, role)]
    if isinstance(said, Sequence) and not isinstance(said, (str, bytes)):
        return [_message(one, role) for one in said]
    return [parts.message(role, content(said))]


def _message(said: JSON, role: str) -> Message:
    if not isinstance(said, Mapping):
        return parts.message(role, content(said))
    spoken_by = said.get("role")
    if isinstance(said.get("parts"), Sequence):
        return parts.message(spoken_by if isinstance(spoken_by, str) else role, [_part(one) for one in said["parts"]])
    if "content" not in said and spoken_by is None and "tool_calls" not in said:
        return parts.message(role, content(said))
    said_parts: list[Part] = []
    if spoken_by == "tool":
        said_parts.append(parts.tool_call_response(said.get("content"), _text(said.get("tool_call_id"))))
    else:
        said_parts.extend(content(said.get("content")))
    for call in said.get("tool_calls") or ():
        if isinstance(call, Mapping):
            said_parts.append(_tool_call(call))
    return parts.message(spoken_by if isinstance(spoken_by, str) else role, said_parts, name=_text(said.get("name")))


def content(said: JSON) -> list[Part]:
    """Parts from a text, a part, or a list of either. Other values become JSON text."""
    if said is None or said == "":
        return []
    if isinstance(said, str):
        return [parts.text(said)]
    if isinstance(said, Mapping) and isinstance(said.get("type"), str):
        return [_part(said)]
    if isinstance(said, Sequence) and not isinstance(said, (str, bytes)) and all(isinstance(one, (str, Mapping)) for one in said):
        return [_part(one) for one in said]
    return [parts.text(as_text(said))]


def _part(said: JSON) -> Part:
    if isinstance(said, Mapping) and isinstance(said.get("type"), str):
        if said["type"] == "text" and isinstance(said.get("text"), str):
            return parts.text(said["text"])
        return said
    return parts.text(said if isinstance(said, str) else as_text(said))


def _tool_call(said: Mapping[str, JSON]) -> Part:
    nested = said.get("function")
    function = nested if isinstance(nested, Mapping) else said
    return parts.tool_call(str(function.get("name", "")), arguments(function.get("arguments")), _text(said.get("id")))


def arguments(said: JSON) -> JSON:
    """Tool call arguments: the object that a JSON text stands for, or the text itself where it is none."""
    if isinstance(said, str):
        try:
            return orjson.loads(said)
        except ValueError:
            return said
    return said


def folded(chunks: Sequence[JSON]) -> JSON:
    """What the chunks of a hand-written stream add up to: one text if they are texts, else the list of them."""
    texts = [chunk if isinstance(chunk, str) else _chunk_text(chunk) for chunk in chunks]
    return (
        "".join(text for text in texts if text is not None) if texts and all(text is not None for text in texts) else list(chunks)
    )


def _chunk_text(chunk: JSON) -> str | None:
    if not isinstance(chunk, Mapping):
        return None
    return next((chunk[name] for name in ("content", "text", "delta") if isinstance(chunk.get(name), str)), None)


def as_text(said: JSON) -> str:
    """Any JSON value as text: itself if it is one, else its JSON."""
    return said if isinstance(said, str) else orjson.dumps(said).decode()


def _text(said: JSON) -> str | None:
    return said if isinstance(said, str) and said else None
