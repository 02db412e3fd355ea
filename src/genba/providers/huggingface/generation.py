"""Text generation, the API of Hugging Face's own servers, which tell the ids of all tokens if they are asked for details."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ... import semconv
from ...conversation import JSON, Request, Response, Usage, parts
from ...conversation.tokens import Piece
from ...conversation.usage import count
from ...observing.endpoint import Endpoint
from .. import characters
from ..json_fields import as_object, integer, items, member, number, objects, present, some_text, texts
from ..openai import completions
from . import tokens

_FINISH_REASONS = {"eos_token": "stop", "stop_sequence": "stop"}


def read_request(body: JSON) -> Request:
    """What was asked. Providers that speak like OpenAI are asked for a `prompt`."""
    body = as_object(body)
    asked = member(body, "parameters") or body
    prompt = some_text(body, "inputs", "prompt")
    return Request(
        model=some_text(body, "model"),
        messages=[parts.message("user", [parts.text(prompt)])] if prompt else [],
        stream=True if body.get("stream") is True else None,
        temperature=number(asked, "temperature"),
        top_p=number(asked, "top_p"),
        top_k=integer(asked, "top_k"),
        max_tokens=integer(asked, "max_new_tokens", "max_tokens"),
        frequency_penalty=number(asked, "frequency_penalty"),
        stop_sequences=tuple(texts(asked.get("stop"))),
        seed=integer(asked, "seed"),
    )


def read_response(body: JSON) -> Response:
    """What came back: one answer, even where it is in a list."""
    if isinstance(body, str):
        body = {"generated_text": body}
    body = as_object(body[0] if isinstance(body, list) and body else body)
    if "choices" in body:
        return completions.read_response(body)
    details, text = member(body, "details"), some_text(body, "generated_text")
    native = some_text(details, "finish_reason")
    reason = _FINISH_REASONS.get(native, native) if native else None
    said = [parts.text(text)] if text else []
    return Response(
        messages=[parts.message("assistant", said, finish_reason=reason)] if said or reason else [],
        finish_reasons=[reason] if reason else [],
        native_finish_reasons=[native] if native else [],
        usage=_read_usage(details),
        tokens=tokens.read(details),
    )


def _read_usage(details: dict[str, Any]) -> Usage | None:
    """Counted in the details; the prompt's tokens are so only in streams, else they are listed if the host wanted that."""
    prompt = objects(details.get("prefill"))
    said = present({name: details.get(name) for name in ("input_length", "generated_tokens")})
    if not said and not prompt:
        return None
    input = count(said.get("input_length"))
    return Usage(
        input_tokens=len(prompt) or None if input is None else input,
        output_tokens=count(said.get("generated_tokens")),
        raw=said or None,
    )


def fold(events: Sequence[JSON]) -> JSON:
    """The events of a stream, a token each -> the answer that they add up to. The last one has the whole text and the details."""
    found = objects(list(events))
    if any("choices" in event for event in found):
        return completions.TEXT_COMPLETION.fold(found) if completions.TEXT_COMPLETION.fold else None
    listed = [member(event, "token") for event in found]
    details: dict[str, Any] = {}
    whole = None
    for event in found:
        details.update(member(event, "details"))
        whole = some_text(event, "generated_text") or whole
    if whole is None:
        whole = "".join(some_text(token, "text") or "" for token in listed if token.get("special") is not True)
    top = [list(items(event, "top_tokens")) for event in found]
    alternatives = {"top_tokens": top} if any(top) else {}
    return {"generated_text": whole, "details": {**details, "tokens": listed, **alternatives}}


def piece(event: JSON) -> Piece:
    """What of an answer is in one event of a stream: a token. What is special is no part of the text."""
    event = as_object(event)
    if "choices" in event:
        return completions.TEXT_COMPLETION.piece(event) if completions.TEXT_COMPLETION.piece else Piece(None)
    token = member(event, "token")
    size = 0 if token.get("special") is True else characters.of(token.get("text"))
    return Piece(size, {0: 1} if tokens.is_told(token) else {})


TEXT_COMPLETION = Endpoint(
    operation=semconv.Operation.TEXT_COMPLETION,
    provider="hugging_face",
    request=read_request,
    response=read_response,
    fold=fold,
    failed=completions.TEXT_COMPLETION.failed,
    piece=piece,
)
