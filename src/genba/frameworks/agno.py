"""Agno: agents, teams, workflows, their tools and models, by the functions that do the work; it tells of nothing by callbacks."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from opentelemetry.trace import SpanKind

from .. import semconv
from ..conversation import Request, Response, loose, parts
from ..conversation.encoding import decode, encode
from ..observing.arguments import Arguments
from ..observing.functions import going_on
from ..observing.patching import Patch
from ..observing.steps import Begun, Step, Stepping
from ..observing.steps import patches as step_patches
from ..recording.reported import Reported
from ..semconv import Operation, Outcome

_BROKEN = ("ERROR", "RunError", "TeamRunError", "WorkflowError")
_STOPPED = (
    "CANCELLED",
    "RunCancelled",
    "TeamRunCancelled",
    "WorkflowCancelled",
    "PAUSED",
    "RunPaused",
    "TeamRunPaused",
    "WorkflowPaused",
)
_PIECES = ("RunContent", "TeamRunContent", "StepOutput")
"""Events that carry a piece of the answer."""
_IDS = {semconv.CONVERSATION_ID: "session_id", semconv.AGENT_ID: "agent_id"}
"""What a run makes up where the app does not give it."""
_USAGE = {
    "input_tokens": "input_tokens",
    "output_tokens": "output_tokens",
    "cache_read_input_tokens": "cache_read_tokens",
    "cache_write_input_tokens": "cache_write_tokens",
    "reasoning_output_tokens": "reasoning_tokens",
}


def patches() -> Sequence[Patch]:
    """Everything to wrap."""
    return step_patches("agno", [*_RUNS, *_TOOLS, *_MODELS])


def _runs(operation: str) -> Callable[[Arguments], Begun]:
    def begins(arguments: Arguments) -> Begun:
        actor = arguments.receiver
        asked = encode(arguments.get("input"))
        known = {
            semconv.AGENT_DESCRIPTION: _text(getattr(actor, "description", None)),
            semconv.CONVERSATION_ID: _text(arguments.get("session_id")) or _text(getattr(actor, "session_id", None)),
        }

        def tells(reported: Reported) -> None:
            reported.read_request = lambda: _asked(decode(asked))

        name = _text(getattr(actor, "name", None)) or type(actor).__name__
        return Begun(operation=operation, subject=name, attributes=known, tells=tells)

    return begins


def _asked(said: Any) -> Request:
    """What a run was given: words, messages, or an object of the app's own."""
    if isinstance(said, Mapping) and "role" not in said:
        return Request(messages=[parts.message("user", [parts.text(loose.as_text(said))])])
    return loose.request({"messages": said})


def _ran(stepping: Stepping, result: Any) -> None:
    """What a run gave: its output, or the last of the events that it told. Of most failures it tells by that only."""
    event = getattr(result, "event", None)
    state = _text(event) or _text(getattr(result, "status", None))
    content = getattr(result, "content", None)
    for name, field in _IDS.items():
        id = _text(getattr(result, field, None))
        if id is not None:
            stepping.set_attribute(name, id)
    if state in _BROKEN:
        stepping.answered_badly("_OTHER", content if isinstance(content, str) else None)
        return
    said = encode("".join(stepping.pieces) if event is not None and stepping.pieces else content)
    stepping.reported.read_response = lambda: loose.response(loose.as_text(decode(said)))
    if state in _STOPPED:
        stepping.end(Outcome.CANCELLED)


def _piece(event: Any) -> Any:
    return (
        event if isinstance(event, str) else getattr(event, "content", None) if getattr(event, "event", None) in _PIECES else None
    )


def _tool(arguments: Arguments) -> Begun:
    call = arguments.receiver
    known = {
        semconv.TOOL_TYPE: "function",
        semconv.TOOL_CALL_ID: _text(call.call_id),
        semconv.TOOL_DESCRIPTION: _text(call.function.description),
    }
    given = call.arguments or {}
    return Begun(operation=Operation.EXECUTE_TOOL, subject=call.function.name, attributes=known, arguments=given, memo=call)


