"""What was asked of a model and what it gave, as JSON in the shape of OpenAI's: parameters, texts or messages, ids where there is no text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...conversation import JSON, Message, Request, Response, parts
from ...observing.endpoint import Endpoint
from ...semconv import Operation
from ..json_fields import all_integers, as_object, objects, some_text
from ..openai import choices, content, messages, parameters, tools

NAME = "transformers"
_SAMPLING = ("temperature", "top_p", "top_k")


def asked(given: Mapping[str, Any], config: Any, prompt_length: int) -> dict[str, Any]:
    """The parameters that a run goes by: those `given`, else those of its `GenerationConfig`.

    A configuration always has a temperature; it counts for nothing unless tokens are drawn at random.
    """

    def setting(name: str) -> Any:
        value = given.get(name)
        return getattr(config, name, None) if value is None else value

    is_random = setting("do_sample") is True
    body = {name: setting(name) if is_random else given.get(name) for name in _SAMPLING}
    body["max_tokens"] = setting("max_new_tokens")
    length = setting("max_length")
    if body["max_tokens"] is None and isinstance(length, int):
        body["max_tokens"] = max(length - prompt_length, 0)
    stop = setting("stop_strings")
    body["stop"] = [stop] if isinstance(stop, str) else stop
    body["n"] = setting("num_return_sequences")
    return body


def read_request(body: JSON) -> Request:
    """What was asked: messages, or prompts, each of which is a turn of the user."""
    body = as_object(body)
    said = [messages.read(message) for message in objects(body.get("messages"))]
    said += [parts.message("user", prompt) for prompt in content.read_prompt(body.get("prompt"))]
    return Request(**parameters.read(body), messages=said, tools=tools.read_definitions(body))


def read_response(body: JSON) -> Response:
    """What came back, one message for each text."""
    return choices.read(as_object(body), _message)


def _message(choice: dict[str, Any], finish_reason: str | None) -> Message:
    if isinstance(choice.get("message"), dict):
        return messages.read(choice["message"], finish_reason)
    text, ids = some_text(choice, "text"), choice.get("token_ids")
    said = [parts.text(text)] if text else [parts.other("token_ids", {"content": ids})] if all_integers(ids) else []
    return parts.message("assistant", said, finish_reason=finish_reason)


TEXT = Endpoint(operation=Operation.TEXT_COMPLETION, provider=NAME, request=read_request, response=read_response)
CHAT = Endpoint(operation=Operation.CHAT, provider=NAME, request=read_request, response=read_response)
