"""Converse and ConverseStream, one format for all models; Nova's own format for InvokeModel is nearly the same."""

from __future__ import annotations

from typing import Any

from ... import semconv
from ...conversation import JSON, Message, Request, Response, ToolDefinition, parts
from ...conversation.usage import first
from ...observing.endpoint import Endpoint
from .. import extras
from ..anthropic import stream as anthropic_stream
from ..json_fields import Object, as_object, integer, member, number, objects, present, some_text, texts
from . import asked, blocks, converse_stream, names, usage

FINISH_REASONS = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_call",
    "guardrail_intervened": "content_filter",
    "content_filtered": "content_filter",
    "malformed_model_output": "error",
    "malformed_tool_use": "error",
}
_EXTRAS = ("metrics", "trace", "additionalModelResponseFields", "performanceConfig")


def read_request(body: JSON) -> Request:
    """What was asked. What is particular to a model stands in `additionalModelRequestFields`, by the model's own names."""
    body = as_object(body)
    config, more = member(body, "inferenceConfig"), member(body, "additionalModelRequestFields")
    output = member(body, "outputConfig")
    return Request(
        model=some_text(body, "modelId"),
        messages=[*(_turn(message) for message in objects(body.get("messages"))), *_variables(body)],
        system_instructions=blocks.read(body.get("system")),
        tools=[_tool(tool) for tool in objects(member(body, "toolConfig").get("tools")) if "cachePoint" not in tool],
        output_type="json" if member(output, "textFormat").get("type") == "json_schema" else None,
        temperature=number(config, "temperature"),
        top_p=number(config, "topP", "top_p"),
        top_k=first(*(integer(said, "topK", "top_k") for said in (config, more, member(more, "inferenceConfig")))),
        max_tokens=integer(config, "maxTokens", "max_new_tokens"),
        stop_sequences=tuple(texts(config.get("stopSequences"))),
        reasoning_level=some_text(output, "effort")
        or some_text(member(more, "output_config"), "effort")
        or some_text(more, "reasoning_effort"),
        attributes=asked.attributes(body),
    )


def read_response(body: JSON) -> Response:
    """What came back."""
    body = as_object(body)
    message, stop = member(member(body, "output"), "message"), some_text(body, "stopReason")
    finish = FINISH_REASONS.get(stop, stop) if stop else None
    said = blocks.read(message.get("content"))
    return Response(
        model=some_text(member(member(body, "trace"), "promptRouter"), "invokedModelId"),
        messages=[parts.message(some_text(message, "role") or "assistant", said, finish_reason=finish)] if message or stop else [],
        finish_reasons=[finish] if finish else (),
        native_finish_reasons=[stop] if stop else (),
        usage=usage.read(body.get("usage")),
        attributes=_attributes(body),
    )


def is_last(event: JSON) -> bool:
    """Whether this event is the last of a stream: the one with the usage."""
    return "metadata" in as_object(event)


def _turn(message: Object) -> Message:
    return parts.message(some_text(message, "role") or "user", blocks.read(message.get("content")))


def _variables(body: Object) -> list[Message]:
    """What fills in a prompt that Bedrock keeps, in place of messages."""
    variables = member(body, "promptVariables")
    return [parts.message("user", [parts.other("prompt_variables", {"variables": variables})])] if variables else []


def _tool(tool: Object) -> ToolDefinition:
    spec = member(tool, "toolSpec")
    if spec:
        schema = member(spec, "inputSchema").get("json")
        return parts.function_tool(some_text(spec, "name") or "", some_text(spec, "description"), schema, strict=spec.get("strict"))
    kind = next(iter(tool), "unknown")
    named: ToolDefinition = {"type": str(kind), "name": some_text(member(tool, str(kind)), "name") or str(kind)}
    return {**member(tool, str(kind)), **named}  # type: ignore[typeddict-item]  # the conventions allow further keys


def _attributes(body: Object) -> dict[str, Any]:
    tier = some_text(member(body, "serviceTier"), "type")
    return {**present({names.RESPONSE_SERVICE_TIER: tier}), **extras.chosen(body, *_EXTRAS)}


CONVERSE = Endpoint(
    operation=semconv.Operation.CHAT,
    provider="aws.bedrock",
    request=read_request,
    response=read_response,
    fold=converse_stream.fold,
    failed=anthropic_stream.failed,  # an error frame is written as their streams write one: see `observing.aws_frames`
    is_last=is_last,
    piece=converse_stream.piece,
)
