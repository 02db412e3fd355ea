"""CrewAI: what it tells its event bus, as spans. A model call is joined by the client's call below it.

The bus has its handlers called in threads of its own; what it is told is listened to where it is told, in the context of the work.
"""

from __future__ import annotations

import functools
import inspect
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from opentelemetry.context import get_current
from opentelemetry.trace import SpanKind

from .. import harmless, semconv
from ..conversation import Request, Response, loose
from ..conversation.encoding import decode, encode
from ..observing.around import around, around_async
from ..observing.patching import Patch
from ..recording import owning
from ..semconv import Operation, Outcome
from .runs import Run, Runs

_LIBRARY = "crewai"
_runs = Runs(_LIBRARY)
_in_hand: dict[str, BaseException] = {}
"""Events that begin something -> the exception that was being handled then: it is not theirs."""
_BEGAN = "_started"
_FAILED = ("_failed", "_error")


class Step(NamedTuple):
    """What becomes of two events of which one tells the beginning of some work and one its end."""

    operation: str | None
    subject: Callable[[Any], Any]
    """Whom or what it is about, from the event of its beginning."""
    attributes: Callable[[Any], Mapping[str, Any]] = lambda _: {}
    begins: Callable[[Any, Run], None] = lambda _, __: None
    ends: Callable[[Any, Run], None] = lambda _, __: None
    word: str = ""
    """What its name begins with, where the conventions have no operation for it."""


def _asked(run: Run, said: Any) -> None:
    copied = encode(said)
    run.reported.read_request = lambda: Request(messages=loose.messages(loose.as_text(decode(copied))))


def _answered(run: Run, said: Any) -> None:
    copied = encode(said)
    run.reported.read_response = lambda: loose.response(loose.as_text(decode(copied)))


def _crew_began(event: Any, run: Run) -> None:
    if event.inputs:
        _asked(run, event.inputs)


def _crew_ended(event: Any, run: Run) -> None:
    output = getattr(event, "output", None)
    if output is not None:
        _answered(run, getattr(output, "raw", output))


def _role(agent: Any) -> str | None:
    role = agent.get("role") if isinstance(agent, Mapping) else getattr(agent, "role", None)
    return str(role).strip() or None if role is not None else None


def _agent(event: Any) -> Mapping[str, Any]:
    agent = getattr(event, "agent", None)
    told = getattr(event, "agent_info", None) or {}
    id = told.get("id") if agent is None else getattr(agent, "id", None)
    return {semconv.AGENT_NAME: _role(agent or told), semconv.AGENT_ID: None if id is None else str(id)}


def _agent_began(event: Any, run: Run) -> None:
    prompt = getattr(event, "task_prompt", None)
    if prompt is not None:
        _asked(run, prompt)
        return
    copied = encode(getattr(event, "messages", None))
    run.reported.read_request = lambda: loose.request({"messages": decode(copied)})


def _agent_ended(event: Any, run: Run) -> None:
    if getattr(event, "output", None) is not None:
        _answered(run, event.output)


def _task_ended(event: Any, run: Run) -> None:
    output = getattr(event, "output", None)
    if output is not None:
        run.invocation.gave(getattr(output, "raw", output))


def _tool(event: Any) -> Mapping[str, Any]:
    return {semconv.TOOL_NAME: event.tool_name, semconv.TOOL_TYPE: "function", semconv.AGENT_NAME: _role({"role": event.agent_role})}


def _tool_began(event: Any, run: Run) -> None:
    run.invocation.took(loose.arguments(event.tool_args))


def _tool_ended(event: Any, run: Run) -> None:
    if hasattr(event, "output"):
        run.invocation.gave(event.output)


def _model(event: Any) -> str | None:
    """What the model is called. LiteLLM's names have the provider before them: it says itself what the model is called."""
    return None if not event.model or "/" in event.model else str(event.model)


_SETTINGS = ("temperature", "top_p", "max_tokens", "stream", "seed", "stop_sequences", "frequency_penalty", "presence_penalty", "n")


def _model_began(event: Any, run: Run) -> None:
    settings = {name: value for name in _SETTINGS if (value := getattr(event, name, None)) is not None}
    copied = encode({**settings, "model": event.model, "messages": event.messages, "tools": event.tools})
    run.reported.read_request = lambda: loose.request(decode(copied))


def _model_ended(event: Any, run: Run) -> None:
    said = {"messages": getattr(event, "response", None), "model": None}
    more = {"id": "response_id", "usage": "usage", "finish_reason": "finish_reason"}
    said.update({name: value for name, field in more.items() if (value := getattr(event, field, None)) is not None})
    copied = encode(said)
    run.reported.read_response = lambda: _said(decode(copied))


def _said(answer: Any) -> Response:
    """An answer, of which tool calls are a list where they are all there is of it."""
    response = answer["messages"]
    if isinstance(response, list) and all(isinstance(one, Mapping) and "function" in one for one in response):
        answer = {**answer, "messages": [{"role": "assistant", "content": None, "tool_calls": response}]}
    return loose.response(answer)


def _query_began(event: Any, run: Run) -> None:
    query, limit = getattr(event, "query", None), getattr(event, "limit", None)
    if isinstance(query, str):
        run.reported.read_request = lambda: Request(query=query, retrieval_top_k=limit if type(limit) is int else None)


def _named(field: str) -> Callable[[Any], Any]:
    return lambda event: getattr(event, field, None)


