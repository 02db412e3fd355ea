"""What LiteLLM notes of a call while it makes it: on an object that goes along with the call, and in the list of a stream's chunks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from weakref import WeakKeyDictionary

from ...observing.wire import unwrapped
from ..json_fields import Object, as_object, some_text


class Noted:
    """The notes of one call. They go on being filled until it has ended."""

    def __init__(self, logging: Any) -> None:
        details = getattr(logging, "model_call_details", None)
        self._details: Object = as_object(details)
        self.chunks: Sequence[Any] | None = None
        """All chunks of its stream, if that keeps them."""
        self.passes_on = False
        """Whether its stream hands out the provider's own events."""
        if details is not None:
            _by_call[logging] = self

    @property
    def provider(self) -> str | None:
        """Who was asked, in LiteLLM's word."""
        return some_text(self._details, "custom_llm_provider")

    @property
    def model(self) -> str | None:
        """Which model was asked for."""
        return some_text(self._details, "model")

    @property
    def address(self) -> str | None:
        """The URL that was asked."""
        for notes in ("additional_args", "litellm_params"):
            address = some_text(as_object(self._details.get(notes)), "api_base")
            if address:
                return address
        return None

    @property
    def answer(self) -> str:
        """The answer as the provider sent it; empty where LiteLLM did not note it."""
        return some_text(self._details, "original_response") or ""

    def streams(self, chunks: list[Any]) -> None:
        """It has a stream, which keeps its `chunks`. The notes lead to the stream itself, which must be able to go: they are let go."""
        self.chunks = chunks
        address = {"api_base": self.address}
        self._details = {"custom_llm_provider": self.provider, "model": self.model, "litellm_params": address}

    def streamed_usage(self) -> Object:
        """What the provider said in its stream of the cost. LiteLLM strips it off the chunks that it hands out."""
        usage: Object = {}
        for chunk in self.chunks or ():
            said = as_object(unwrapped(getattr(chunk, "usage", None)))
            usage.update({name: value for name, value in said.items() if value})
        return usage


_by_call: WeakKeyDictionary[Any, Noted] = WeakKeyDictionary()


def noticed(result: Any) -> None:
    """Look at what a function returned: if it is a stream, keep its list of chunks. It holds no iterator to be replaced."""
    logging = getattr(result, "logging_obj", None)
    noted = _by_call.get(logging) if logging is not None else None
    if noted is None:
        return
    chunks = getattr(result, "chunks", None)
    if isinstance(chunks, list):
        noted.streams(chunks)
    noted.passes_on = type(result).__name__ in _PASS_ON


_PASS_ON = ("ResponsesAPIStreamingIterator", "SyncResponsesAPIStreamingIterator")
