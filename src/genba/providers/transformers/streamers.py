"""Streamers, to which a model hands each token as it comes: by them the host reads on while the model is at work."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ... import harmless
from ...conversation import JSON
from ...observing.beside import at_work
from .exchange import NAME


class Watched:
    """Stands for the host's streamer during one run, and notes when tokens came. The host's own is not touched."""

    def __init__(self, streamer: Any) -> None:
        self._streamer = streamer
        self._taken: list[Any] = []
        self.sizes: list[int] = []
        """How many tokens came at a time."""
        self._is_prompt = True
        self._call: Any = None
        self.read: Callable[[list[int]], JSON] | None = None
        """What reads the ids that came so far."""

    @property  # type: ignore[misc]  # `isinstance` asks this, and is to believe it
    def __class__(self) -> Any:
        return type(self._streamer)

    def put(self, value: Any) -> Any:
        """Pass tokens on. The first are the prompt's."""
        if self._is_prompt:
            self._is_prompt = False
        else:
            try:
                self._note(value)
            except Exception as error:  # noqa: BLE001  # a bare `try`: this runs for every token
                harmless.failed("noting a token", error)
        return self._streamer.put(value)

    def end(self) -> Any:
        """Pass on that it is over."""
        return self._streamer.end()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._streamer, name)

    def _note(self, value: Any) -> None:
        if self._call is None:
            self._call = at_work(NAME)
            if self._call is None:
                return
            self._call.so_far(self._so_far)
        self._taken.append(value)  # the model has brought it to the host's memory already
        size = value.numel()
        self.sizes.append(size)
        self._call.invocation.chunk(size)

    def _so_far(self) -> JSON:
        ids = [one for value in self._taken for one in value.reshape(-1).tolist()]
        return self.read(ids) if self.read is not None else None
