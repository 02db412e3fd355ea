"""Messages as OpenAI's Realtime API writes them on its WebSocket, with our own words in them."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any

from support.websocket_wire import Message

MODEL = "gpt-realtime-wire"
INSTRUCTIONS = "Answer in one line."
QUESTION = "Who makes honey?"
ANSWER = ("Honey", " is", " made", " by", " bees.")
SOUND = (base64.b64encode(b"buzz").decode(), base64.b64encode(b"hum").decode())
USAGE: Message = {
    "total_tokens": 90,
    "input_tokens": 60,
    "output_tokens": 30,
    "input_token_details": {
        "text_tokens": 20,
        "audio_tokens": 40,
        "cached_tokens": 16,
        "cached_tokens_details": {"text_tokens": 6, "audio_tokens": 10},
    },
    "output_token_details": {"text_tokens": 8, "audio_tokens": 22},
}
TOOL: Message = {"type": "function", "name": "weather", "description": "The weather.", "parameters": {"type": "object"}}


def session(**more: Any) -> Message:
    """The first message on a connection."""
    sound = {"output": {"format": {"type": "audio/pcm", "rate": 24000}, "voice": "marin"}}
    said = {"type": "realtime", "id": "sess_1", "model": MODEL, "instructions": INSTRUCTIONS, "tools": [TOOL], "audio": sound}
    return {"type": "session.created", "session": {**said, "output_modalities": ["audio"], **more}}


def item_added(item: Message, after: str | None = None) -> Message:
    """The server has taken an item into the conversation."""
    return {"type": "conversation.item.added", "previous_item_id": after, "item": item}


def user_item(text: str = QUESTION, id: str = "item_1") -> Message:
    """Something the user wrote."""
    return {"id": id, "type": "message", "role": "user", "status": "completed", "content": [{"type": "input_text", "text": text}]}


def heard_item(id: str = "item_heard") -> Message:
    """Something the user said, not yet written down."""
    content = [{"type": "input_audio", "transcript": None}]
    return {"id": id, "type": "message", "role": "user", "status": "completed", "content": content}


def transcribed(text: str = QUESTION, id: str = "item_heard") -> Message:
    """What it was, written down."""
    usage = {"type": "duration", "seconds": 2}
    kind = "conversation.item.input_audio_transcription.completed"
    return {"type": kind, "item_id": id, "content_index": 0, "transcript": text, "usage": usage}


def response(id: str = "resp_1", status: str = "in_progress", output: Sequence[Message] = (), **more: Any) -> Message:
    """A response as it stands."""
    return {
        "object": "realtime.response",
        "id": id,
        "status": status,
        "status_details": None,
        "output": list(output),
        "conversation_id": "conv_1",
        "usage": None,
        "metadata": None,
        **more,
    }


def spoken_item(text: str = "".join(ANSWER), id: str = "item_2") -> Message:
    """What the model said."""
    content = [{"type": "output_audio", "transcript": text}]
    return {"id": id, "type": "message", "role": "assistant", "status": "completed", "content": content}


def call_item(id: str = "item_3") -> Message:
    """A tool that the model asks for."""
    return {"id": id, "type": "function_call", "name": "weather", "call_id": "call_7", "arguments": '{"city": "Bath"}'}


def pieces(id: str = "resp_1", item: str = "item_2", words: Sequence[str] = ANSWER) -> list[Message]:
    """The messages of a spoken answer up to its last word."""
    where = {"response_id": id, "item_id": item, "output_index": 0, "content_index": 0}
    opened = {**spoken_item(id=item), "status": "in_progress", "content": []}
    return [
        {"type": "response.created", "response": response(id)},
        {"type": "response.output_item.added", "response_id": id, "output_index": 0, "item": opened},
        *({"type": "response.output_audio.delta", **where, "delta": sound} for sound in SOUND),
        *({"type": "response.output_audio_transcript.delta", **where, "delta": word} for word in words),
    ]


def spoken(id: str = "resp_1", item: str = "item_2") -> list[Message]:
    """All messages of a spoken answer."""
    return [
        *pieces(id, item),
        {"type": "response.output_item.done", "response_id": id, "output_index": 0, "item": spoken_item(id=item)},
        done(response(id, "completed", [spoken_item(id=item)], usage=USAGE)),
    ]


def done(whole: Message) -> Message:
    """The end of a response."""
    return {"type": "response.done", "response": whole}


def interrupted(id: str = "resp_1", item: str = "item_2", reason: str = "turn_detected") -> list[Message]:
    """An answer that was cut off when the user spoke."""
    cut = {**spoken_item("Honey is", item), "status": "incomplete"}
    details = {"type": "cancelled", "reason": reason}
    return [*pieces(id, item, ANSWER[:2]), done(response(id, "cancelled", [cut], status_details=details, usage=USAGE))]
