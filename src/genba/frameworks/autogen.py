"""AutoGen: agents and teams of agentchat, tools of its core, by the functions that do the work; what it tells by spans becomes ours.

Its runtime hands messages about in tasks of its own: what is done for one is done in the context of who sent it. The spans that it
makes of each message's way say nothing which the work itself does not say.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from opentelemetry import trace
from opentelemetry.context import Context, attach, detach, get_current

from .. import harmless, semconv
from ..conversation import Request, loose
from ..conversation.encoding import decode, encode
from ..observing.arguments import Arguments
from ..observing.patching import Patch
from ..observing.steps import Begun, Step, Stepping
from ..observing.steps import patches as step_patches
from ..recording import owning
from ..recording.reported import Reported
from ..semconv import Operation
from .native import Hidden, Taken, TakenSpan, Taking

_CORE, _CHAT = "autogen-core", "autogen-agentchat"
_SPANS = "autogen_core._telemetry._genai"
_KEPT = (
    semconv.AGENT_ID,
    semconv.AGENT_NAME,
    semconv.AGENT_DESCRIPTION,
    semconv.TOOL_NAME,
    semconv.TOOL_CALL_ID,
    semconv.TOOL_DESCRIPTION,
)
_AT_WORK = {Operation.EXECUTE_TOOL: (owning.TOOL, semconv.TOOL_NAME), Operation.INVOKE_AGENT: (owning.AGENT, semconv.AGENT_NAME)}
"""Where it stands in the context what is at work already, and what that is called."""
_MESSAGE = "genba-autogen-message"
"""The context that the message at hand was sent in."""


def take(name: str, attributes: Mapping[str, Any]) -> Taken | None:
    """What a span of it becomes: nothing where a step of ours, around it, says the same; the making of an agent is no work."""
    operation = attributes.get(semconv.OPERATION_NAME)
    if operation not in _AT_WORK:
        return Hidden
    key, subject = _AT_WORK[operation]
    here = get_current()
    around: Any = here.get(key)
    is_same = around is not None and around.outcome is None and around.start_attributes.get(subject) == attributes.get(subject)
    if is_same and (key == owning.TOOL or here.get(owning.TOOL) is None):
        return Hidden
    return Taken(operation=operation, name=name, attributes={key: attributes.get(key) for key in _KEPT})


def tell(_: Mapping[str, Any], __: Reported) -> None:
    """It says all when it begins."""


_OURS = Taking(_CORE, take, tell)


def _taken(function: Callable[..., Any]) -> Callable[..., Any]:
    """Around what makes its spans, unless the app gave it a tracer."""

    @functools.wraps(function)
    def begin(*args: Any, **kwargs: Any) -> Any:
        if kwargs.get("tracer") is None:
            kwargs["tracer"] = _OURS
        return function(*args, **kwargs)

    return begin


def _sent(function: Callable[..., Any]) -> Any:
    """Around the making of what goes along with a message: the context it was sent in goes too."""

    @functools.wraps(function)
    def init(self: Any, *args: Any, **kwargs: Any) -> None:
        function(self, *args, **kwargs)
        with harmless.guard("taking a message's context along"):
            here = get_current()
            span = trace.get_current_span(here)
            if isinstance(span, TakenSpan) and span.genba_invocation.operation == Operation.INVOKE_AGENT:
                # An agent's answer goes to its team: who speaks next stands beside it, not below.
                here = here.get(_MESSAGE, here)  # type: ignore[assignment]  # only contexts are put there
            self.genba_context = here

    return init


def _on_the_way(function: Callable[..., Any]) -> Callable[..., Any]:
    """Around a step of a message's way. Where the app gave the runtime a tracer provider of its own, its spans are made as before."""

    @contextmanager
    def block(self: Any, operation: Any, destination: Any, parent: Any, **more: Any) -> Iterator[Any]:
        sent: Context | None = getattr(parent, "genba_context", None)
        token = None if sent is None else attach(Context({**sent, _MESSAGE: sent}))
        try:
            theirs = self.tracer_provider
            if theirs is trace.get_tracer_provider() or isinstance(theirs, trace.ProxyTracerProvider):
                yield trace.NonRecordingSpan(trace.get_current_span().get_span_context())
            else:
                with function(self, operation, destination, parent, **more) as span:
                    yield span
        finally:
            if token is not None:
                detach(token)

    return functools.wraps(function)(block)


def _works(operation: str) -> Callable[[Arguments], Begun]:
    def begins(arguments: Arguments) -> Begun:
        actor = arguments.receiver
        task = arguments.get("task")
        copied = encode([_message(one) for one in (task if isinstance(task, (list, tuple)) else [task]) if one is not None])

        def tells(reported: Reported) -> None:
            reported.read_request = lambda: Request(messages=loose.messages(decode(copied)))

        known = {semconv.AGENT_DESCRIPTION: getattr(actor, "description", None)}
        return Begun(operation=operation, subject=str(actor.name), attributes=known, tells=tells)

    return begins


def _message(said: Any) -> Any:
    """A message of theirs as the words in it."""
    content = getattr(said, "content", said)
    return content if isinstance(content, str) else said.to_text() if hasattr(said, "to_text") else content


def _worked(stepping: Stepping, result: Any) -> None:
    """The last message of what an agent or a team said."""
    said = getattr(result, "messages", None)
    if said:
        copied = encode(_message(said[-1]))
        stepping.reported.read_response = lambda: loose.response(loose.as_text(decode(copied)))


def _tool(arguments: Arguments) -> Begun:
    tool = arguments.receiver
    known = {
        semconv.TOOL_TYPE: "function",
        semconv.TOOL_DESCRIPTION: tool.description,
        semconv.TOOL_CALL_ID: arguments.get("call_id"),
    }
    return Begun(operation=Operation.EXECUTE_TOOL, subject=tool.name, attributes=known, arguments=dict(arguments.get("args") or {}))


_AGENT = _works(Operation.INVOKE_AGENT)
_STEPS = {
    _CHAT: (
        Step(where="autogen_agentchat.agents._base_chat_agent:BaseChatAgent.run", begins=_AGENT, gave=_worked),
        Step(where="autogen_agentchat.agents._base_chat_agent:BaseChatAgent.run_stream", begins=_AGENT, gave=_worked),
        Step(
            where="autogen_agentchat.teams._group_chat._base_group_chat:BaseGroupChat.run_stream",
            begins=_works(Operation.INVOKE_WORKFLOW),
            gave=_worked,
        ),
    ),
    _CORE: (
        Step(where="autogen_core.tools._base:BaseTool.run_json", begins=_tool),
        Step(where="autogen_core.tools._base:BaseStreamTool.run_json_stream", begins=_tool),
    ),
}


def patches() -> Sequence[Patch]:
    """The work itself, the spans it tells of, and the way of its messages."""
    names = ("trace_tool_span", "trace_create_agent_span", "trace_invoke_agent_span")
    return [
        *(patch for library, steps in _STEPS.items() for patch in step_patches(library, steps)),
        *(Patch(_SPANS, name, _taken, _CORE, enclosed="func") for name in names),
        Patch("autogen_core._telemetry._propagation", "EnvelopeMetadata.__init__", _sent, _CORE),
        Patch("autogen_core._telemetry._tracing", "TraceHelper.trace_block", _on_the_way, _CORE),
    ]
