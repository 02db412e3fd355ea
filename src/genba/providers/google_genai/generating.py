"""Generating content: `{model}:generateContent`, and what its stream's chunks add up to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from ... import semconv
from ...conversation import JSON, Message, Request, Response
from ...conversation.tokens import Piece
from ...observing.endpoint import Endpoint
from ..extras import extra
from ..json_fields import Object, as_object, integer, member, number, objects, present, some_text, texts
from . import content, tokens, tools, usage
from .names import REQUEST_SERVICE_TIER, RESPONSE_SERVICE_TIER, THINKING_BUDGET_TOKENS, all_named, named

_OUTPUT_TYPES = {"application/json": "json", "text/x.enum": "json", "text/plain": "text"}
_BY_NUMBER = {1: "STOP", 2: "MAX_TOKENS", 3: "SAFETY", 4: "RECITATION"}
"""Finish reasons, where a server writes enumerations as numbers; further ones differ between the two services."""
_FINISH_REASONS = {
    "STOP": "stop",
    "TURN_COMPLETE": "stop",  # in live sessions
    "MAX_TOKENS": "length",
    **dict.fromkeys(
        [
            "SAFETY",
            "RECITATION",
            "BLOCKLIST",
            "PROHIBITED_CONTENT",
            "SPII",
            "MODEL_ARMOR",
            "IMAGE_SAFETY",
            "IMAGE_PROHIBITED_CONTENT",
            "IMAGE_RECITATION",
        ],
        "content_filter",
    ),
    **dict.fromkeys(
        (
            "MALFORMED_FUNCTION_CALL",
            "UNEXPECTED_TOOL_CALL",
            "TOO_MANY_TOOL_CALLS",
            "MISSING_THOUGHT_SIGNATURE",
            "MALFORMED_RESPONSE",
        ),
        "error",
    ),
}
_EXTRAS = ("citationMetadata", "groundingMetadata", "urlContextMetadata", "safetyRatings", "finishMessage", "groundingAttributions")


def read_request(body: JSON) -> Request:
    """What was asked."""
    body = named(body)
    config = named(body.get("generationConfig"))
    return Request(
        **read_config(config),
        messages=content.read_turns(body.get("contents")),
        system_instructions=content.read_parts(body.get("systemInstruction")),
        tools=tools.read_definitions(body),
        attributes=present(
            {
                REQUEST_SERVICE_TIER: some_text(body, "serviceTier"),
                THINKING_BUDGET_TOKENS: integer(named(config.get("thinkingConfig")), "thinkingBudget"),
            }
        ),
    )


def read_config(config: Object) -> dict[str, Any]:
    """The keyword arguments of a `Request` that say how to generate."""
    count = integer(config, "candidateCount")
    top_k = number(config, "topK")
    level = some_text(named(config.get("thinkingConfig")), "thinkingLevel")
    return {
        "output_type": output_type(config),
        "temperature": number(config, "temperature"),
        "top_p": number(config, "topP"),
        "top_k": int(top_k) if top_k is not None and top_k.is_integer() else None,  # the API takes it as a float
        "max_tokens": integer(config, "maxOutputTokens"),
        "frequency_penalty": number(config, "frequencyPenalty"),
        "presence_penalty": number(config, "presencePenalty"),
        "stop_sequences": tuple(texts(config.get("stopSequences"))),
        "seed": integer(config, "seed"),
        "choice_count": count if count != 1 else None,
        "reasoning_level": level.lower() if level else None,
    }


def output_type(config: Object) -> str | None:
    """What the answer shall be, if the request names it."""
    modalities = {modality.upper() for modality in texts(config.get("responseModalities"))}
    if "AUDIO" in modalities:
        return "speech"
    if "IMAGE" in modalities:
        return "image"
    if "responseFormat" in config:
        return "json"
    return _OUTPUT_TYPES.get(some_text(config, "responseMimeType") or "")


def read_response(body: JSON) -> Response:
    """What came back: one message for each candidate."""
    body = named(body)
    candidates = all_named(body.get("candidates"))
    native = [native_reason(candidate.get("finishReason")) for candidate in candidates]
    known = native if any(native) else []
    turns = [_message(candidate, reason) for candidate, reason in zip(candidates, native, strict=True)]
    reasons = [turn.get("finish_reason") or "error" for turn in turns] if known else []
    counted = member(body, "usageMetadata")
    feedback = named(body.get("promptFeedback"))
    blocked = some_text(feedback, "blockReason")
    if blocked and not candidates:
        reasons, known = ["content_filter"], [blocked]
    return Response(
        id=some_text(body, "responseId"),
        model=some_text(body, "modelVersion"),
        messages=turns,
        finish_reasons=reasons,
        native_finish_reasons=[reason or "" for reason in known],
        usage=usage.read(counted),
        tokens=tokens.of_answer(candidates),
        attributes={
            **present({RESPONSE_SERVICE_TIER: some_text(named(counted), "serviceTier")}),
            **_extras(feedback, candidates, some_text(body, "inputTranscription")),
        },
    )


def native_reason(value: JSON) -> str | None:
    """Why the model stopped, in Gemini's words."""
    if type(value) is int:
        return _BY_NUMBER.get(value, str(value)) if value else None
    return value if isinstance(value, str) and value and value != "FINISH_REASON_UNSPECIFIED" else None


