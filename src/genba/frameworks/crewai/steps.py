"""What becomes of the events that CrewAI's bus is told of, by what they are about."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from ... import semconv
from ...conversation import Request, Response, loose
from ...conversation.encoding import decode, encode
from ...semconv import Operation
from ..runs import Run


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
    return {
        semconv.TOOL_NAME: event.tool_name,
        semconv.TOOL_TYPE: "function",
        semconv.AGENT_NAME: _role({"role": event.agent_role}),
    }


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
        Operation.INVOKE_WORKFLOW,
        _named("crew_name"),
        lambda event: {semconv.AGENT_NAME: event.crew_name},
        _crew_began,
        _crew_ended,
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
