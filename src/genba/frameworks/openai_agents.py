"""OpenAI's Agents SDK: what it tells its trace processors, as spans. A model call is joined by the client's call below it.

Tasks and turns make no spans: they say only how often the model was asked, and their usage is that of the calls once more.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Mapping, Sequence
from contextvars import ContextVar
from typing import Any, NamedTuple

from .. import harmless, semconv
from ..conversation import Request, Response, loose
from ..observing.patching import Patch
from ..observing.wire import unwrapped
from ..recording.invocation import Invocation
from ..semconv import Operation
from .runs import Run, Runs

_LIBRARY = "openai-agents"
_runs = Runs(_LIBRARY)
_conversations: dict[str, str] = {}
"""Traces -> the conversation that they belong to."""
_in_hand: dict[str, BaseException] = {}
"""Spans -> the exception that was being handled when they began: it is not theirs."""
_tells_content: ContextVar[bool] = ContextVar("genba-agents-content", default=True)
"""Whether the model call that begins now may tell what is said in it."""


class Step(NamedTuple):
    """What one kind of the library's spans becomes."""

    operation: str | None
    name: Callable[[Any], str]
    """Its name from what the span holds: asked when it begins, and again when it ends, for what is known then only."""
    attributes: Callable[[Any], Mapping[str, Any]] = lambda _: {}
    ends: Callable[[Any, Run], None] = lambda _, __: None
    """Takes what the span holds in the end."""


def _named(word: str, *fields: str) -> Callable[[Any], str]:
    def name(data: Any) -> str:
        said = next((value for field in fields if isinstance(value := getattr(data, field, None), str) and value), None)
        return word if said is None else f"{word} {said}"

    return name


def _agent(data: Any) -> Mapping[str, Any]:
    return {semconv.AGENT_NAME: data.name}


def _tool(data: Any) -> Mapping[str, Any]:
    return {semconv.TOOL_NAME: data.name, semconv.TOOL_TYPE: "function"}


def _tool_ended(data: Any, run: Run) -> None:
    invocation = run.invocation
    if data.input is None:
        invocation.withholds_content = True  # the user wants no sensitive data, and whoever carried the call out saw some
        return
    invocation.took(loose.arguments(data.input))
    if data.output is not None:
        invocation.gave(unwrapped(data.output))


def _generation(data: Any) -> Mapping[str, Any]:
    return {semconv.REQUEST_MODEL: data.model} if data.model else {}


def _generation_ended(data: Any, run: Run) -> None:
    settings = {name: value for name, value in (data.model_config or {}).items() if value is not None}
    asked = {**settings, "model": data.model, "messages": unwrapped(data.input)}
    answer = {"messages": unwrapped(data.output), "usage": _usage(data.usage)}
    run.reported.read_request = lambda: loose.request(asked)
    run.reported.read_response = lambda: loose.response(answer)


def _response_ended(data: Any, run: Run) -> None:
    said, asked = unwrapped(data.response), unwrapped(data.input)
    usage = _usage(getattr(data, "usage", None))  # newer releases say it, also where they keep the answer to themselves
    run.reported.attributes[semconv.PROVIDER_NAME] = "openai"
    run.reported.read_request = lambda: _response_asked(said, asked)
    run.reported.read_response = lambda: _response_said(said, usage)


def _response_asked(said: Any, asked: Any) -> Request:
    said = said if isinstance(said, Mapping) else {}
    return loose.request({**said, **({} if asked is None else {"messages": asked})})


def _response_said(said: Any, usage: Any) -> Response:
    said = said if isinstance(said, Mapping) else {}
    return loose.response({"id": said.get("id"), "model": said.get("model"), "messages": said.get("output") or (), "usage": usage})


def _usage(told: Any) -> dict[str, Any] | None:
    if not isinstance(told, Mapping):
        return None
    read, written = (told.get(f"{side}_tokens_details") or {} for side in ("input", "output"))
    return {
        "input_tokens": told.get("input_tokens"),
        "output_tokens": told.get("output_tokens"),
        "cache_read_input_tokens": read.get("cached_tokens"),
        "cache_write_input_tokens": read.get("cache_write_tokens"),
        "reasoning_output_tokens": written.get("reasoning_tokens"),
    }


def _gives(*fields: str) -> Callable[[Any, Run], None]:
    def ends(data: Any, run: Run) -> None:
        said = {field: value for field in fields if (value := getattr(data, field, None)) is not None}
        if said:
            run.invocation.gave(said)

    return ends


