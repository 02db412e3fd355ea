"""Strands Agents: it makes spans of agents, tools and model calls by itself; they become ours.

It says what a span is only after it was begun, except by its name. It is told to speak the newest conventions, as far as genba listens.
Its cycles, each of which is one model call and its tools, say nothing which the spans inside do not say.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from opentelemetry.trace import SpanKind

from .. import harmless, semconv
from ..conversation import loose
from ..observing.patching import Patch
from ..recording.reported import Reported
from ..semconv import Operation
from . import span_attributes
from .native import Hidden, Taken, Taking

_LIBRARY = "strands-agents"
_TRACER = "strands.telemetry.tracer"
_CYCLE = "execute_event_loop_cycle"
_SEVERAL = "invoke_"
"""What the name of a span begins with in which several agents work, such as a swarm."""
_SUBJECTS = {Operation.INVOKE_AGENT: semconv.AGENT_NAME, Operation.EXECUTE_TOOL: semconv.TOOL_NAME}
_KEPT = (semconv.TOOL_CALL_ID, semconv.REQUEST_MODEL)
"""What it says later that ours say too, by the same names."""
_CONTENT = (semconv.INPUT_MESSAGES, semconv.OUTPUT_MESSAGES)


def take(name: str, _attributes: Mapping[str, Any], *, withholds_content: bool = False) -> Taken | None:
    """What a span of it becomes, by its name."""
    if name == _CYCLE:
        return Hidden
    first, _, subject = name.partition(" ")
    operation: str | None = first
    kind, known = SpanKind.INTERNAL, dict[str, Any]()
    if operation in _SUBJECTS:
        known[_SUBJECTS[operation]] = subject or None
        if operation == Operation.EXECUTE_TOOL:
            known[semconv.TOOL_TYPE] = "function"
    elif name == Operation.CHAT:
        kind = SpanKind.CLIENT
    elif name.startswith(_SEVERAL):
        operation, subject = Operation.INVOKE_WORKFLOW, name.removeprefix(_SEVERAL)
        known[semconv.AGENT_NAME] = subject
        name = f"{operation} {subject}"
    else:
        operation = None
    return Taken(operation=operation, name=name, kind=kind, attributes=known, withholds_content=withholds_content)


def tell(attributes: Mapping[str, Any], reported: Reported) -> None:
    """Have what it said read in the end."""
    reported.attributes.update({name: attributes[name] for name in _KEPT if attributes.get(name)})
    operation = str(attributes.get(semconv.OPERATION_NAME))
    if operation == Operation.EXECUTE_TOOL:
        reported.arguments = _told(attributes, semconv.TOOL_CALL_ARGUMENTS, semconv.INPUT_MESSAGES, "arguments")
        reported.result = _told(attributes, semconv.TOOL_CALL_RESULT, semconv.OUTPUT_MESSAGES, "response")
    elif operation == Operation.CHAT or operation.startswith(_SEVERAL):
        # What an agent or a swarm cost is what its model calls cost, once more.
        told = attributes if operation == Operation.CHAT else _without_usage(attributes)
        reported.read_request = lambda: span_attributes.request(told)
        reported.read_response = lambda: span_attributes.response(told)


def _told(said: Mapping[str, Any], name: str, messages: str, key: str) -> Any:
    """What a tool was given or gave: older releases have it only as the message that it comes from, or that it becomes."""
    if name in said:
        return loose.arguments(said[name])
    parts = [part for message in span_attributes.messages(span_attributes.json(said.get(messages))) for part in message["parts"]]
    return parts[0].get(key) if parts else None


def _without_usage(said: Mapping[str, Any]) -> Mapping[str, Any]:
    return {name: value for name, value in said.items() if not name.startswith(semconv.USAGE)}


def _made(function: Callable[..., Any]) -> Any:
    """Around the making of its tracer."""

    @functools.wraps(function)
    def init(self: Any, *args: Any, **kwargs: Any) -> None:
        function(self, *args, **kwargs)
        with harmless.guard("taking over the spans of strands-agents"):
            _take_over(self)

    return init


_taken_over: list[tuple[Any, Any, Any]] = []


def _take_over(telling: Any) -> None:
    """Have what `telling`, its one tracer, says become ours."""
    if isinstance(telling.tracer, Taking):
        return
    _taken_over.append((telling, telling.tracer, telling.use_latest_genai_conventions))
    shows = getattr(telling, "_is_attribute_unredacted", None)  # what it is to redact, our clients have seen
    withheld = shows is not None and not all(shows(name) for name in _CONTENT)
    telling.tracer = Taking(_LIBRARY, functools.partial(take, withholds_content=withheld), tell)
    telling.use_latest_genai_conventions = True


def patches() -> Sequence[Patch]:
    """The tracer that is made for the first agent."""
    return [Patch(_TRACER, "Tracer.__init__", _made, _LIBRARY)]


def connect() -> Callable[[], None]:
    """Take over the tracer that is there already."""
    made = getattr(sys.modules.get(_TRACER), "_tracer_instance", None)
    if made is not None:
        _take_over(made)
    return _give_back


def _give_back() -> None:
    while _taken_over:
        telling, tracer, conventions = _taken_over.pop()
        telling.tracer, telling.use_latest_genai_conventions = tracer, conventions
