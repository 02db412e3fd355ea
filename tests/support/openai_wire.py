"""Bodies and stream events as OpenAI's API writes them, with our own words in them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from support.wire import Answer, Stream, json_answer, sse

Body = dict[str, Any]

MODEL = "gpt-wire-1"
SERVED = "gpt-wire-1-2026-01-01"
ANSWER = ("Honey", " is", " made", " by", " bees.")
QUESTION = "Who makes honey?"
MESSAGES: list[Body] = [{"role": "system", "content": "Answer in one line."}, {"role": "user", "content": QUESTION}]
PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
WEATHER_TOOL: Body = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "The weather in a city.",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}
WEATHER_CALL: Body = {"id": "call_7", "type": "function", "function": {"name": "weather", "arguments": '{"city": "Bath"}'}}
CHAT_USAGE: Body = {
    "prompt_tokens": 20,
    "completion_tokens": 9,
    "total_tokens": 29,
    "prompt_tokens_details": {"cached_tokens": 8, "audio_tokens": 2, "cache_write_tokens": 3},
    "completion_tokens_details": {
        "reasoning_tokens": 4,
        "audio_tokens": 1,
        "accepted_prediction_tokens": 0,
        "rejected_prediction_tokens": 0,
    },
}
RESPONSES_USAGE: Body = {
    "input_tokens": 21,
    "input_tokens_details": {"cached_tokens": 5, "cache_write_tokens": 2},
    "output_tokens": 11,
    "output_tokens_details": {"reasoning_tokens": 6},
    "total_tokens": 32,
}


def chat(text: str | None = "".join(ANSWER), *, tool_calls: Sequence[Body] = (), choices: int = 1, **more: Any) -> Body:
    """A chat completion."""
    message: Body = {"role": "assistant", "content": text, "refusal": None, "annotations": []}
    if tool_calls:
        message["tool_calls"] = list(tool_calls)
    reason = "tool_calls" if tool_calls else "stop"
    return {
        "id": "chatcmpl-wire",
        "object": "chat.completion",
        "created": 1767225600,
        "model": SERVED,
        "choices": [{"index": n, "message": message, "logprobs": None, "finish_reason": reason} for n in range(choices)],
        "usage": CHAT_USAGE,
        "service_tier": "default",
        "system_fingerprint": "fp_wire",
        **more,
    }


def chat_chunk(delta: Mapping[str, Any], finish: str | None = None, index: int = 0, **more: Any) -> Body:
    """One chunk of a streamed chat completion."""
    choice = {"index": index, "delta": dict(delta), "logprobs": None, "finish_reason": finish}
    return {
        "id": "chatcmpl-wire",
        "object": "chat.completion.chunk",
        "created": 1767225600,
        "model": SERVED,
        "service_tier": "default",
        "system_fingerprint": "fp_wire",
        "choices": [choice],
        **more,
    }


def chat_pieces(pieces: Sequence[str] = ANSWER) -> list[Body]:
    """The chunks of a streamed answer, without its finish."""
    return [chat_chunk({"role": "assistant", "content": ""}), *(chat_chunk({"content": piece}) for piece in pieces)]


def chat_chunks(pieces: Sequence[str] = ANSWER, *, usage: bool = False, finish: str = "stop") -> list[Body]:
    """All chunks of a streamed answer; with `usage`, the extra last one that has no choices."""
    last = [chat_chunk({}, choices=[], usage=CHAT_USAGE)] if usage else []
    return [*chat_pieces(pieces), chat_chunk({}, finish), *last]


def chat_tool_chunks() -> list[Body]:
    """A streamed tool call, its arguments in three pieces."""
    head = {"index": 0, "id": "call_7", "type": "function", "function": {"name": "weather", "arguments": ""}}
    deltas = [{"index": 0, "function": {"arguments": piece}} for piece in ('{"city"', ': "Ba', 'th"}')]
    calls = [
        chat_chunk({"role": "assistant", "content": None, "tool_calls": [head]}),
        *(chat_chunk({"tool_calls": [d]}) for d in deltas),
    ]
    return [*calls, chat_chunk({}, "tool_calls")]


def chunks_stream(chunks: Sequence[Body], **more: Any) -> Stream:
    """Chunks, then `[DONE]` unless the stream breaks off."""
    done = [sse("[DONE]")] if more.get("then", "end") == "end" else []
    return Stream([sse(chunk) for chunk in chunks] + done, **more)


def chat_handler(request: Any) -> Answer | Stream:
    """What the service itself would answer: streamed if asked so, with usage only if asked."""
    body = request.json
    if not body.get("stream"):
        return json_answer(chat(choices=body.get("n") or 1))
    return chunks_stream(chat_chunks(usage=bool((body.get("stream_options") or {}).get("include_usage"))))


def text_completion(text: str = "".join(ANSWER), **more: Any) -> Body:
    """A legacy completion."""
    return {
        "id": "cmpl-wire",
        "object": "text_completion",
        "created": 1767225600,
        "model": SERVED,
        "choices": [{"index": 0, "text": text, "logprobs": None, "finish_reason": "length"}],
        "usage": {"prompt_tokens": 4, "completion_tokens": 5, "total_tokens": 9},
        **more,
    }


def text_completion_chunks(pieces: Sequence[str] = ANSWER) -> list[Body]:
    """A streamed legacy completion."""

    def chunk(text: str, finish: str | None) -> Body:
        body = text_completion()
        del body["usage"]
        return {**body, "choices": [{"index": 0, "text": text, "logprobs": None, "finish_reason": finish}]}

    return [*(chunk(piece, None) for piece in pieces), chunk("", "length")]


def response_message(text: str, status: str = "completed") -> Body:
    """An output message of the Responses API."""
    part = {"type": "output_text", "text": text, "annotations": [], "logprobs": []}
    return {"id": "msg_wire", "type": "message", "role": "assistant", "status": status, "content": [part] if text else []}


REASONING_ITEM: Body = {"id": "rs_wire", "type": "reasoning", "summary": [{"type": "summary_text", "text": "Bees come to mind."}]}
FUNCTION_CALL_ITEM: Body = {
    "id": "fc_wire",
    "type": "function_call",
    "call_id": "call_7",
    "name": "weather",
    "arguments": '{"city": "Bath"}',
    "status": "completed",
}


def response(text: str = "".join(ANSWER), *, output: Sequence[Body] | None = None, status: str = "completed", **more: Any) -> Body:
    """An answer of the Responses API."""
    return {
        "id": "resp_wire",
        "object": "response",
        "created_at": 1767225600,
        "status": status,
        "background": False,
        "error": None,
        "incomplete_details": None,
        "instructions": None,
        "max_output_tokens": None,
        "metadata": {},
        "model": SERVED,
        "output": [response_message(text)] if output is None else list(output),
        "parallel_tool_calls": True,
        "previous_response_id": None,
        "reasoning": {"effort": None, "summary": None},
        "service_tier": "default",
        "store": True,
        "temperature": 1.0,
        "text": {"format": {"type": "text"}},
        "tool_choice": "auto",
        "tools": [],
        "top_p": 1.0,
        "truncation": "disabled",
        "usage": RESPONSES_USAGE,
        "user": None,
        **more,
    }


def response_pieces(pieces: Sequence[str] = ANSWER) -> list[Body]:
    """The events of a streamed answer up to its last piece of text."""
    started = response("", output=[], status="in_progress", usage=None)
    where = {"item_id": "msg_wire", "output_index": 0, "content_index": 0}
    empty = {"type": "output_text", "text": "", "annotations": [], "logprobs": []}
    events = [
        {"type": "response.created", "response": started},
        {"type": "response.in_progress", "response": started},
        {"type": "response.output_item.added", "output_index": 0, "item": response_message("", "in_progress")},
        {"type": "response.content_part.added", **where, "part": empty},
        *({"type": "response.output_text.delta", **where, "delta": piece, "logprobs": []} for piece in pieces),
    ]
    return _numbered(events)


def response_events(pieces: Sequence[str] = ANSWER) -> list[Body]:
    """All events of a streamed answer."""
    text = "".join(pieces)
    where = {"item_id": "msg_wire", "output_index": 0, "content_index": 0}
    finished = response_message(text)
    events = [
        *response_pieces(pieces),
        {"type": "response.output_text.done", **where, "text": text, "logprobs": []},
        {"type": "response.content_part.done", **where, "part": finished["content"][0]},
        {"type": "response.output_item.done", "output_index": 0, "item": finished},
        {"type": "response.completed", "response": response(text)},
    ]
    return _numbered(events)


def events_stream(events: Sequence[Body], **more: Any) -> Stream:
    """Events that name themselves by their `type`."""
    return Stream([sse(event, event["type"]) for event in events], **more)


def embeddings(vectors: Sequence[Any] = ([0.25, -0.5, 1.0],)) -> Body:
    """Vectors: lists of numbers, or base64 text where the request asked so."""
    data = [{"object": "embedding", "index": n, "embedding": vector} for n, vector in enumerate(vectors)]
    return {"object": "list", "data": data, "model": SERVED, "usage": {"prompt_tokens": 6, "total_tokens": 6}}


def image() -> Body:
    """One generated picture."""
    usage = {
        "input_tokens": 12,
        "input_tokens_details": {"text_tokens": 10, "image_tokens": 2},
        "output_tokens": 40,
        "output_tokens_details": {"text_tokens": 0, "image_tokens": 40},
        "total_tokens": 52,
    }
    return {"created": 1767225600, "data": [{"b64_json": PNG}], "usage": usage, "output_format": "png", "size": "1024x1024"}


def transcription() -> Body:
    """What was said in a sound file."""
    usage = {
        "type": "tokens",
        "input_tokens": 14,
        "input_token_details": {"text_tokens": 0, "audio_tokens": 14},
        "output_tokens": 7,
        "total_tokens": 21,
    }
    return {"text": "The bees are back.", "usage": usage}


def moderation() -> Body:
    """Whether a text is harmful."""
    names = ("harassment", "harassment/threatening", "hate", "hate/threatening", "illicit", "illicit/violent", "self-harm")
    names += ("self-harm/instructions", "self-harm/intent", "sexual", "sexual/minors", "violence", "violence/graphic")
    result = {
        "flagged": False,
        "categories": dict.fromkeys(names, False),
        "category_scores": dict.fromkeys(names, 0.001),
        "category_applied_input_types": {name: ["text"] for name in names},
    }
    return {"id": "modr-wire", "model": "omni-moderation-wire", "results": [result]}


def error(message: str = "The engine is overheated.", type: str = "server_error", code: str | None = None) -> Body:
    """What the service says when it refuses."""
    return {"error": {"message": message, "type": type, "param": None, "code": code}}


RESPONSE_ERROR: Body = {
    "type": "error",
    "code": "server_error",
    "message": "The engine is overheated.",
    "param": None,
    "sequence_number": 99,
}


def _numbered(events: Sequence[Body]) -> list[Body]:
    return [{**event, "sequence_number": number} for number, event in enumerate(events)]
