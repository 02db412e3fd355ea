"""Interactions, `client.interactions`: with a model, or with an agent that the service runs. They have a client library of their own.

It is generated, and all its calls pass `do_request` with the HTTP request. An answer that says it was refused is returned there, and
becomes an exception only further out, in `wrap_sdk_error`.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any
from weakref import WeakKeyDictionary

from ... import harmless, semconv
from ...conversation import JSON, Request, Response, Usage, parts
from ...conversation.encoding import decode
from ...conversation.tokens import Piece
from ...observing import bodies
from ...observing.call import Call
from ...observing.endpoint import Endpoint
from ...observing.methods import Arguments, Method, Sent
from ...observing.methods import patches as observing
from ...observing.patching import Patch
from ...semconv import Operation
from ..json_fields import Object, as_object, integer, member, objects, present, rest, some_text, text, texts
from . import generating, steps, usage
from .names import REQUEST_SERVICE_TIER, RESPONSE_SERVICE_TIER, named

_FINISH_REASONS = {
    "completed": "stop",
    "requires_action": "tool_call",
    "budget_exceeded": "length",
    "requires_continuation": "length",
    "incomplete": "length",
    "failed": "error",
}
_UNFINISHED = ("in_progress", "queued")
_SECRET = frozenset({"headers", "api_key"})
"""What the settings of a tool may hold that belongs in no trace."""
_COUNTS = {
    "total_input_tokens": "promptTokenCount",
    "total_tool_use_tokens": "toolUsePromptTokenCount",
    "total_cached_tokens": "cachedContentTokenCount",
    "total_output_tokens": "candidatesTokenCount",
    "total_thought_tokens": "thoughtsTokenCount",
    "total_tokens": "totalTokenCount",
}
_DETAILS = {
    "input_tokens_by_modality": "promptTokensDetails",
    "tool_use_tokens_by_modality": "toolUsePromptTokensDetails",
    "cached_tokens_by_modality": "cacheTokensDetails",
    "output_tokens_by_modality": "candidatesTokensDetails",
}


def read_request(body: JSON) -> Request:
    """What was asked."""
    body = as_object(body)
    config = named(member(body, "generation_config"))
    settings = {**config, "responseModalities": body.get("response_modalities"), "thinkingConfig": config}
    system = body.get("system_instruction")
    return Request(
        **{**generating.read_config(settings), "output_type": _output_type(body)},
        messages=steps.read(body.get("input")),
        system_instructions=[parts.text(system)] if isinstance(system, str) and system else [],
        tools=[_tool(tool) for tool in objects(body.get("tools"))],
        stream=True if body.get("stream") is True else None,
        previous_response_id=some_text(body, "previous_interaction_id"),
        attributes=present({REQUEST_SERVICE_TIER: some_text(body, "service_tier")}),
    )


def _output_type(body: Object) -> str | None:
    formats = body.get("response_format")
    kinds = [some_text(one, "type") for one in objects(formats if isinstance(formats, list) else [formats])]
    named_kind = next((kind for kind in kinds if kind in ("audio", "image")), None)
    wanted = texts(body.get("response_modalities")) or ([named_kind] if named_kind else [])
    asked: Object = {"responseModalities": wanted, "responseMimeType": body.get("response_mime_type")}
    return generating.output_type({**asked, "responseFormat": formats} if kinds and not named_kind else asked)


def _tool(tool: Object) -> parts.ToolDefinition:
    kind = some_text(tool, "type") or "unknown"
    if kind == "function":
        more = rest(tool, "type", "name", "description", "parameters")
        return parts.function_tool(some_text(tool, "name") or "", some_text(tool, "description"), tool.get("parameters"), **more)
    definition: parts.ToolDefinition = {"type": kind, "name": some_text(tool, "name") or kind}
    return {**definition, **_open(rest(tool, "type", "name"))}  # type: ignore[typeddict-item]  # built-in tools keep their own keys


def _open(settings: Object) -> Object:
    return {name: _open(value) if isinstance(value, dict) else value for name, value in settings.items() if name not in _SECRET}


def read_response(body: JSON) -> Response:
    """What came back: all that the model did is one message."""
    body = as_object(body)
    status = some_text(body, "status")
    native = None if status in _UNFINISHED else status
    reason = _FINISH_REASONS.get(native, native) if native else None
    said = steps.answer(body.get("steps"))
    return Response(
        id=some_text(body, "id"),
        model=some_text(body, "model"),
        status=status,
        messages=[parts.message("assistant", said, finish_reason=reason)] if said else [],
        finish_reasons=[reason] if reason else [],
        native_finish_reasons=[native] if native else [],
        usage=read_usage(body.get("usage")),
        attributes=present({RESPONSE_SERVICE_TIER: some_text(body, "service_tier"), semconv.AGENT_NAME: some_text(body, "agent")}),
    )


def read_usage(value: JSON) -> Usage | None:
    """The counts, which mean what they do in the rest of the API under other names."""
    counted = as_object(value)
    same: Object = {name: counted[ours] for ours, name in _COUNTS.items() if ours in counted}
    for ours, name in _DETAILS.items():
        same[name] = [
            {"modality": (text(one, "modality") or "").upper(), "tokenCount": one.get("tokens")}
            for one in objects(counted.get(ours))
        ]
    read = usage.read(same)
    return replace(read, raw=counted) if read is not None and counted else None


def fold(events: Sequence[JSON]) -> Object:
    """The interaction that the events of a stream add up to."""
    body: Object = {}
    made: dict[int, Object] = {}
    for event in objects(list(events)):
        kind, at = some_text(event, "event_type"), integer(event, "index") or 0
        if kind in ("interaction.created", "interaction.completed"):
            body.update(present(member(event, "interaction")))
        elif kind == "interaction.status_update":
            body.update(present({"status": event.get("status"), "usage": event.get("usage")}))
        elif kind == "step.start":
            made[at] = dict(member(event, "step"))
        elif kind == "step.delta":
            steps.add(made.setdefault(at, {"type": "model_output"}), member(event, "delta"))
            body.update(present({"usage": member(event, "metadata").get("total_usage")}))
        elif kind == "step.stop":
            body.update(present({"usage": event.get("usage")}))
        elif kind == "error":
            body.update(status="failed", errors=[member(event, "error")])
    return {**body, "steps": objects(body.get("steps")) or [made[at] for at in sorted(made)]}


def piece(event: JSON) -> Piece:
    """What of an answer is in one event of a stream. The last one may repeat it all."""
    event = as_object(event)
    kind = some_text(event, "event_type")
    if kind == "step.start":
        return Piece(steps.characters_in(member(event, "step")))
    return Piece(steps.characters_added(member(event, "delta")) if kind == "step.delta" else 0)


def is_last(event: JSON) -> bool:
    """Whether nothing follows this event."""
    return as_object(event).get("event_type") == "interaction.completed"


def failed(body: JSON) -> tuple[str, str | None] | None:
    """What an interaction, or an event of its stream, says of a failure."""
    body = as_object(body)
    if body.get("event_type") == "error":
        return _words(member(body, "error"))
    said = member(body, "interaction") or body
    if said.get("status") != "failed":
        return None
    return _words(next(iter(objects(said.get("errors"))), {}))


def _words(error: Object) -> tuple[str, str | None]:
    return some_text(error, "code") or "failed", some_text(error, "message")


MODEL = Endpoint(
    operation=Operation.CHAT,
    provider="gcp.gemini",
    request=read_request,
    response=read_response,
    fold=fold,
    failed=failed,
    is_last=is_last,
    piece=piece,
)
AGENT = replace(MODEL, operation=Operation.INVOKE_AGENT)

_refused: WeakKeyDictionary[Any, Call] = WeakKeyDictionary()
"""Calls whose answer was an error, by the HTTP response, until that is raised."""


def sent(arguments: Arguments) -> Sent | None:
    """What one use of `do_request` says; only the creation of an interaction is one with a model."""
    if arguments.get("hook_ctx").operation_id != "CreateInteraction":
        return None
    request = arguments.get("request")
    body = as_object(decode(request.content))
    url = request.url
    agent = some_text(body, "agent")
    return Sent(
        endpoint=MODEL if agent is None else AGENT,
        body=body,
        model=some_text(body, "model") or some_text(member(body, "agent_config"), "model"),
        provider="gcp.vertex_ai" if "/projects/" in url.path else "gcp.gemini",
        url=str(url),
        attributes=present({semconv.AGENT_NAME: agent}),
    )


def _watches(response: Any, call: Call) -> bool:
    """The end of the call is the end of the answer's body, or the exception that is made of it."""
    if response.status_code >= 400:
        _refused[response] = call
    elif hasattr(response, "_content"):  # it was read already
        body = response.content
        said = call.says_it_failed(decode(body)) if b'"failed"' in body else None
        call.answered_later(lambda: bodies.read(body, str(response.headers.get("content-type") or "")), said)
    else:
        bodies.keep(response, call)
    return True


def _raising(function: Callable[..., Any]) -> Callable[..., Any]:
    """Around what makes the exception that the host sees of one that the generated library raised."""

    @functools.wraps(function)
    def translate(error: Any, *args: Any, **kwargs: Any) -> Any:
        seen = function(error, *args, **kwargs)
        with harmless.guard("recording an error"):
            response = getattr(error, "raw_response", None)
            call = None if response is None else _refused.pop(response, None)
            if call is not None:
                call.failed(seen)
        return seen

    return translate


def patches(library: str) -> Sequence[Patch]:
    """What is to be wrapped. Before 3.0 there is none of it."""
    where = "google.genai._gaos"
    methods = [
        Method(where=f"{where}.basesdk:{name}", sent=sent, watches=_watches, optional=True)
        for name in ("BaseSDK.do_request", "AsyncBaseSDK.do_request_async")
    ]
    return [
        *observing(library, methods),
        Patch(f"{where}.lib.compat_errors", "wrap_sdk_error", _raising, library, optional=True),
    ]
