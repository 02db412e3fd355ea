"""Operations by name: a module makes a table of its own with `table`, and puts functions into it."""

from __future__ import annotations

from collections.abc import Callable

from support.wire import Server

Operation = Callable[[Server], object]
Put = Callable[[str], Callable[[Operation], Operation]]


def table() -> tuple[dict[str, Operation], Put]:
    """An empty table, and the decorator that puts a function into it under a name."""
    operations: dict[str, Operation] = {}

    def operation(name: str) -> Callable[[Operation], Operation]:
        def put(function: Operation) -> Operation:
            operations[name] = function
            return function

        return put

    return operations, operation
