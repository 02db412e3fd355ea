"""How a provider says what it has: where a model is called, and how to read what went in and what came out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from ..conversation import JSON, Request, Response
from ..conversation.tokens import Piece


def nothing_asked(_: JSON) -> Request:
    """For an endpoint whose request says nothing that the conventions have a name for."""
    return Request()


def nothing_said(_: JSON) -> Response:
    """For an endpoint whose answer says nothing that the conventions have a name for."""
    return Response()


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """One operation of a provider, declared. The readers are pure functions over the wire's own JSON.

    They see plain `dict`/`list`/`str`/`int`/`float`/`bool`/`None` values, run away from the host's thread, may assume nothing about
    the shape (a field may be absent, null or of another type) and may raise: then that reading is lost and counted, never the span.
    """

    operation: str
    """`gen_ai.operation.name`: see `semconv.Operation`."""
    provider: str
    """`gen_ai.provider.name`, where the client itself does not tell better."""
    request: Callable[[JSON], Request] = nothing_asked
    """The request body -> what was asked."""
    response: Callable[[JSON], Response] = nothing_said
    """The response body -> what came back."""
    fold: Callable[[Sequence[JSON]], JSON] | None = None
    """The events of a stream, in order, possibly cut short -> the response body that they add up to. `response` reads that."""
    failed: Callable[[JSON], tuple[str, str | None] | None] | None = None
    """The response body, or the last event of a stream -> (error type, message) if it says that the call failed, though nothing was
    raised. The one reader that runs on the host's thread: a look at one or two keys."""
    is_last: Callable[[JSON], bool] | None = None
    """Whether an event is the last of its stream: a host that reads no further has read it all."""
    piece: Callable[[JSON], Piece] | None = None
    """An event of a stream -> how much of the answer is in it."""
    grows: bool = False
    """Whether each event of a stream has all in it that came before: then only the last one is kept."""
    attributes: Mapping[str, str] = field(default_factory=dict)
    """Constant span attributes, such as `openai.api.type`."""