def _tool_goes_on(stepping: Stepping, result: Any) -> bool:
    """A tool that is a generator has done nothing yet: whoever asked for it reads it, from one of two places."""
    steps = getattr(result, "result", None)
    if not inspect.isgenerator(steps) and not inspect.isasyncgen(steps):
        return False
    result.result = watched = going_on(steps, stepping)
    if stepping.memo.result is steps:
        stepping.memo.result = watched
    return True


def _tool_gave(stepping: Stepping, result: Any) -> None:
    """What a tool gave: it raises nothing, but says how it went."""
    if stepping.pieces:
        stepping.gave("".join(stepping.pieces))
    elif getattr(result, "status", None) == "failure":
        stepping.answered_badly("_OTHER", _text(getattr(result, "error", None)))
    else:
        stepping.gave(getattr(result, "result", result))


def _model(arguments: Arguments) -> Begun:
    """A model's call, with its retries. Where a name has a provider before it, a client further in says what the model is called."""
    model = _text(getattr(arguments.receiver, "id", None))
    copied = encode([_message(one) for one in arguments.get("messages") or ()])
    tools = encode(arguments.get("tools"))

    def tells(reported: Reported) -> None:
        reported.read_request = lambda: loose.request({"model": model, "messages": decode(copied), "tools": decode(tools)})

    subject = None if model is None or "/" in model else model
    return Begun(operation=Operation.CHAT, subject=subject, kind=SpanKind.CLIENT, tells=tells)


def _message(said: Any) -> Any:
    known = ("role", "content", "name", "tool_call_id", "tool_calls")
    return {name: value for name in known if (value := getattr(said, name, None)) is not None}


def _generated(stepping: Stepping, result: Any) -> None:
    """What a model said, for as far as no client saw it; of a stream the last piece tells the cost."""
    said = encode(
        {
            "role": "assistant",
            "content": "".join(stepping.pieces) or getattr(result, "content", None),
            "tool_calls": getattr(result, "tool_calls", None),
        }
    )
    told = getattr(result, "response_usage", None)
    usage = {name: getattr(told, theirs, None) or None for name, theirs in _USAGE.items()} if told is not None else None
    stepping.reported.read_response = lambda: _answer(decode(said), usage)


def _answer(said: Any, usage: Mapping[str, Any] | None) -> Response:
    return loose.response({"messages": [said], **({} if usage is None else {"usage": usage})})


def _text(said: Any) -> str | None:
    said = getattr(said, "value", said)
    return said if isinstance(said, str) and said else None


def _run(where: str, operation: str) -> Sequence[Step]:
    names = ("run", "arun", "continue_run", "acontinue_run")
    begins = _runs(operation)
    return [Step(where=f"{where}.{name}", begins=begins, gave=_ran, piece=_piece, optional=name not in names[:2]) for name in names]


_RUNS = (
    *_run("agno.agent.agent:Agent", Operation.INVOKE_AGENT),
    *_run("agno.team.team:Team", Operation.INVOKE_AGENT),
    *_run("agno.workflow.workflow:Workflow", Operation.INVOKE_WORKFLOW),
)
_TOOLS = tuple(
    Step(where=f"agno.tools.function:FunctionCall.{name}", begins=_tool, gave=_tool_gave, piece=_piece, goes_on=_tool_goes_on)
    for name in ("execute", "aexecute")
)
_MODELS = tuple(
    Step(
        where=f"agno.models.base:Model.{name}",
        begins=_model,
        gave=_generated,
        piece=lambda item: getattr(item, "content", None),
        optional=True,
    )
    for name in ("_invoke_with_retry", "_ainvoke_with_retry", "_invoke_stream_with_retry", "_ainvoke_stream_with_retry")
)
