"""What a run that a framework tells of becomes: an agent, a workflow, a tool, a model's call, or a step that has only a name.

Each framework's declaration says which of its runs becomes which; one that is mere plumbing becomes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from opentelemetry.trace import SpanKind

from .. import semconv
from ..conversation.encoding import readable
from ..semconv import Operation
from .told import present


@dataclass(frozen=True, slots=True)
class Step:
    """What a run becomes."""

    operation: str | None
    """None for a step that the conventions have no word for."""
    name: str
    attributes: Mapping[str, Any] = field(default_factory=dict)
    kind: SpanKind = SpanKind.INTERNAL
    goes_on: bool = False
    """Whether its function returns before its work is done: then it is not current for what the host does meanwhile."""


def workflow(name: str, *, goes_on: bool = False) -> Step:
    """Several steps under one name."""
    return Step(Operation.INVOKE_WORKFLOW, f"{Operation.INVOKE_WORKFLOW} {name}", {semconv.AGENT_NAME: name}, goes_on=goes_on)


def agent(name: str | None, described: Any = None, *, goes_on: bool = False) -> Step:
    """An agent at work, which may have no name."""
    known = present({semconv.AGENT_NAME: name, semconv.AGENT_DESCRIPTION: _words(described)})
    return Step(
        Operation.INVOKE_AGENT, f"{Operation.INVOKE_AGENT} {name}" if name else Operation.INVOKE_AGENT, known, goes_on=goes_on
    )


def tool(name: str, described: Any = None) -> Step:
    """A tool that is used."""
    name = readable(name)
    known = present({semconv.TOOL_NAME: name, semconv.TOOL_TYPE: "function", semconv.TOOL_DESCRIPTION: _words(described)})
    return Step(Operation.EXECUTE_TOOL, f"{Operation.EXECUTE_TOOL} {name}", known)


def retrieval(retriever: str) -> Step:
    """Documents that are looked for."""
    return Step(Operation.RETRIEVAL, f"{Operation.RETRIEVAL} {retriever}")


def model(operation: str, name: Any, provider: str | None) -> Step:
    """A model that is asked."""
    name = _words(name)
    known = present({semconv.PROVIDER_NAME: provider, semconv.REQUEST_MODEL: name})
    return Step(operation, f"{operation} {name}" if name else operation, known, SpanKind.CLIENT)


def _words(said: Any) -> str | None:
    return readable(said) if isinstance(said, str) and said else None
