"""Anthropic's messages: `POST /v1/messages`, its beta form, and the same bodies behind Bedrock, Vertex and Foundry.

The clients for those rewrite path and body below the place where we look, so there too a call shows itself as `/v1/messages`.
"""

from __future__ import annotations

from collections.abc import Sequence

from ... import semconv
from ...conversation import JSON, Message, Part, Request, Response, ToolDefinition, parts
from ...observing.endpoint import Endpoint
from ...semconv import USER_ID, Operation
from ..json_fields import Object, as_object, integer, items, member, number, objects, present, text, texts
from . import blocks, names, stream, usage

_FINISH_REASONS = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_call",
    "refusal": "content_filter",
}
"""Anthropic's stop reasons in the conventions' words. Others, such as `pause_turn` and `compaction`, keep their own."""


def read_request(body: JSON) -> Request:
    """What a message was asked for with."""
    body = as_object(body)
    config = member(body, "output_config")
    stream = body.get("stream")
    return Request(
        model=text(body, "model"),
        messages=[_turn(message) for message in items(body, "messages")],
        system_instructions=blocks.read(body.get("system")),
        tools=[_tool(tool) for tool in objects(body.get("tools"))],
        output_type="json" if _asks_for_json(body, config) else None,
        stream=stream if isinstance(stream, bool) else None,
        temperature=number(body, "temperature"),
        top_p=number(body, "top_p"),
        top_k=integer(body, "top_k"),
        max_tokens=integer(body, "max_tokens"),
        stop_sequences=texts(items(body, "stop_sequences")),
        reasoning_level=text(config, "effort"),
        previous_response_id=text(member(body, "thread"), "previous_message_id"),
        attributes=_request_attributes(body),
    )


def read_response(body: JSON) -> Response:
    """What came back: a message, an error, or a message that an error cut off."""
    body = as_object(body)
    error = body.get("error")
    stop = text(body, "stop_reason")
    content = blocks.read(body.get("content"))
    # A whole answer always has a stop reason. Where it is missing, the model had begun and something went wrong.
    begun = "content" in body
    finish = _FINISH_REASONS.get(stop, stop) if stop else "error" if begun else None
    counts = body.get("usage")
    return Response(
        id=text(body, "id"),
        model=text(body, "model"),
        messages=_answer(body, [*content, *_refusal(body)], finish),
        finish_reasons=[finish] if finish else (),
        native_finish_reasons=[stop] if stop else (),
        usage=usage.read(counts),
        error_type=(text(as_object(error), "type") or "error") if error is not None else None,
        error_message=text(as_object(error), "message"),
        attributes={**usage.attributes(as_object(counts)), **_compacted(content)},
    )


def _turn(message: JSON) -> Message:
    message = as_object(message)
    return parts.message(text(message, "role") or "user", blocks.read(message.get("content")))


def _tool(tool: Object) -> ToolDefinition:
    kind, name = text(tool, "type"), text(tool, "name")
    if kind in (None, "custom"):
        return parts.function_tool(name or "", text(tool, "description"), tool.get("input_schema"), strict=tool.get("strict"))
    # A tool that the API knows by its type. Toolsets have no name of their own.
    own = {key: value for key, value in tool.items() if key != "cache_control"}
    named: ToolDefinition = {"type": str(kind), "name": name or text(tool, "mcp_server_name") or str(kind)}
    return {**own, **named}  # type: ignore[typeddict-item]  # the conventions allow further keys


def _asks_for_json(body: Object, config: Object) -> bool:
    # `output_format` is the older place for it.
    return "json_schema" in (member(config, "format").get("type"), member(body, "output_format").get("type"))


def _request_attributes(body: Object) -> dict[str, str | int]:
    thinking = member(body, "thinking")
    return present(
        {
            names.REQUEST_SERVICE_TIER: text(body, "service_tier"),
            names.THINKING_TYPE: text(thinking, "type"),
            names.THINKING_BUDGET_TOKENS: integer(thinking, "budget_tokens"),
            USER_ID: text(member(body, "metadata"), "user_id"),
        }
    )


def _answer(body: Object, said: list[Part], finish: str | None) -> Sequence[Message]:
    if not said and not text(body, "stop_reason"):
        return ()
    return [parts.message(text(body, "role") or "assistant", said, finish_reason=finish)]


def _refusal(body: Object) -> list[Part]:
    """Why the answer was withheld, which is said beside the content."""
    explanation = text(member(body, "stop_details"), "explanation")
    return [parts.refusal(explanation)] if explanation else []


def _compacted(content: list[Part]) -> dict[str, bool]:
    return {semconv.CONVERSATION_COMPACTED: True} if any(part["type"] == "compaction" for part in content) else {}


MESSAGES = Endpoint(
    operation=Operation.CHAT,
    provider="anthropic",
    request=read_request,
    response=read_response,
    fold=stream.fold,
    failed=stream.failed,
    is_last=stream.is_last,
    piece=stream.piece,
)
