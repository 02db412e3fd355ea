"""xAI's chats, as its protobuf messages have them. An answer in which the server used its own tools has an output for each step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from ... import semconv
from ...conversation import JSON, Message, Part, Request, Response, Tokens, ToolDefinition, Usage, parts
from ...conversation.tokens import Piece
from ...observing.endpoint import Endpoint
from .. import characters, token_fields
from ..extras import chosen
from ..json_fields import Object, as_object, integer, member, number, objects, present, rest, some_text, texts
from ..openai import tools, usage

_FINISH_REASONS = {
    "REASON_STOP": "stop",
    "REASON_MAX_LEN": "length",
    "REASON_MAX_CONTEXT": "length",
    "REASON_TOOL_CALLS": "tool_call",
}
_FORMATS = {"FORMAT_TYPE_TEXT": "text", "FORMAT_TYPE_JSON_OBJECT": "json", "FORMAT_TYPE_JSON_SCHEMA": "json"}
_CLIENT_SIDE = "TOOL_CALL_TYPE_CLIENT_SIDE_TOOL"
_TOOL = "ROLE_TOOL"


def read_request(body: JSON) -> Request:
    """What was asked."""
    body = as_object(body)
    asked = integer(body, "n")
    return Request(
        model=some_text(body, "model"),
        messages=[_turn(message) for message in objects(body.get("messages"))],
        tools=[_definition(tool) for tool in objects(body.get("tools"))],
        output_type=_FORMATS.get(some_text(member(body, "response_format"), "format_type") or ""),
        temperature=number(body, "temperature"),
        top_p=number(body, "top_p"),
        max_tokens=integer(body, "max_tokens"),
        frequency_penalty=number(body, "frequency_penalty"),
        presence_penalty=number(body, "presence_penalty"),
        stop_sequences=tuple(texts(body.get("stop"))),
        seed=integer(body, "seed"),
        choice_count=asked if asked != 1 else None,
        reasoning_level=word(some_text(body, "reasoning_effort"), "EFFORT_"),
        previous_response_id=some_text(body, "previous_response_id"),
        attributes=present(
            {
                semconv.OPENAI_REQUEST_SERVICE_TIER: word(some_text(body, "service_tier"), "SERVICE_TIER_"),
                semconv.USER_ID: some_text(body, "user", "safety_identifier"),
            }
        ),
    )


def read_response(body: JSON) -> Response:
    """What came back."""
    body = as_object(body)
    outputs = objects(body.get("outputs"))
    choices = [outputs] if any(_is_a_step(output) for output in outputs) else [[output] for output in outputs]
    native = [_native_finish_reason(choice) for choice in choices]
    reasons = [_FINISH_REASONS.get(name, name) for name in native]
    messages = [_answer(choice, reason) for choice, reason in zip(choices, reasons, strict=True)]
    return Response(
        id=some_text(body, "id"),
        model=some_text(body, "model"),
        messages=[said for said in messages if said["parts"] or said.get("finish_reason")],
        finish_reasons=[reason for reason in reasons if reason],
        native_finish_reasons=[name for name in native if name],
        usage=read_usage(body),
        tokens=_tokens(outputs),
        attributes=_attributes(body),
    )


def read_usage(body: Mapping[str, Any]) -> Usage | None:
    """Tokens, in the words of OpenAI: what was thought is beside what was said, not a part of it."""
    said = as_object(body.get("usage"))
    if not said:
        return None
    counted = present({name: said.get(name) for name in ("prompt_tokens", "completion_tokens", "total_tokens")})
    counted["prompt_tokens_details"] = {
        "cached_tokens": said.get("cached_prompt_text_tokens"),
        "text_tokens": said.get("prompt_text_tokens"),
        "image_tokens": said.get("prompt_image_tokens"),
    }
    counted["completion_tokens_details"] = {"reasoning_tokens": said.get("reasoning_tokens")}
    read = usage.read(counted)
    return None if read is None else replace(read, raw=said)


def word(name: str | None, prefix: str) -> str | None:
    """A word of an enumeration, without what all of its words begin with."""
    return name.removeprefix(prefix).lower() if name else None


def fold(events: Sequence[JSON]) -> JSON:
    """The chunks of a stream -> the answer that they add up to. What is counted is counted anew in each."""
    whole: Object = {}
    outputs: dict[int, Object] = {}
    citations: list[JSON] = []
    for chunk in objects(list(events)):
        whole.update(rest(chunk, "outputs", "citations"))
        citations.extend(texts(chunk.get("citations")))
        for piece in objects(chunk.get("outputs")):
            _add(outputs.setdefault(integer(piece, "index") or 0, {"message": {}}), piece)
    return {**whole, **({"citations": citations} if citations else {}), "outputs": [outputs[index] for index in sorted(outputs)]}


def _add(output: Object, piece: Object) -> None:
    output.update(rest(piece, "message", "delta", "logprobs"))
    message, delta = output["message"], member(piece, "delta")
    for name in ("content", "reasoning_content", "encrypted_content"):
        if isinstance(delta.get(name), str):
            message[name] = message.get(name, "") + delta[name]
    for name in ("tool_calls", "citations"):
        if objects(delta.get(name)):
            message[name] = [*message.get(name, ()), *delta[name]]
    if delta.get("role"):
        message["role"] = delta["role"]
    scored = _scored(piece)
    if scored:
        output["logprobs"] = {"content": [*_scored(output), *scored]}


def _turn(message: Object) -> Message:
    role = word(some_text(message, "role"), "ROLE_") or "user"
    said = [part for part in map(_part, objects(message.get("content"))) if part is not None]
    if role == "tool":
        texts_only = all(part["type"] == "text" for part in said)
        result: Any = "".join(part.get("content", "") for part in said) if texts_only else said
        return parts.message(role, [parts.tool_call_response(result, some_text(message, "tool_call_id"))])
    calls = [_call(call) for call in objects(message.get("tool_calls"))]
    return parts.message(role, [*_thoughts(message), *said, *calls], name=some_text(message, "name"))


def _part(content: Object) -> Part | None:
    picture, file = member(content, "image_url"), member(content, "file")
    if picture:
        return read_picture(picture)
    if file:
        mime_type, name = some_text(file, "mime_type"), {"filename": some_text(file, "filename")}
        if some_text(file, "file_id"):
            return parts.file("document", file["file_id"], mime_type, **name)
        if some_text(file, "url"):
            return parts.uri("document", file["url"], mime_type, **name)
        return parts.other("file", present({"bytes": file.get("data"), "mime_type": mime_type, **name}))
    text = some_text(content, "text")
    return parts.text(text) if text else None


def read_picture(picture: Object) -> Part:
    """A picture that was sent along: by its address, within it, or as a file that the server has."""
    if some_text(picture, "file_id"):
        return parts.file("image", picture["file_id"])
    return parts.media("image", some_text(picture, "image_url") or "")


def _thoughts(message: Object) -> list[Part]:
    encrypted, thought = some_text(message, "encrypted_content"), some_text(message, "reasoning_content")
    return [parts.reasoning(thought or "", encrypted_content=encrypted)] if thought or encrypted else []


def _call(call: Object) -> Part:
    function, kind = member(call, "function"), some_text(call, "type")
    name, arguments = some_text(function, "name") or "", tools.arguments(function.get("arguments"))
    if kind in (None, _CLIENT_SIDE):
        return parts.tool_call(name, arguments, some_text(call, "id"))
    more = present({"status": word(some_text(call, "status"), "TOOL_CALL_STATUS_"), "error": some_text(call, "error_message")})
    type = (word(kind, "TOOL_CALL_TYPE_") or "").removesuffix("_tool")
    return parts.server_tool_call(name or type, {"type": type, "arguments": arguments, **more}, some_text(call, "id"))


def _definition(tool: Object) -> ToolDefinition:
    function = member(tool, "function")
    if function:
        return tools.read_definitions({"tools": [{"type": "function", "function": _with_schema(function)}]})[0]
    kind = next(iter(tool), "unknown")
    return tools.read_definitions({"tools": [{**as_object(tool.get(kind)), "type": kind}]})[0]


def _with_schema(function: Object) -> Object:
    return {**function, "parameters": tools.arguments(function.get("parameters"))}


def _is_a_step(output: Object) -> bool:
    """Whether it is one of several steps of one answer, rather than an answer of its own."""
    message = member(output, "message")
    return some_text(message, "role") == _TOOL or any(
        some_text(call, "type") not in (None, _CLIENT_SIDE) for call in objects(message.get("tool_calls"))
    )


def _native_finish_reason(outputs: Sequence[Object]) -> str:
    found = [some_text(output, "finish_reason") for output in outputs if some_text(member(output, "message"), "role") != _TOOL]
    return next((name for name in reversed(found) if name), "")


def _answer(outputs: Sequence[Object], reason: str) -> Message:
    said: list[Part] = []
    for output in outputs:
        message = member(output, "message")
        content, calls = some_text(message, "content"), objects(message.get("tool_calls"))
        if some_text(message, "role") == _TOOL:
            called = calls[0] if calls else {}
            type = (word(some_text(called, "type"), "TOOL_CALL_TYPE_") or "tool").removesuffix("_tool")
            said.append(parts.server_tool_call_response({"type": type, "content": content or ""}, some_text(called, "id")))
            continue
        said.extend(_thoughts(message))
        if content:
            cited = objects(message.get("citations"))
            said.append({**parts.text(content), "annotations": cited} if cited else parts.text(content))
        said.extend(_call(call) for call in calls)
    return parts.message("assistant", said, finish_reason=reason or None)


def _tokens(outputs: Sequence[Object]) -> list[Tokens]:
    """By the numbers of the outputs: an answer in several steps has tokens for each of them."""
    return [
        one
        for place, output in enumerate(outputs)
        for one in token_fields.of_logprobs(
            [_filled(entry) for entry in _scored(output)], place if integer(output, "index") is None else output["index"]
        )
    ]


def _scored(output: Object) -> list[Object]:
    return objects(member(output, "logprobs").get("content"))


def _filled(entry: Object) -> Object:
    """With what protobuf leaves out: the logarithm of a certainty is 0."""
    top = [{"logprob": 0.0, **one} for one in objects(entry.get("top_logprobs"))]
    return {"logprob": 0.0, **entry, **({"top_logprobs": top} if top else {})}


def piece(event: JSON) -> Piece:
    """What of an answer is in one chunk of a stream."""
    size = 0
    told: dict[int, int] = {}
    for output in objects(as_object(event).get("outputs")):
        delta, scored, index = member(output, "delta"), len(_scored(output)), integer(output, "index") or 0
        calls = [member(call, "function").get("arguments") for call in objects(delta.get("tool_calls"))]
        is_said = some_text(delta, "role") != _TOOL  # else it is what a tool of the server's found
        size += characters.of(delta.get("content") if is_said else None, delta.get("reasoning_content"), *calls)
        if scored:
            told[index] = told.get(index, 0) + scored
    return Piece(size, told)


def _attributes(body: Object) -> dict[str, Any]:
    said = {
        semconv.OPENAI_RESPONSE_SERVICE_TIER: word(some_text(body, "service_tier"), "SERVICE_TIER_"),
        semconv.OPENAI_RESPONSE_SYSTEM_FINGERPRINT: some_text(body, "system_fingerprint"),
    }
    return {**present(said), **chosen(body, "citations", "output_files")}


CHAT = Endpoint(
    operation=semconv.Operation.CHAT,
    provider="x_ai",
    request=read_request,
    response=read_response,
    fold=fold,
    piece=piece,
)
