"""The program's messages as conversation values: Anthropic's blocks, as they stand on the pipe."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ...conversation import Message, Part, Request, Response, Usage, parts
from ...conversation.parts import JSON
from ...conversation.usage import count, total

_REASONS = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "tool_use": "tool_call",
    "refusal": "content_filter",
}


def request(said: Sequence[Mapping[str, Any]]) -> Request:
    """The conversation so far. Instructions, tools and settings stay in the program."""
    return Request(messages=[_message(message) for message in said])


def answer(
    id: str, model: str | None, blocks: Sequence[Mapping[str, Any]], stop_reason: str | None, counts: Mapping[str, Any]
) -> Response:
    """An answer of the model, put together again."""
    reason = None if stop_reason is None else _REASONS.get(stop_reason, stop_reason)
    return Response(
        id=id or None,
        model=model,
        messages=[parts.message("assistant", _parts(blocks), finish_reason=reason)],
        finish_reasons=[reason] if reason else (),
        native_finish_reasons=[stop_reason] if stop_reason else (),
        usage=usage(counts) if counts else None,
    )


def result(said: JSON) -> Response:
    """The agent's last word."""
    return Response(messages=[parts.message("assistant", [parts.text(said)])] if isinstance(said, str) and said else ())


def usage(counts: Mapping[str, Any]) -> Usage:
    """What an answer cost. Anthropic counts what is in the cache apart from the input."""
    read, written = (count(counts.get(f"cache_{kind}_input_tokens")) for kind in ("read", "creation"))
    return Usage(
        input_tokens=total(count(counts.get("input_tokens")), read, written),
        output_tokens=count(counts.get("output_tokens")),
        cache_read_input_tokens=read,
        cache_write_input_tokens=written,
        raw=counts,
    )


def words(content: JSON) -> str:
    """The text of a tool's result."""
    if isinstance(content, str):
        return content
    pieces = content if isinstance(content, list) else []
    return " ".join(str(piece.get("text") or "") for piece in pieces if isinstance(piece, Mapping)).strip()


def _message(said: Mapping[str, Any]) -> Message:
    read = _parts(said.get("content"))
    results = bool(read) and all(part["type"] == "tool_call_response" for part in read)
    return parts.message("tool" if results else str(said.get("role") or "user"), read)


def _parts(content: JSON) -> Sequence[Part]:
    if isinstance(content, str):
        return [parts.text(content)]
    return [_part(block) for block in content if isinstance(block, Mapping)] if isinstance(content, list) else []


def _part(block: Mapping[str, Any]) -> Part:
    kind = block.get("type")
    if kind == "text":
        return parts.text(str(block.get("text") or ""))
    if kind == "thinking":
        return parts.reasoning(str(block.get("thinking") or ""), signature=block.get("signature"))
    if kind == "redacted_thinking":
        return parts.reasoning("", encrypted_content=block.get("data"))
    if kind == "tool_use":
        return parts.tool_call(str(block.get("name") or ""), block.get("input"), block.get("id"))
    if kind == "tool_result":
        return parts.tool_call_response(block.get("content"), block.get("tool_use_id"), is_error=block.get("is_error"))
    if kind == "server_tool_use":
        return parts.server_tool_call(str(block.get("name") or ""), {"type": kind, "input": block.get("input")}, block.get("id"))
    source = block.get("source")
    if kind in ("image", "document") and isinstance(source, Mapping):
        modality = "image" if kind == "image" else "document"
        if isinstance(source.get("data"), str):
            return parts.blob(modality, source["data"], source.get("media_type"))
        if isinstance(source.get("url"), str):
            return parts.uri(modality, source["url"])
    return parts.other(str(kind), block)