_AGENT = Step(Operation.INVOKE_AGENT, lambda event: _agent(event)[semconv.AGENT_NAME], _agent, _agent_began, _agent_ended)
STEPS: Mapping[str, Step] = {
    "crew_kickoff": Step(
        Operation.INVOKE_WORKFLOW, _named("crew_name"), lambda event: {semconv.AGENT_NAME: event.crew_name}, _crew_began, _crew_ended
    ),
    "flow": Step(Operation.INVOKE_WORKFLOW, _named("flow_name"), lambda event: {semconv.AGENT_NAME: event.flow_name}),
    "method_execution": Step(None, _named("method_name"), word="step"),
    "task": Step(None, lambda event: getattr(event.task, "name", None), ends=_task_ended, word="task"),
    "agent_execution": _AGENT,
    "lite_agent_execution": _AGENT,
    "llm_call": Step(Operation.CHAT, _model, lambda event: {semconv.REQUEST_MODEL: _model(event)}, _model_began, _model_ended),
    "tool_usage": Step(Operation.EXECUTE_TOOL, _named("tool_name"), _tool, _tool_began, _tool_ended),
    "memory_query": Step(Operation.RETRIEVAL, lambda _: "memory", begins=_query_began),
    "knowledge_search_query": Step(Operation.RETRIEVAL, lambda _: "knowledge", begins=_query_began),
}
"""By what the types of its events begin with. What is not here makes no span."""


def _told(source: Any, event: Any) -> None:
    """Take note of an event, which has been given its place among the others."""
    kind, _, what = str(event.type).rpartition("_")
    if f"_{what}" == _BEGAN:
        _begin(source, event, kind)
    elif event.started_event_id is not None:
        _end(event, kind, what)


def _begin(source: Any, event: Any, kind: str) -> None:
    id, parent, step = event.event_id, event.parent_event_id, STEPS.get(kind)
    if step is None or (kind == "flow" and type(source).__name__ == "AgentExecutor"):  # which is how an agent goes about its work
        _runs.hide(id, parent, current=True)
        return
    subject = step.subject(event)
    word = step.operation or step.word
    run = _runs.begin(
        id,
        step.operation,
        f"{word} {subject}" if subject else word,
        parent=parent,
        kind=SpanKind.CLIENT if step.operation == Operation.CHAT else SpanKind.INTERNAL,
        attributes=step.attributes(event),
        current=True,
    )
    if run is None:
        _runs.hide(id, parent)
        return
    run.memo = (kind, id)
    handled = sys.exc_info()[1]
    if handled is not None:
        _in_hand[id] = handled
    step.begins(event, run)


def _end(event: Any, kind: str, what: str) -> None:
    id = event.started_event_id
    run = _runs.get(id)
    if run is None:
        _runs.end(id)
        return
    if run.memo[0] != kind:  # told twice: the bus takes the second time for the end of what is around it
        return
    STEPS[kind].ends(event, run)
    error = sys.exc_info()[1]
    if error is _in_hand.pop(id, None):
        error = None
    if f"_{what}" in _FAILED:
        said = event.error
        _runs.end(id, said if isinstance(said, BaseException) else error, failed=str(said))
    elif getattr(event, "failure", None) is not None:
        _runs.end(id, failed=str(getattr(event.failure, "message", None) or event.failure))
    else:
        _runs.end(id, outcome=Outcome.CANCELLED if what == "paused" else Outcome.COMPLETED)


def _telling(emit: Callable[..., Any]) -> Callable[..., Any]:
    """Around what passes every event on."""

    @functools.wraps(emit)
    def told(self: Any, source: Any, event: Any) -> Any:
        result = emit(self, source, event)
        with harmless.guard("listening to crewai"):
            _told(source, event)
        return result

    return told


class _Watch:
    """A kickoff at work: of one that is cancelled, or interrupted, the bus is not told."""

    instead = None

    def __init__(self) -> None:
        self.context = get_current()
        self._around = self.context.get(owning.RUN)

    def left(self, error: BaseException) -> None:
        """End what began in it and goes on, when something stopped it that is no error."""
        with harmless.guard("ending what crewai left"):
            if not isinstance(error, Exception) and self._first is not None:
                _cut(self._first)

    @property
    def _first(self) -> Run | None:
        """The outermost run that was begun in it, of those that are current where it stopped."""
        run: Any = get_current().get(owning.RUN)
        while run is not None and run.above is not None and run.above is not self._around:
            run = run.above
        return None if run is self._around else run


def _cut(run: Run) -> None:
    for inner in _runs.below(run.memo[1]):
        found = _runs.get(inner)
        if found is not None:
            _cut(found)
    _runs.end(run.memo[1], outcome=Outcome.CANCELLED)


def _watched(kickoff: Callable[..., Any]) -> Callable[..., Any]:
    kind: Any = around_async if inspect.iscoroutinefunction(kickoff) else around
    return kind(kickoff, lambda _, __: _Watch(), _Watch.left, lambda _, result: result)


def patches() -> Sequence[Patch]:
    """What passes every event on, and what begins the work."""
    kickoffs = [
        Patch("crewai.crew", f"Crew.{name}", _watched, _LIBRARY) for name in ("kickoff", "akickoff")
    ]
    return [Patch("crewai.events.event_bus", "CrewAIEventsBus.emit", _telling, _LIBRARY), *kickoffs]
