"""Models in this process, whichever engine runs them: what to call them, and what they were asked and gave, in the shape of OpenAI's."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import replace
from pathlib import PurePath
from typing import Any

from .. import harmless
from ..conversation import JSON, Message, Request, Response, parts
from ..conversation.usage import ENGINE
from ..observing.beside import at_work
from ..observing.tensors import show, soon
from ..recording import signals
from ..semconv import Operation
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


def level() -> str:
    """How much is to be recorded of tokens, see `settings`."""
    sending = signals.current()
    return "off" if sending is None else sending.settings.tokens


def wants_tokens() -> bool:
    """Whether ids and pieces are to be recorded."""
    return level() in ("pieces", "full")


def wants_tensors(kind: str) -> bool:
    """Whether tensors of this kind are to be summarised."""
    sending = signals.current()
    return sending is not None and sending.settings.tensors in (kind, "all")


def showing_vectors(function: Callable[..., Any], library: str, vectors: Callable[[Any], Any]) -> Callable[..., Any]:
    """`function`, which embeds, with what `vectors` finds in its result summarised on its call, where that is asked for."""

    @functools.wraps(function)
    def run(*args: Any, **kwargs: Any) -> Any:
        result = function(*args, **kwargs)
        if wants_tensors("embeddings"):
            with harmless.guard("summarising embeddings"):
                call = at_work(library)
                if call is not None and call.invocation.is_recording and call.endpoint.operation == Operation.EMBEDDINGS:
                    _show_vectors(call.invocation, vectors(result))
        return result

    return run


def read_request(body: JSON) -> Request:
    """What was asked: messages, or prompts, each of which is a turn of the user."""
    body = as_object(body)
    said = [messages.read(message) for message in objects(body.get("messages"))]
    said += [parts.message("user", prompt) for prompt in content.read_prompt(body.get("prompt"))]
    return Request(**parameters.read(body), messages=said, tools=tools.read_definitions(body))


def read_response(body: JSON) -> Response:
    """What came back, one message for each answer: a message, a text, or the ids of tokens of which no text is known."""
    return counted(replace(choices.read(as_object(body), _message), tokens=()))  # of tokens the engine itself tells more


def counted(response: Response) -> Response:
    """`response`, whose usage was counted by the engine itself."""
    return response if response.usage is None else replace(response, usage=replace(response.usage, source=ENGINE))


def _show_vectors(invocation: Any, vectors: Any) -> None:
    """Put what is in the vectors on the span of the operation that made them."""
    from ..tokens.tensors import take  # only where somebody asks

    sending = signals.current()
    taken = take(vectors, "embeddings")
    show(invocation, "embeddings", "embeddings", taken)
    if sending is not None and not taken.is_ready:
        soon(taken.summary, sending)


def _message(choice: dict[str, Any], finish_reason: str | None) -> Message:
    if isinstance(choice.get("message"), dict):
        return messages.read(choice["message"], finish_reason)
    text, ids = some_text(choice, "text"), choice.get("token_ids")
    said = [parts.text(text)] if text else [parts.other("token_ids", {"content": ids})] if all_integers(ids) else []
    return parts.message("assistant", said, finish_reason=finish_reason)
