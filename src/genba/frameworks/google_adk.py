"""Google's Agent Development Kit: it makes spans of agents, tools and model calls by itself; they become ours.

It says what a span is only after it was begun, except by its name. Its own step around a model call, and the one around tools that run
at once, say nothing which the spans inside do not say.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Mapping, Sequence
from types import ModuleType
from typing import Any

from opentelemetry.trace import SpanKind, get_current_span

from .. import harmless, semconv
from ..conversation import loose
from ..observing.patching import Patch
from ..recording.reported import Reported
from ..semconv import Operation
from . import span_attributes
from .native import Hidden, Taken, TakenSpan, Taking

_LIBRARY = "google-adk"
_TELEMETRY = "google.adk.telemetry.tracing"
_HIDDEN = ("call_llm", "execute_tool (merged)", "send_data", "handle_context_caching")
_SUBJECTS = {
    Operation.INVOKE_AGENT: semconv.AGENT_NAME,
    Operation.INVOKE_WORKFLOW: semconv.AGENT_NAME,
    Operation.EXECUTE_TOOL: semconv.TOOL_NAME,
    Operation.GENERATE_CONTENT: semconv.REQUEST_MODEL,
}
"""What stands behind the operation in the name of its span."""
_PROVIDERS = {"gemini": "gcp.gemini", "vertex_ai": "gcp.vertex_ai"}
_KEPT = (
    semconv.CONVERSATION_ID,
    semconv.AGENT_NAME,
    semconv.AGENT_DESCRIPTION,
    semconv.TOOL_DESCRIPTION,
    semconv.TOOL_CALL_ID,
)
"""What it says later that ours say too, by the same names."""
_NOTHING = "<not specified>"


def take(name: str, attributes: Mapping[str, Any]) -> Taken | None:
    """What a span of it becomes, by its name."""
    if name in _HIDDEN:
        return Hidden
    operation, _, subject = name.partition(" ")
    withheld = _is_withheld(get_current_span()) or not _shows_content()
    if operation not in _SUBJECTS:
        known = {semconv.CONVERSATION_ID: attributes.get(semconv.CONVERSATION_ID)}
        return Taken(operation=None, name=name, attributes=known, withholds_content=withheld)
    known = {_SUBJECTS[operation]: subject or None, semconv.CONVERSATION_ID: attributes.get(semconv.CONVERSATION_ID)}
    if operation == Operation.EXECUTE_TOOL:
        known[semconv.TOOL_TYPE] = "function"
    kind = SpanKind.CLIENT if operation == Operation.GENERATE_CONTENT else SpanKind.INTERNAL
    return Taken(operation=operation, name=name, kind=kind, attributes=known, withholds_content=withheld)


def tell(attributes: Mapping[str, Any], reported: Reported) -> None:
    """Have what it said read in the end."""
    kept = {name: attributes[name] for name in _KEPT if attributes.get(name) not in (None, "", _NOTHING)}
    reported.attributes.update(kept)
    system = attributes.get(semconv.PROVIDER_NAME) or attributes.get("gen_ai.system")
    operation = attributes.get(semconv.OPERATION_NAME)
    if operation == Operation.EXECUTE_TOOL:
        reported.arguments = _told(attributes, semconv.TOOL_CALL_ARGUMENTS, "gcp.vertex.agent.tool_call_args")
        reported.result = _told(attributes, semconv.TOOL_CALL_RESULT, "gcp.vertex.agent.tool_response")
    elif operation == Operation.GENERATE_CONTENT:
        if isinstance(system, str):
            reported.attributes[semconv.PROVIDER_NAME] = _PROVIDERS.get(system, system)
        reported.read_request = lambda: span_attributes.request(attributes)
        reported.read_response = lambda: span_attributes.response(attributes)


def _told(attributes: Mapping[str, Any], *names: str) -> Any:
    """Arguments or a result, which it writes as JSON."""
    said = next((attributes[name] for name in names if name in attributes), None)
    return loose.arguments(said)


def _watching_tools(trace_tool_call: Callable[..., None]) -> Callable[..., None]:
    """Around what says of a tool what it was given and gave: newer releases put neither on the span unless told to."""

    @functools.wraps(trace_tool_call)
    def say(*args: Any, **kwargs: Any) -> None:
        with harmless.guard("taking note of a tool of google-adk"):
            span = kwargs.get("span") or get_current_span()
            if isinstance(span, TakenSpan) and _shows_content(kwargs.get("invocation_context")):
                span.set_attribute(semconv.TOOL_CALL_ARGUMENTS, kwargs.get("args"))
                response = _response(kwargs.get("function_response_event"))
                cleaned = getattr(_tracing(), "_serialize_tool_response", None)  # newer releases take credentials out
                if response is not None:
                    span.set_attribute(semconv.TOOL_CALL_RESULT, response if cleaned is None else cleaned(response))
        trace_tool_call(*args, **kwargs)

    return say


def _response(event: Any) -> Any:
    parts = getattr(getattr(event, "content", None), "parts", None)
    return getattr(getattr(parts[0], "function_response", None), "response", None) if parts else None


def _watching_agents(trace_agent_invocation: Callable[..., None]) -> Callable[..., None]:
    """Around what says which agent it is: a run may be told to show no content, and so may then nothing in it."""

    @functools.wraps(trace_agent_invocation)
    def say(span: Any, agent: Any, ctx: Any, *args: Any, **kwargs: Any) -> None:
        with harmless.guard("reading what google-adk may show"):
            if isinstance(span, TakenSpan) and not _shows_content(ctx):
                span.genba_invocation.withholds_content = True
        trace_agent_invocation(span, agent, ctx, *args, **kwargs)

    return say


def _is_withheld(span: Any) -> bool:
    invocation = getattr(span, "genba_invocation", None)
    return invocation is not None and bool(invocation.withholds_content)


def _shows_content(run: Any = None) -> bool:
    """Its own switch, read as it reads it: of a run, or of the process."""
    context = sys.modules.get("google.adk.telemetry.context")
    with harmless.guard("reading whether google-adk shows content"):
        config = getattr(getattr(run, "run_config", None), "telemetry", None)
        if config is not None:
            return bool(config.should_add_content_to_legacy_spans)
        if context is not None:
            return bool(context.TelemetryConfig().should_add_content_to_legacy_spans)
        return bool(_tracing()._should_add_request_response_to_spans())  # noqa: SLF001  # older releases have it there
    return False


def _tracing() -> Any:
    return sys.modules[_TELEMETRY]


def patches() -> Sequence[Patch]:
    """What it says of agents and tools before it decides what to put on their spans."""
    wraps = {"trace_tool_call": _watching_tools, "trace_agent_invocation": _watching_agents}
    return [Patch(_TELEMETRY, name, wrap, _LIBRARY, optional=True) for name, wrap in wraps.items()]


def connect() -> Callable[[], None]:
    """Give it our tracer, in every module of it that has taken its own one already."""
    theirs = _tracing().tracer
    ours = Taking(_LIBRARY, take, tell)
    _replace(theirs, ours)
    return functools.partial(_replace, ours, theirs)


def _replace(old: Any, new: Any) -> None:
    for name, module in list(sys.modules.items()):
        if name.startswith("google.adk") and isinstance(module, ModuleType) and vars(module).get("tracer") is old:
            vars(module)["tracer"] = new
