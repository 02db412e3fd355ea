"""The older API's `embed` asks in batches, each in a thread of its own pool: what is current for the host must be so there too."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator
from contextvars import copy_context
from typing import Any

from ...observing.around import Function
from ...observing.patching import Patch
from ...recording import signals


def patch() -> Patch:
    """What is to be wrapped."""
    return Patch("cohere.client", "Client.embed", _carrying, "cohere", optional=True)


def _carrying(original: Function) -> Function:
    @functools.wraps(original)
    def embed(client: Any, *args: Any, **kwargs: Any) -> Any:
        return original(client if signals.current() is None else _Client(client), *args, **kwargs)

    return embed


class _Client:
    """Stands for the client while it makes the batches; only its pool is another."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self._executor = _Pool(client._executor)  # noqa: SLF001  # what the method reads

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)


class _Pool:
    def __init__(self, pool: Any) -> None:
        self._pool = pool

    def map(self, function: Function, items: Iterable[Any]) -> Iterator[Any]:
        """Each item in a context like the host's."""
        found: Iterator[Any] = self._pool.map(
            lambda pair: pair[0].run(function, pair[1]), [(copy_context(), item) for item in items]
        )
        return found
