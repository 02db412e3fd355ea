"""Chat, agents and fill-in-the-middle, all of which answer as OpenAI's chat does."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ... import semconv
from ...conversation import JSON, Request
from ..json_fields import as_object, objects, some_text
from ..openai import chat, completions
from . import content


def read_request(body: JSON) -> Request:
    """What was asked of a model, or of an agent made before."""
    body = as_openai(as_object(body))
    said = [{**message, "content": content.as_openai(message.get("content"))} for message in objects(body.get("messages"))]
    read = chat.read_request({**body, "messages": said})
    return replace(read, attributes=agent(body))


def read_gap(body: JSON) -> Request:
    """What stands before and after the text that is asked for."""
    return replace(completions.read_request(as_openai(as_object(body))), attributes={})


def as_openai(body: dict[str, Any]) -> dict[str, Any]:
    """A request whose parameters have OpenAI's names."""
    return {**body, "seed": body.get("random_seed")}


def agent(body: dict[str, Any]) -> dict[str, Any]:
    """The agent that was asked, which is known by its id."""
    id = some_text(body, "agent_id")
    return {semconv.AGENT_ID: id} if id else {}


CHAT = replace(chat.CHAT, provider="mistral_ai", attributes={}, request=read_request)
AGENT = CHAT
"""The request names an agent instead of a model."""
FIM = replace(CHAT, operation=semconv.Operation.TEXT_COMPLETION, request=read_gap)
