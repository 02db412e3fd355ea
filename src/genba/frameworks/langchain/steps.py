"""What a run of LangChain becomes: an agent, a workflow, a step, or nothing, where it is mere plumbing.

A model call in a graph sits below a handful of runs that only pass things on. What is left of them is what the user gave a name.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ...conversation.encoding import readable
from ..steps import Step, agent, workflow

_PLUMBING = ("Runnable", "ChannelWrite", "ChannelRead", "PregelNode", "__start__", "__end__", "_write", "Unnamed")
"""How the names of runs begin that nobody named."""
_PROMPT = "Prompt"
"""What LangGraph's prebuilt agent calls the step that puts the instructions before the messages."""
_GRAPH = "LangGraph"
"""What a graph is called that nobody named."""
_AGENT_CLASSES = ("AgentExecutor",)


@dataclass(frozen=True, slots=True)
class Told:
    """What is said of a run when it begins."""

    name: str
    metadata: Mapping[str, Any]
    tags: Sequence[str]
    run_type: str | None
    is_outermost: bool
    is_in_a_node: bool
    """Whether it is one of the pieces that a node of a graph consists of, or is called by them."""

    @property
    def is_node(self) -> bool:
        """Whether it is a node of a graph."""
        return self.metadata.get("langgraph_node") == self.name


def of(told: Told) -> Step | None:
    """What it becomes; None if it is worth no span."""
    if told.run_type in ("prompt", "parser") or "langsmith:hidden" in told.tags:
        return None
    if told.is_node:
        return None if told.name.startswith(_PLUMBING) else Step(None, told.name)
    if _is_agent(told):
        return of_agent(told.name)
    if told.is_outermost or told.name == _GRAPH:
        return workflow(told.name)
    if told.name.startswith(_PLUMBING) or told.name == _PROMPT or (told.is_in_a_node and not _is_called_by_a_node(told.metadata)):
        return None
    return Step(None, told.name)


def of_agent(name: str) -> Step:
    """A run that is an agent's. One that nobody named goes without a name."""
    return agent(None if name == _GRAPH else name)


def is_an_agents_state(inputs: Any) -> bool:
    """Whether this is what the nodes of LangGraph's own prebuilt agent work on: nothing else says what that graph is."""
    return isinstance(inputs, Mapping) and "remaining_steps" in inputs and "messages" in inputs


def name_of(name: Any, serialized: Mapping[str, Any] | None) -> str:
    """A run's name: the one it was given, else that of its class."""
    if isinstance(name, str) and name:
        return readable(name)
    said = serialized or {}
    path = said.get("id")
    last = path[-1] if isinstance(path, (list, tuple)) and path else None
    found = said.get("name") or last
    return readable(found) if isinstance(found, str) and found else "Unnamed"


def _is_called_by_a_node(metadata: Mapping[str, Any]) -> bool:
    """Whether it runs in the node's own namespace. The functions that a node consists of, such as that which chooses the next, do not."""
    own = metadata.get("langgraph_checkpoint_ns")
    return own is not None and metadata.get("checkpoint_ns") == own


def _is_agent(told: Told) -> bool:
    if told.name in _AGENT_CLASSES or told.metadata.get("lc_agent_name") == told.name:
        return True
    return told.name == _GRAPH and told.metadata.get("ls_integration") == "langchain_create_agent"
