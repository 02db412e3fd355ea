"""Who owns an operation: the outermost layer that reports it. Layers below add what they know to the owner's span, and open none.

The contract, for every provider and framework: an invocation in which a model, a search or the like is at work puts itself into the
OpenTelemetry context under `OWNER`. Whoever starts an operation of the same family under it enriches it instead (`owner_of`). Agents,
workflows and tools own no model call: they clear the key. `AGENT` is the nearest agent, which counts the calls made for it.
"""

from __future__ import annotations

from typing import Any, Final

from opentelemetry import context as context_api
from opentelemetry.context import Context
from opentelemetry.trace import Span, get_current_span, propagation, set_span_in_context

from ..semconv import INFERENCE, Operation

OWNER: Final = "genba-owner"
AGENT: Final = "genba-agent"
TOOL: Final = "genba-tool"
"""The tool at work: whoever tells of the same one further in joins it, see `joining`."""
CALL: Final = "genba-call"
"""The innermost client call at work, where that is part of an operation that an outer layer reports."""
RUN: Final = "genba-run"
"""The innermost run of a framework that reports by callbacks: has `invocation`, and three contexts: `context`, the one in it, `current`,
what was made current for it, and `outer`, what was so before."""
_SUPPRESSED: Final = (
    "suppress_instrumentation",
    "suppress_language_model_instrumentation",
    str(getattr(context_api, "_SUPPRESS_INSTRUMENTATION_KEY", "suppress_instrumentation")),
)
_UPSTREAM: Final = "opentelemetry.genai.client.inference.context"
"""Where the official instrumentations say that they are at work on a model call."""

# A private name, used because it saves copying the context once more for every call; without it we copy.
_SPAN_KEY: str | None = getattr(propagation, "_SPAN_KEY", None)

_OWN_NOTHING = frozenset((Operation.EXECUTE_TOOL, Operation.INVOKE_AGENT, Operation.INVOKE_WORKFLOW))


def suppressed(context: Context) -> bool:
    """Whether the host, or another instrumentation, asked that nothing be recorded here."""
    return bool(context) and (any(context.get(key) for key in _SUPPRESSED) or context.get(_UPSTREAM) is not None)


def family(operation: str) -> str:
    """Operations of one family are the same piece of work seen from different heights."""
    return "inference" if operation in INFERENCE else operation


def owner_of(context: Context, operation: str) -> Any:
    """The invocation that already reports this operation, or None."""
    owner: Any = context.get(OWNER) if context else None
    if owner is None or owner.outcome is not None or family(owner.operation) != family(operation) or owner.is_answered:
        return None
    return owner


def living(context: Context) -> Context:
    """`context`, or the nearest one outside it whose run has not ended.

    A framework that reports by callbacks may tell the end of a run in another task than its beginning: then what was made current
    for the run stays so after it. And a library that was given one of our spans as its own makes that current by itself.
    """
    if not context:
        return context
    span = context.get(_SPAN_KEY) if _SPAN_KEY is not None else None
    taken: Any = getattr(span, "genba_invocation", None)
    if taken is not None and not _is_within(context, taken):
        context = within(context, span, taken)  # type: ignore[arg-type]  # what has an invocation is a span
    run: Any = context.get(RUN)
    while run is not None and run.invocation.outcome is not None:
        # What was put on top since stays: a span of the host's, or its wish that nothing be recorded.
        since = {key: value for key, value in context.items() if run.current.get(key) is not value}
        context = Context({**run.outer, **since}) if since else run.outer
        run = context.get(RUN)
    return run.context if run is not None and context is run.current else context


def _is_within(context: Context, invocation: Any) -> bool:
    tool: Any = context.get(TOOL)  # may be `invocation` in the hands of someone further in
    same_tool = tool is not None and tool.span is invocation.span
    return same_tool or context.get(OWNER) is invocation or context.get(AGENT) is invocation


def unseen(inner: Context, outer: Context) -> Context:
    """`inner` for the layers below that are ours: the host's own spans still hang where they do in `outer`."""
    return set_span_in_context(get_current_span(outer), inner)


def within(context: Context, span: Span, invocation: Any) -> Context:
    """The context in which the host's code runs inside `invocation`."""
    operation = invocation.operation
    inner: dict[str, Any] = dict(set_span_in_context(span, context)) if _SPAN_KEY is None else {**context, _SPAN_KEY: span}
    if operation in _OWN_NOTHING:
        inner.pop(OWNER, None)
        if operation == Operation.EXECUTE_TOOL:
            inner[TOOL] = invocation
        else:
            inner.pop(TOOL, None)
        if operation == Operation.INVOKE_AGENT:
            inner[AGENT] = invocation
    elif operation is not None:
        inner[OWNER] = invocation
    return Context(inner)
