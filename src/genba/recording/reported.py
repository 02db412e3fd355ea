"""What a framework says of a model call that no client of ours saw: its request and response, read on demand."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ..conversation import Request, Response
from ..conversation.encoding import Shortened
from ..conversation.tokens import Chunk
from .exchange import Raw


class Reported:
    """An `Exchange` that is told: with what to read when it is asked for. Nothing is read on the host's thread."""

    shortened: Sequence[Shortened] = ()

    def __init__(self) -> None:
        self.read_request: Callable[[], Request] | None = None
        self.read_response: Callable[[], Response] | None = None
        self.read_raw: Callable[[], Raw] | None = None
        self.attributes: dict[str, Any] = {}
        self.arguments: Any = None
        """What a tool was called with."""
        self.result: Any = None
        """What it gave back."""
        self.chunk_times: list[int] = []

    @property
    def says_something(self) -> bool:
        """Whether anything was told."""
        return bool(self.read_request or self.read_response or self.attributes or self.chunk_times)

    def request(self) -> Request:
        """What was asked."""
        return self.read_request() if self.read_request is not None else Request()

    def response(self) -> Response:
        """What came back, as far as it came."""
        return self.read_response() if self.read_response is not None else Response()

    def extra(self) -> Mapping[str, Any]:
        """Further span attributes."""
        return self.attributes

    def chunks(self) -> Sequence[Chunk]:
        """When each chunk came."""
        return [Chunk(when) for when in self.chunk_times]

    def raw(self) -> Raw:
        """Both as the framework holds them: what was on the wire it does not say."""
        return self.read_raw() if self.read_raw is not None else Raw(None, None)
