"""One tool that several tell of: the framework that calls it, the host's own decorator, the protocol that carries it. It has one span.

The outermost of them owns the span. Those further in join it: they add what it does not say, each once, unless the first try failed.
So a tool that calls itself, or is called again, or by a model that it asked, is another operation.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Hashable, Mapping
from typing import Any

from opentelemetry.context import Context

from .. import semconv
from ..semconv import Outcome
from .invocation import Invocation
from .owning import AGENT, TOOL
from .signals import Signals


class Lent(Invocation):
    """An outer invocation in the hands of an inner layer, which may add what it knows and cannot end it."""

    def __init__(self, owner: Invocation) -> None:
        self.__dict__ = owner.__dict__  # what is told to one is told to the other

    def end(self, outcome: str, error: BaseException | None = None, at_ns: int | None = None) -> None:
        """The outer layer ends it."""


class Joined(Lent):
    """A tool's invocation in the hands of someone further in, who tells of the same tool. What the owner says of it stands."""

    # All else is kept in the owner's `__dict__`.
    __slots__ = ("_teller", "context", "depth", "outcome", "withholds_content")

    def __init__(self, owner: Invocation, teller: Hashable, context: Context) -> None:
        super().__init__(owner)
        self._teller = teller
        self.depth: int = owner.depth + 1 if isinstance(owner, Joined) else 1
        """How many tell of it further out."""
        self.outcome: str | None = None
        """How it ended for the one who joined it."""
        self.withholds_content = False
        self.context = Context({**context, TOOL: self})

    def took(self, arguments: Mapping[str, Any]) -> None:
        """What it was called with, if nobody has said so."""
        if self._input is None and not self.withholds_content:
            super().took(arguments)

    def gave(self, result: Any) -> None:
        """What it gave back, unless somebody further out has said so."""
        if (self._output is None or self.told_at >= self.depth) and not self.withholds_content:
            super().gave(result)
            self.told_at = self.depth

    def add(self, attributes: Mapping[str, Any]) -> None:
        """Attributes that the owner did not give it."""
        known = {**self.start_attributes, **self.more, **(self._attributes or {})}
        for name, value in attributes.items():
            if name not in known:
                self.set_attribute(name, value)

    def end(self, outcome: str, error: BaseException | None = None, at_ns: int | None = None) -> None:
        """The owner ends it: as failed with this error, if it does not know better; a later try may still succeed."""
        if self.outcome is None:
            self.outcome, self.joins = outcome, {**self.joins, self._teller: outcome}
            self.let_down = error if outcome == Outcome.FAILED else None


def joined(
    context: Context,
    name: object,
    teller: Hashable,
    attributes: Mapping[str, Any],
    is_same: Callable[[Any, Any], bool] = operator.eq,
) -> Joined | None:
    """The tool at work directly around, if it is the tool `name` and `teller` has not told of this use; with `attributes` added."""
    outer: Any = context.get(TOOL) if context else None
    if outer is None or name is None or not is_same(outer.start_attributes.get(semconv.TOOL_NAME), name):
        return None
    # It may be over for the one who joined it, and for its owner.
    is_over = outer.outcome is not None or vars(outer).get("outcome") is not None
    if is_over or outer.inference_calls or teller == outer.teller or outer.joins.get(teller, Outcome.FAILED) != Outcome.FAILED:
        return None
    outer.joins = {**outer.joins, teller: None}
    inner = Joined(outer, teller, context)
    inner.add(attributes)
    return inner


def complete(attributes: dict[str, Any], sending: Signals, context: Context) -> None:
    """What a tool's attributes are besides: whose tool it is; and its description only where content is kept."""
    agent: Any = context.get(AGENT) if context else None
    if agent is not None and semconv.AGENT_NAME in agent.start_attributes:
        attributes.setdefault(semconv.AGENT_NAME, agent.start_attributes[semconv.AGENT_NAME])
    if not sending.content:
        attributes.pop(semconv.TOOL_DESCRIPTION, None)
