"""Pydantic AI: its own instrumentation, switched on, with spans that become ours. A model call is joined by the client's call below it.

An app that instruments it by itself keeps its settings. Where its spans would go where ours go, they become ours all the same, with
what it said about content; spans that it sends elsewhere stay its own.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from opentelemetry import metrics
from opentelemetry.trace import SpanKind

from .. import harmless, semconv
from ..conversation import Request, loose
from ..observing.patching import Patch
from ..recording import signals
from ..recording.reported import Reported
from ..semconv import Operation
from . import span_attributes
from .native import Hidden, Taken, Taking

_LIBRARY = "pydantic-ai"
_SETTINGS = "pydantic_ai.models.instrumented"
_KINDS = {Operation.CHAT: SpanKind.CLIENT, Operation.EMBEDDINGS: SpanKind.CLIENT}
_KEPT = (
    semconv.PROVIDER_NAME,
    semconv.SERVER_ADDRESS,
    semconv.SERVER_PORT,
    semconv.CONVERSATION_ID,
    semconv.TOOL_NAME,
    semconv.TOOL_CALL_ID,
)
"""What it says at the beginning that ours say too, by the same names."""


def take(name: str, attributes: Mapping[str, Any], *, include_content: bool = True) -> Taken | None:
    """What a span of it becomes. The names of older versions say less than their attributes."""
    operation = _operation(attributes)
    if operation is None and name.startswith("running"):  # around tools that run at once: each of them has its own
        return Hidden
    known = _kept(attributes)
    subject: Any = None
    if operation == Operation.INVOKE_AGENT:
        subject = known[semconv.AGENT_NAME] = attributes.get(semconv.AGENT_NAME) or attributes.get("agent_name")
        known[semconv.REQUEST_MODEL] = attributes.get("model_name")
    elif operation == Operation.EXECUTE_TOOL:
        subject = known[semconv.TOOL_NAME]
        known[semconv.TOOL_TYPE] = "function"
    elif operation in _KINDS:
        subject = attributes.get(semconv.REQUEST_MODEL) or name.partition(" ")[2]
        known[semconv.REQUEST_MODEL] = subject
    else:
        operation = None
    called = name if operation is None else f"{operation} {subject}" if subject else operation
    kind = _KINDS.get(str(operation), SpanKind.INTERNAL)
    return Taken(operation=operation, name=called, kind=kind, attributes=known, withholds_content=not include_content)


def tell(attributes: Mapping[str, Any], reported: Reported) -> None:
    """Have what it said read in the end."""
    operation = _operation(attributes)
    if operation == Operation.EXECUTE_TOOL:
        reported.arguments = loose.arguments(attributes.get(semconv.TOOL_CALL_ARGUMENTS, attributes.get("tool_arguments")))
        reported.result = loose.arguments(attributes.get(semconv.TOOL_CALL_RESULT, attributes.get("tool_response")))
    elif operation == Operation.INVOKE_AGENT:
        reported.read_request = lambda: _agent_asked(attributes)
        reported.read_response = lambda: loose.response(attributes.get("final_result"))
    elif operation in _KINDS:
        reported.attributes.update({key: value for key, value in _kept(attributes).items() if value is not None})
        reported.read_request = lambda: span_attributes.request(attributes)
        reported.read_response = lambda: span_attributes.response(attributes)


def _kept(attributes: Mapping[str, Any]) -> dict[str, Any]:
    known = {key: attributes.get(key) for key in _KEPT}
    known[semconv.PROVIDER_NAME] = known[semconv.PROVIDER_NAME] or attributes.get("gen_ai.system")  # as it was called once
    return known


def _operation(attributes: Mapping[str, Any]) -> str | None:
    """What is done. Older versions do not say it of agents and tools."""
    said: str | None = attributes.get(semconv.OPERATION_NAME)
    if said is None and semconv.TOOL_NAME in attributes:
        return Operation.EXECUTE_TOOL
    return Operation.INVOKE_AGENT if said is None and "agent_name" in attributes else said


def _agent_asked(said: Mapping[str, Any]) -> Request:
    """What the agent was asked in this run: what came before and what it said to itself stands in its model calls."""
    told = span_attributes.json(said.get("pydantic_ai.all_messages")) or []
    first = said.get("pydantic_ai.new_message_index")
    new = told[first if isinstance(first, int) else 0 :]
    until = next((at for at, message in enumerate(new) if message.get("role") == "assistant"), len(new))
    return Request(messages=span_attributes.messages(new[:until]), system_instructions=span_attributes.instructions(said))


def _tracer(*, include_content: bool) -> Taking:
    return Taking(_LIBRARY, functools.partial(take, include_content=include_content), tell)


def _take_over(settings: Any) -> Callable[[], None] | None:
    """Have the spans of `settings` become ours, if they go where ours go; the result undoes it."""
    theirs, sending = getattr(settings, "tracer", None), signals.current()
    if theirs is None or sending is None or isinstance(theirs, Taking) or not _goes_where_ours_go(theirs, sending.tracer()):
        return None
    settings.tracer = _tracer(include_content=bool(getattr(settings, "include_content", True)))

    def give_back() -> None:
        settings.tracer = theirs

    return give_back


def _goes_where_ours_go(theirs: Any, ours: Any) -> bool:
    """Whether both tracers hand their spans to the same processors; one that nobody listens to does no harm if it is ours."""
    sinks = [getattr(tracer, "span_processor", None) for tracer in (getattr(theirs, "_tracer", theirs), ours)]
    return sinks[0] is None or sinks[0] is sinks[1]


def _made(function: Callable[..., Any]) -> Any:
    """Around the making of settings: by the app, or by the library where the app only says "instrument it"."""

    @functools.wraps(function)
    def init(self: Any, *args: Any, **kwargs: Any) -> None:
        function(self, *args, **kwargs)
        with harmless.guard("taking over the spans of pydantic-ai"):
            undo = _take_over(self)
            if undo is not None:
                _undone.append(undo)

    return init


_undone: list[Callable[[], None]] = []


def patches() -> Sequence[Patch]:
    """The settings that the app makes."""
    return [Patch(_SETTINGS, "InstrumentationSettings.__init__", _made, "pydantic-ai-slim")]


def connect() -> Callable[[], None]:
    """Switch it on for every agent that is not told otherwise."""
    library, instrumented = sys.modules["pydantic_ai"], sys.modules[_SETTINGS]
    ours = None
    kinds: list[Any] = [library.Agent, getattr(library, "Embedder", None)]
    for kind in kinds:
        before = getattr(kind, "_instrument_default", None)
        if before is False:
            if ours is None:
                ours = instrumented.InstrumentationSettings(meter_provider=metrics.NoOpMeterProvider())
                ours.tracer = _tracer(include_content=True)
            kind.instrument_all(ours)
            _undone.append(functools.partial(_switch_off, kind, ours))
        elif before is not None and before is not True:
            undo = _take_over(before)
            if undo is not None:
                _undone.append(undo)
    return _undo


def _switch_off(kind: Any, ours: Any) -> None:
    if kind._instrument_default is ours:  # noqa: SLF001  # nobody has switched it since
        kind.instrument_all(False)


def _undo() -> None:
    while _undone:
        with harmless.guard("giving pydantic-ai its tracer back"):
            _undone.pop()()
