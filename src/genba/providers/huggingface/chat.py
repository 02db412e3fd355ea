"""Chat completions: OpenAI's, whoever serves them. A client with an address instead of a model sends a stand-in for the model's name."""

from __future__ import annotations

from dataclasses import replace

from ...conversation import JSON, Request
from ..json_fields import as_object, some_text
from ..openai import chat

_STAND_INS = ("dummy", "tgi")


def read_request(body: JSON) -> Request:
    """What was asked."""
    body = as_object(body)
    model = some_text(body, "model") or ""
    is_name = model not in _STAND_INS and not model.startswith(("http://", "https://"))
    return chat.read_request(body if is_name else {**body, "model": None})


CHAT = replace(chat.CHAT, provider="hugging_face", attributes={}, request=read_request)
