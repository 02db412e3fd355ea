"""Models in this process, whichever engine runs them: what to call them, and what they were asked and gave, in the shape of OpenAI's."""

from __future__ import annotations

from pathlib import PurePath
from typing import Any

from ..conversation import JSON, Message, Request, Response, parts
from .json_fields import all_integers, as_object, objects, some_text
from .openai import choices, content, messages, parameters, tools


def name(path: Any) -> str | None:
    """What to call the model that was loaded from `path`: its name on a hub, or the last part of its place on this machine."""
    if isinstance(path, PurePath):
        path = str(path)
    if not isinstance(path, str) or not path:
        return None
    is_place = PurePath(path).is_absolute() or path.startswith((".", "~")) or path.count("/") > 1 or path.endswith(".gguf")
    return PurePath(path).name or path if is_place else path


def read_request(body: JSON) -> Request:
    """What was asked: messages, or prompts, each of which is a turn of the user."""
    body = as_object(body)
    said = [messages.read(message) for message in objects(body.get("messages"))]
    said += [parts.message("user", prompt) for prompt in content.read_prompt(body.get("prompt"))]
    return Request(**parameters.read(body), messages=said, tools=tools.read_definitions(body))


def read_response(body: JSON) -> Response:
    """What came back, one message for each answer: a message, a text, or the ids of tokens of which no text is known."""
    return choices.read(as_object(body), _message)


def _message(choice: dict[str, Any], finish_reason: str | None) -> Message:
    if isinstance(choice.get("message"), dict):
        return messages.read(choice["message"], finish_reason)
    text, ids = some_text(choice, "text"), choice.get("token_ids")
    said = [parts.text(text)] if text else [parts.other("token_ids", {"content": ids})] if all_integers(ids) else []
    return parts.message("assistant", said, finish_reason=finish_reason)
