"""Pipelines that write text: one prompt or chat or many, and what the model said to each.

Inputs that are only read one by one, such as a generator, are left alone: the pipeline answers with an iterator of its own, and each run
of the model is a call. So are the pipelines for other work.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from opentelemetry.trace import SpanKind

from ...conversation import JSON
from ...observing import methods
from ...observing.beside import Beside
from ...observing.methods import Arguments, Method, Sent
from ...observing.patching import Patch
from .. import in_process
from ..json_fields import all_integers
from . import exchange

_CLASSES = (
    "transformers.pipelines.text_generation:TextGenerationPipeline",
    "transformers.pipelines.image_text_to_text:ImageTextToTextPipeline",
)


def patches() -> Sequence[Patch]:
    """What is called to use one."""
    declared = [Method(where=f"{where}.__call__", sent=_sent, kind=SpanKind.INTERNAL) for where in _CLASSES]
    return methods.patches("transformers", declared)


def _sent(arguments: Arguments) -> Sent | None:
    inputs = next((value for name in ("text_inputs", "text", "images") if (value := arguments.get(name)) is not None), None)
    chats, prompts = _chats(inputs), _prompts(inputs)
    if chats is None and prompts is None:
        return None
    pipeline = arguments.receiver
    given = {**getattr(pipeline, "_forward_params", {}), **arguments.kwargs}
    model = in_process.name(getattr(pipeline.model, "name_or_path", None)) or type(pipeline.model).__name__
    config = getattr(pipeline, "generation_config", None) or getattr(pipeline.model, "generation_config", None)
    body = {"model": model, **exchange.asked(given, config, 0), "tools": _tools(given.get("tools"))}
    if chats is not None:
        body["messages"] = [message for chat in chats for message in chat]
    else:
        body["prompt"] = prompts

    def notes(result: Any) -> Callable[[], JSON]:
        said = _said(result)
        return lambda: _answer(said, prompts or [])

    endpoint = exchange.TEXT if chats is None else exchange.CHAT
    return Sent(endpoint=endpoint, body=body, model=model, notes=notes, beside=Beside())


def _chats(inputs: Any) -> list[list[Any]] | None:
    """The conversations, if it is one or a list of them; a `Chat` has one in it."""
    inputs = getattr(inputs, "messages", inputs)
    if not isinstance(inputs, (list, tuple)) or not inputs:
        return None
    if _is_message(inputs[0]):
        return [list(inputs)]
    chats: list[Any] = [getattr(one, "messages", one) for one in inputs]
    return (
        [list(one) for one in chats]
        if all(isinstance(one, (list, tuple)) and one and _is_message(one[0]) for one in chats)
        else None
    )


def _is_message(value: Any) -> bool:
    return isinstance(value, dict) and "role" in value


def _prompts(inputs: Any) -> list[str] | None:
    if isinstance(inputs, str):
        return [inputs]
    is_listed = isinstance(inputs, (list, tuple)) and bool(inputs) and all(isinstance(one, str) for one in inputs)
    return list(inputs) if is_listed else None


def _tools(given: Any) -> list[Any]:
    """Tools as their schemas: those that are functions tell only the library what they are."""
    return [tool for tool in given if isinstance(tool, dict)] if isinstance(given, (list, tuple)) else []


def _said(result: Any) -> list[tuple[int, Any]]:
    """The answers, each with the number of the prompt that it answers. Of a conversation that went on, the last message."""
    groups = result if isinstance(result, list) and result and isinstance(result[0], list) else [result]
    said: list[tuple[int, Any]] = []
    for number, group in enumerate(groups):
        for record in group if isinstance(group, list) else [group]:
            found = record.get("generated_text", record.get("generated_token_ids"))
            is_conversation = isinstance(found, list) and bool(found) and isinstance(found[-1], dict)
            said.append((number, dict(found[-1]) if is_conversation else found))
    return said


def _answer(said: list[tuple[int, Any]], prompts: list[str]) -> JSON:
    choices: list[JSON] = []
    for number, one in said:
        if isinstance(one, dict):
            choices.append({"index": len(choices), "message": one})
        elif isinstance(one, str):
            # Unless the host asked otherwise a text begins with its prompt.
            prompt = prompts[number] if number < len(prompts) else ""
            choices.append({"index": len(choices), "text": one.removeprefix(prompt)})
        elif all_integers(one):
            choices.append({"index": len(choices), "token_ids": one})
    return {"choices": choices}