HIDDEN = frozenset(("task", "turn"))
STEPS: Mapping[str, Step] = {
    "agent": Step(Operation.INVOKE_AGENT, _named(Operation.INVOKE_AGENT, "name"), _agent),
    "function": Step(Operation.EXECUTE_TOOL, _named(Operation.EXECUTE_TOOL, "name"), _tool, _tool_ended),
    "generation": Step(Operation.CHAT, _named(Operation.CHAT, "model"), _generation, _generation_ended),
    "response": Step(Operation.CHAT, _named(Operation.CHAT), ends=_response_ended),
    "handoff": Step(None, _named("handoff", "to_agent"), ends=_gives("from_agent", "to_agent")),
    "guardrail": Step(None, _named("guardrail", "name"), ends=_gives("triggered")),
    "mcp_tools": Step(None, _named("list tools", "server"), ends=_gives("result")),
    "custom": Step(None, _named("step", "name"), ends=_gives("data")),
    "transcription": Step(None, _named("transcription", "model"), ends=_gives("output")),
    "speech": Step(None, _named("speech", "model"), ends=_gives("input")),
    "speech_group": Step(None, _named("speech group"), ends=_gives("input")),
}
"""By the library's own name for the kind of span."""
_ANY = Step(None, lambda data: str(getattr(data, "type", "step")))


def _trace_began(trace: Any) -> None:
    if trace.group_id:
        _conversations[trace.trace_id] = str(trace.group_id)
    _begin(
        trace.trace_id,
        trace.trace_id,
        None,
        Operation.INVOKE_WORKFLOW,
        f"invoke_workflow {trace.name}",
        {semconv.AGENT_NAME: trace.name},
    )


def _trace_ended(trace: Any) -> None:
    _end(trace.trace_id, None)
    _conversations.pop(trace.trace_id, None)


def _span_began(span: Any) -> None:
    data, parent = span.span_data, span.parent_id or span.trace_id
    if data.type in HIDDEN:
        _runs.hide(span.span_id, parent)
        return
    step = STEPS.get(data.type, _ANY)
    run = _begin(span.span_id, span.trace_id, parent, step.operation, step.name(data), step.attributes(data))
    if run is None:
        _runs.hide(span.span_id, parent)
    elif step.operation == Operation.CHAT and not _tells_content.get():
        for above in (run, _runs.above(parent), _runs.get(span.trace_id)):  # an error's words go up, and may quote what was said
            if above is not None:
                above.invocation.withholds_content = True


def _span_ended(span: Any) -> None:
    data = span.span_data
    run = _runs.get(span.span_id)
    if run is not None and data.type not in HIDDEN:
        step = STEPS.get(data.type, _ANY)
        with harmless.guard("reading what a span of openai-agents holds"):
            step.ends(data, run)
            _rename(run.invocation, step.name(data))
    _end(span.span_id, span.error)


def _begin(id: str, trace: str, parent: str | None, operation: str | None, name: str, attributes: Mapping[str, Any]) -> Run | None:
    handled = sys.exc_info()[1]
    if handled is not None:
        _in_hand[id] = handled
    known = {semconv.CONVERSATION_ID: _conversations.get(trace), **attributes}
    return _runs.begin(id, operation, name, parent=parent, attributes=known, current=True)


def _rename(invocation: Invocation, name: str) -> None:
    if len(name) > len(invocation.name) and name.startswith(invocation.name):
        invocation.name = name
        invocation.span.update_name(name)


def _end(id: str, said: Mapping[str, Any] | None) -> None:
    # The library tells of an end while the exception that brings it is still in flight, and of most errors in words only.
    error = sys.exc_info()[1]
    if error is _in_hand.pop(id, None):
        error = None
    _runs.end(id, error, failed=None if said is None else _words(said))


def _words(said: Mapping[str, Any]) -> str:
    data = said.get("data")
    more = data.get("error") if isinstance(data, Mapping) else None
    return ": ".join(str(one) for one in (said.get("message"), more) if one)


def _telling(before: Callable[[Any], None]) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    def wrap(original: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(original)
        def told(self: Any, subject: Any) -> Any:
            with harmless.guard("listening to openai-agents"):
                before(subject)
            return original(self, subject)

        return told

    return wrap


def _noting_content(original: Callable[..., Any]) -> Callable[..., Any]:
    """Every model asks this right before it begins its span, of the setting that says whether to include sensitive data."""

    @functools.wraps(original)
    def is_disabled(self: Any) -> Any:
        with harmless.guard("asking whether sensitive data is wanted"):
            _tells_content.set(bool(self.include_data()))
        return original(self)

    return is_disabled


_LISTENERS: Mapping[str, Callable[[Any], None]] = {
    "on_trace_start": _trace_began,
    "on_trace_end": _trace_ended,
    "on_span_start": _span_began,
    "on_span_end": _span_ended,
}
_PROCESSOR = "SynchronousMultiTracingProcessor"


def patches() -> Sequence[Patch]:
    """What passes everything on to the processors: unlike one of them, it stays when the app sets its own."""
    listeners = [
        Patch("agents.tracing.provider", f"{_PROCESSOR}.{name}", _telling(listener), _LIBRARY)
        for name, listener in _LISTENERS.items()
    ]
    return [*listeners, Patch("agents.models.interface", "ModelTracing.is_disabled", _noting_content, _LIBRARY)]