def _message(candidate: Object, native: str | None) -> Message:
    turn = content.read_turn(candidate.get("content") or {}, role="assistant")
    reason = _FINISH_REASONS.get(native, native) if native else None
    if native == "STOP" and any(part["type"] == "tool_call" for part in turn["parts"]):
        reason = "tool_call"  # Gemini says STOP when it waits for a function too
    return {**turn, "finish_reason": reason} if reason else turn


def _extras(feedback: Object, candidates: list[Object], heard: str | None) -> dict[str, Any]:
    """Grounding, citations, ratings: by the service's own names, one entry for each candidate."""
    found: Object = {"promptFeedback": feedback} if feedback else {}
    if heard:
        found["inputTranscription"] = heard
    for name in _EXTRAS:
        by_candidate = [candidate.get(name) for candidate in candidates]
        if any(by_candidate):
            found[name] = by_candidate
    return extra(found)


def fold(events: Sequence[JSON]) -> Object:
    """The response body. Texts that follow one another become one; of everything else the last word counts."""
    body: Object = {}
    candidates: dict[int, Object] = {}
    for chunk in all_named(list(events)):
        for key, value in chunk.items():
            if key == "candidates":
                for candidate in all_named(value):
                    index = integer(candidate, "index") or 0
                    _add(candidates.setdefault(index, {"content": {"role": "model", "parts": []}}), candidate)
            elif value is not None:
                body[key] = value
    if candidates or "promptFeedback" not in body:
        body["candidates"] = [candidates[index] for index in sorted(candidates)]
    return body


def _add(whole: Object, candidate: Object) -> None:
    for key, value in candidate.items():
        if key == "content":
            for part in all_named(as_object(value).get("parts")):
                add_part(whole["content"]["parts"], part)
        elif key == "logprobsResult":
            whole[key] = tokens.added(whole.get(key), value)
        elif value is not None:
            whole[key] = value


def piece(event: JSON) -> Piece:
    """What of an answer is in one chunk of a stream."""
    size = 0
    scored: dict[int, int] = {}
    for candidate in all_named(named(event).get("candidates")):
        size += content.characters_in(as_object(candidate.get("content")).get("parts"))
        told, index = tokens.scored(candidate), integer(candidate, "index") or 0
        if told:
            scored[index] = scored.get(index, 0) + told
    return Piece(size, scored)


def add_part(known: list[Object], part: Object) -> None:
    """Put a part that arrived behind those that are there; a text or a call that goes on is made one with what it continues."""
    last = known[-1] if known else {}
    call, before = named(part.get("functionCall")), as_object(last.get("functionCall"))
    if call and before.get("willContinue"):
        pieces = [*objects(before.get("partialArgs")), *objects(call.get("partialArgs"))]
        known[-1] = {
            **last,
            "functionCall": {**before, "willContinue": None, **call, "name": before.get("name"), "partialArgs": pieces},
        }
    elif call:
        known.append({**part, "functionCall": call})
    elif _is_words(part) and _is_words(last) and last.get("thought") == part.get("thought"):
        known[-1] = {**last, **part, "text": last["text"] + part["text"]}
    else:
        known.append(part)


def _is_words(part: Object) -> bool:
    return isinstance(part.get("text"), str) and part.keys() <= {"text", "thought", "thoughtSignature"}


GENERATE = Endpoint(
    operation=semconv.Operation.GENERATE_CONTENT,
    provider="gcp.gemini",
    request=read_request,
    response=read_response,
    fold=fold,
    piece=piece,
)
STREAM = replace(GENERATE, request=lambda body: replace(read_request(body), stream=True))
