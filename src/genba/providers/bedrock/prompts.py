"""Bodies of the models from before there were messages: a prompt goes in, texts come out, each vendor by its own names.

Titan, Llama, Mistral, DeepSeek's R1 and Jurassic; one reader that knows all their names, since no two vendors use one for two things.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ... import semconv
from ...conversation import JSON, Request, Response, Usage, parts
from ...conversation.tokens import Piece
from ...conversation.usage import first, total, whole
from ...observing.endpoint import Endpoint
from .. import characters
from ..json_fields import Object, as_object, integer, member, number, objects, present, some_text, text, texts
from . import jurassic

_FINISH_REASONS = {
    "finish": "stop",
    "stop": "stop",
    "endoftext": "stop",
    "complete": "stop",
    "length": "length",
    "max_tokens": "length",
    "content_filtered": "content_filter",
    "error": "error",
}
_INPUT, _OUTPUT = ("inputTextTokenCount", "prompt_token_count"), ("totalOutputTextTokenCount", "generation_token_count")


def read_request(body: JSON) -> Request:
    """What was asked: one turn of the user."""
    body = as_object(body)
    config = member(body, "textGenerationConfig") or body
    prompt = text(body, "inputText")
    if prompt is None:
        prompt = text(body, "prompt")
    said = [] if prompt is None else [parts.text(prompt)]
    said += [parts.blob("image", image) for image in texts(body.get("images"))]
    return Request(
        messages=[parts.message("user", said)] if said else [],
        temperature=number(config, "temperature"),
        top_p=number(config, "topP", "top_p", "p"),
        top_k=integer(config, "top_k", "topKReturn", "k"),
        max_tokens=integer(config, "maxTokenCount", "max_gen_len", "max_tokens", "maxTokens"),
        stop_sequences=tuple(texts(config.get("stopSequences") or config.get("stop") or config.get("stop_sequences"))),
    )


def read_response(body: JSON) -> Response:
    """What came back, one message for each text."""
    body = as_object(body)
    found = list(_texts(body))
    native = [_reason(one) for one in found]
    known = native if any(native) else []
    return Response(
        id=some_text(body, "id"),
        messages=[
            parts.message("assistant", [parts.text(_text(one))], finish_reason=_finish(why))
            for one, why in zip(found, native, strict=True)
        ],
        finish_reasons=[_finish(reason) or "error" for reason in known],
        native_finish_reasons=[reason or "" for reason in known],
        usage=_usage(body, found),
        tokens=jurassic.tokens(body),
    )


def fold(events: Sequence[JSON]) -> JSON:
    """The answer that the chunks add up to, by Mistral's names. What is no text is said once, first or last."""
    body: Object = {}
    pieces: dict[int, list[str]] = {}
    reasons: dict[int, str] = {}
    for event in map(as_object, events):
        body.update(present({name: event.get(name) for name in (*_INPUT, *_OUTPUT)}))
        for at, one in enumerate(_texts(event)):
            index = integer(one, "index") or at
            pieces.setdefault(index, []).append(_text(one))
            reason = _reason(one)
            if reason:
                reasons[index] = reason
    body["outputs"] = [{"text": "".join(pieces[index]), "stop_reason": reasons.get(index)} for index in sorted(pieces)]
    return body


def piece(event: JSON) -> Piece:
    """What of an answer is in one chunk of a stream."""
    return Piece(characters.of(*map(_text, _texts(as_object(event)))))


def _texts(body: Object) -> Iterator[Object]:
    """The texts of an answer or of a chunk, wherever the vendor has them."""
    for name in ("results", "outputs", "choices", "completions", "generations"):
        yield from objects(body.get(name))
    if "generation" in body or "outputText" in body:
        yield body


def _text(one: Object) -> str:
    return some_text(one, "outputText", "text", "generation") or some_text(member(one, "data"), "text") or ""


def _reason(one: Object) -> str | None:
    return some_text(one, "completionReason", "stop_reason", "finish_reason") or some_text(member(one, "finishReason"), "reason")


def _finish(native: str | None) -> str | None:
    return _FINISH_REASONS.get(native.lower(), native) if native else None


def _usage(body: Object, found: list[Object]) -> Usage | None:
    went_in = first(*(whole(body.get(name)) for name in _INPUT))  # in a stream, Titan writes its counts with a point
    came_out = first(*(whole(body.get(name)) for name in _OUTPUT))
    if came_out is None:
        came_out = total(*(whole(one.get("tokenCount")) for one in found))
    if went_in is None and came_out is None:
        return None
    raw = {name: body[name] for name in (*_INPUT, *_OUTPUT) if name in body}
    return Usage(input_tokens=went_in, output_tokens=came_out, raw=raw or None)


PROMPTS = Endpoint(
    operation=semconv.Operation.TEXT_COMPLETION,
    provider="aws.bedrock",
    request=read_request,
    response=read_response,
    fold=fold,
    piece=piece,
)
