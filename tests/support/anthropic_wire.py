"""Bodies and stream events as Anthropic's API writes them, with our own words in them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from support.wire import Answer, Stream, json_answer, sse

Body = dict[str, Any]

MODEL = "claude-wire-1"
SERVED = "claude-wire-1-20260101"
ANSWER = ("Honey", " is", " made", " by", " bees.")
QUESTION = "Who makes honey?"
MESSAGES: list[Body] = [{"role": "user", "content": QUESTION}]
SYSTEM = "Answer in one line."
WEATHER_TOOL: Body = {
    "name": "weather",
    "description": "The weather in a city.",
    "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
}
USAGE: Body = {
    "input_tokens": 10,
    "cache_creation_input_tokens": 4,
    "cache_read_input_tokens": 6,
    "cache_creation": {"ephemeral_5m_input_tokens": 4, "ephemeral_1h_input_tokens": 0},
    "output_tokens": 9,
    "output_tokens_details": {"thinking_tokens": 3},
    "server_tool_use": None,
    "service_tier": "standard",
}
THINKING: Body = {"type": "thinking", "thinking": "Bees come to mind.", "signature": "c2lnbmVk"}
TOOL_USE: Body = {"type": "tool_use", "id": "toolu_7", "name": "weather", "input": {"city": "Bath"}}


def message(
    text: str = "".join(ANSWER), *, content: Sequence[Body] | None = None, stop: str | None = "end_turn", **more: Any
) -> Body:
    """A whole answer."""
    return {
        "id": "msg_wire",
        "type": "message",
        "role": "assistant",
        "model": SERVED,
        "content": [{"type": "text", "text": text}] if content is None else list(content),
        "stop_reason": stop,
        "stop_sequence": None,
        "usage": USAGE,
        **more,
    }


def start() -> Body:
    """The event that opens a stream; its usage counts what went in, and one token of what comes out."""
    return {"type": "message_start", "message": message(content=[], stop=None, usage={**USAGE, "output_tokens": 1})}


def block(index: int, opened: Body, deltas: Sequence[Body], *, closed: bool = True) -> list[Body]:
    """One content block: opened, filled, and closed."""
    head = {"type": "content_block_start", "index": index, "content_block": opened}
    body = [{"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas]
    return [head, *body, *([{"type": "content_block_stop", "index": index}] if closed else [])]


def text_block(pieces: Sequence[str] = ANSWER, index: int = 0, *, closed: bool = True) -> list[Body]:
    """A block of text, piece by piece."""
    return block(index, {"type": "text", "text": ""}, [{"type": "text_delta", "text": piece} for piece in pieces], closed=closed)


def end(stop: str = "end_turn") -> list[Body]:
    """The events that close a stream; the usage is cumulative."""
    delta = {"type": "message_delta", "delta": {"stop_reason": stop, "stop_sequence": None}, "usage": {"output_tokens": 9}}
    return [delta, {"type": "message_stop"}]


def message_pieces(pieces: Sequence[str] = ANSWER) -> list[Body]:
    """The events of a streamed answer up to its last piece of text."""
    return [start(), {"type": "ping"}, *text_block(pieces, closed=False)]


def message_events(pieces: Sequence[str] = ANSWER) -> list[Body]:
    """All events of a streamed answer."""
    return [start(), {"type": "ping"}, *text_block(pieces), *end()]


def thinking_and_tool_events() -> list[Body]:
    """A streamed answer that thinks, says a word and calls a tool."""
    thinking = block(
        0,
        {"type": "thinking", "thinking": "", "signature": ""},
        [{"type": "thinking_delta", "thinking": piece} for piece in ("Bees come", " to mind.")]
        + [{"type": "signature_delta", "signature": "c2lnbmVk"}],
    )
    tool = block(
        2,
        {"type": "tool_use", "id": "toolu_7", "name": "weather", "input": {}},
        [{"type": "input_json_delta", "partial_json": piece} for piece in ("", '{"city"', ': "Ba', 'th"}')],
    )
    return [start(), *thinking, *text_block(("Let me", " look."), 1), *tool, *end("tool_use")]


def events_stream(events: Sequence[Body], **more: Any) -> Stream:
    """Events that name themselves by their `type`."""
    return Stream([sse(event, event["type"]) for event in events], **more)


def messages_handler(request: Any) -> Answer | Stream:
    """What the service itself would answer: streamed if asked so."""
    return events_stream(message_events()) if request.json.get("stream") else json_answer(message())


def count_tokens() -> Body:
    """How long a request would be."""
    return {"input_tokens": 14}


def batch() -> Body:
    """A batch that was just made."""
    counts = {"processing": 1, "succeeded": 0, "errored": 0, "canceled": 0, "expired": 0}
    times = {"created_at": "2026-01-01T00:00:00Z", "expires_at": "2026-01-02T00:00:00Z"}
    unknown = {"ended_at": None, "archived_at": None, "cancel_initiated_at": None, "results_url": None}
    return {
        "id": "msgbatch_wire",
        "type": "message_batch",
        "processing_status": "in_progress",
        "request_counts": counts,
        **times,
        **unknown,
    }


def error(message: str = "The engine is overheated.", type: str = "overloaded_error") -> Body:
    """What the service says when it refuses; also the `error` event of a stream."""
    return {"type": "error", "error": {"type": type, "message": message}}
