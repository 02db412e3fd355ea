"""Read what people hand over by hand: messages, requests and answers in the forms that are common in Python code.

Used for decorated functions and hand-written integrations, where no wire format tells the shape. Whatever is not recognised is kept
as text or JSON, never refused.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, cast

import orjson

from . import parts
from .encoding import encode
from .exchange import Request, Response
from .parts import JSON, Message, Part, ToolDefinition
from .usage import COUNTS, Usage, count

_PROMPTS = ("messages", "prompt", "input", "inputs", "question", "query", "text", "contents")
_NUMBERS = ("temperature", "top_p", "frequency_penalty", "presence_penalty")
_WHOLE = {
    "top_k": ("top_k",),
    "max_tokens": ("max_tokens", "max_output_tokens", "max_completion_tokens"),
    "seed": ("seed",),
    "choice_count": ("choice_count", "n"),
    "dimension_count": ("dimension_count", "dimensions"),
    "retrieval_top_k": ("retrieval_top_k",),
}
_TEXTS = {
    "model": ("model",),
    "output_type": ("output_type",),
    "conversation_id": ("conversation_id",),
    "previous_response_id": ("previous_response_id",),
    "reasoning_level": ("reasoning_level", "reasoning_effort"),
    "query": ("query",),
    "data_source_id": ("data_source_id",),
}
_LISTS = {"stop_sequences": ("stop_sequences", "stop"), "encoding_formats": ("encoding_formats", "encoding_format")}
_INSTRUCTIONS = ("system_instructions", "system", "instructions", "system_prompt")


def search(said: Mapping[str, JSON]) -> Request:
    """A request for documents, from the same: `top_k` is how many are asked for, not how the model samples."""
    read = request(said)
    return read if read.top_k is None else replace(read, top_k=None, retrieval_top_k=read.retrieval_top_k or read.top_k)


def request(said: Mapping[str, JSON]) -> Request:
    """A request from named values such as a function's arguments: `messages` or `prompt`, `model`, `temperature` and so on.

    A value of another type than its name promises says nothing.
    """
    known: dict[str, Any] = {name: value for name in _NUMBERS if _is_number(value := said.get(name))}
    known.update(_found(said, _WHOLE, lambda value: value if type(value) is int else None))
    known.update(_found(said, _TEXTS, lambda value: value if isinstance(value, str) and value else None))
    known.update(_found(said, _LISTS, _texts))
    prompt = next((said[name] for name in _PROMPTS if said.get(name) is not None), None)
    if prompt is not None:
        known["messages"] = messages(prompt)
    instructions = next((said[name] for name in _INSTRUCTIONS if said.get(name) is not None), None)
    if instructions is not None:
        known["system_instructions"] = content(instructions)
    if isinstance(said.get("tools"), Sequence) and not isinstance(said["tools"], str):
        known["tools"] = [tool for one in said["tools"] if (tool := _tool(one)) is not None]
    if isinstance(said.get("stream"), bool):
        known["stream"] = said["stream"]
    if known.get("choice_count") == 1:
        del known["choice_count"]
    return Request(**known)


def _found(said: Mapping[str, JSON], names: Mapping[str, Sequence[str]], read: Callable[[JSON], Any]) -> dict[str, Any]:
    found = {}
    for field, ways in names.items():
        value = next((value for way in ways if (value := read(said.get(way))) is not None), None)
        if value is not None:
            found[field] = value
    return found


def _is_number(value: JSON) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _texts(value: JSON) -> Sequence[str] | None:
    if isinstance(value, str):
        return (value,)
    if isinstance(value, Sequence) and value and all(isinstance(one, str) for one in value):
        return tuple(value)
    return None


def _tool(said: JSON) -> ToolDefinition | None:
    """A tool in OpenAI's form, in Anthropic's, or in the conventions' own."""
    if not isinstance(said, Mapping):
        return None
    nested = said.get("function")
    function = nested if isinstance(nested, Mapping) else said
    name = _text(function.get("name"))
    if name is None:
        return None
    kind = _text(said.get("type")) or "function"
    if kind != "function" and nested is None:
        return cast("ToolDefinition", {**said, "type": kind, "name": name})  # a built-in tool keeps its own keys
    parameters = next((function[key] for key in ("parameters", "input_schema") if key in function), None)
    return parts.function_tool(name, _text(function.get("description")), parameters)


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
    known: dict[str, Any] = {name: count(value) for name, value in said.items() if name in COUNTS}
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
    if isinstance(said.get("parts"), Sequence) and not isinstance(said["parts"], (str, bytes)):
        return parts.message(spoken_by if isinstance(spoken_by, str) else role, [_part(one) for one in said["parts"]])
    if "content" not in said and spoken_by is None and "tool_calls" not in said:
        return parts.message(role, content(said))
    said_parts: list[Part] = []
    if spoken_by == "tool":
        said_parts.append(parts.tool_call_response(said.get("content"), _text(said.get("tool_call_id"))))
    else:
        said_parts.extend(content(said.get("content")))
    calls = said.get("tool_calls")
    if isinstance(calls, Sequence):
        said_parts.extend(_tool_call(call) for call in calls if isinstance(call, Mapping))
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
    return said if isinstance(said, str) else encode(said).decode()


def _text(said: JSON) -> str | None:
    return said if isinstance(said, str) and said else None
