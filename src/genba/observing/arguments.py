"""What a library's function was called with, by name, however it was given."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

SENTINELS = frozenset(("NotGiven", "Omit", "Unset", "OMIT", "ellipsis"))
"""Types whose values mean that an argument was not given."""


@dataclass(frozen=True, slots=True)
class Arguments:
    """What a method was called with."""

    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]
    names: Mapping[str, int]
    """Positions of the parameters that may be given by position, `self` included."""

    def get(self, name: str, default: Any = None) -> Any:
        """The argument of this name, however it was given."""
        if name in self.kwargs:
            return self.kwargs[name]
        position = self.names.get(name)
        return self.args[position] if position is not None and position < len(self.args) else default

    @property
    def receiver(self) -> Any:
        """The object that the method belongs to."""
        return self.args[0] if self.args else None

    def given(self, *, without: Sequence[str] = ()) -> dict[str, Any]:
        """All arguments by name but the receiver, those `without`, and sentinels that stand for "not given"."""
        said = {name: self.args[at] for name, at in self.names.items() if 0 < at < len(self.args)}
        said.update(self.kwargs)
        return {name: value for name, value in said.items() if name not in without and type(value).__name__ not in SENTINELS}


def positions(function: Any) -> Mapping[str, int]:
    """Where each parameter of `function` stands that may be given by position."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (ValueError, TypeError):
        return {}
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return {parameter.name: at for at, parameter in enumerate(parameters) if parameter.kind in kinds}
