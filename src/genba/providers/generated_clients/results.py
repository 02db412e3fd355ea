"""What became of a request: take note of it, and give the host what it would have got."""

from __future__ import annotations

from typing import Any

from ... import harmless, semconv
from ...conversation.encoding import decode
from ...observing import bodies
from ...observing.call import Call
from ...observing.streams import ObservedAsyncIterator, ObservedIterator
from ...observing.wire import unwrapped
from .declaration import GeneratedClient


def returned(client: GeneratedClient, call: Call, result: Any) -> Any:
    """Take note of what `request` returned, and give it back: the same object, observed from inside if it is a stream."""
    try:
        if not call.invocation.is_recording:
            return result
        kind = type(result)
        if hasattr(kind, "__pydantic_fields__"):
            _note_model(call, result)
        elif hasattr(kind, "__stream__"):
            _observe_stream(call, result, client)
        elif hasattr(result, "http_response"):
            bodies.keep(result.http_response, call)
        elif hasattr(kind, "aiter_bytes") or hasattr(kind, "iter_bytes"):
            bodies.keep(getattr(result, "response", result), call)  # a file, such as speech
        else:
            call.answered(unwrapped(result))
    except Exception as error:  # noqa: BLE001  # a bare `try`: this is the hot path
        harmless.failed(f"reading what {client.package} returned", error)
        call.stopped(semconv.Outcome.COMPLETED)
    return result


def _note_model(call: Call, result: Any) -> None:
    """A parsed answer: the bytes it was parsed from, if they could be kept, else the model's own fields."""
    body = call.body_received
    if body is None:
        call.answered(unwrapped(result))
    else:
        call.answered_later(lambda: decode(body), call.says_it_failed(result.__dict__) and call.says_it_failed(unwrapped(result)))


def raised(call: Call, error: BaseException) -> None:
    """Take note of what `request` raised. Some errors carry the answer that was paid for."""
    with harmless.guard("recording an error"):
        completion = getattr(error, "completion", None)
        if hasattr(type(completion), "__pydantic_fields__"):
            call.carried(unwrapped(completion))
        call.failed(error)


def _observe_stream(call: Call, stream: Any, client: GeneratedClient) -> None:
    kind = ObservedAsyncIterator if hasattr(stream, "__anext__") else ObservedIterator
    hides = client.is_only_usage if call.instead is not None else None
    body = bodies.keep_parsed(stream.response, call)
    observed = stream._iterator = kind(stream._iterator, call, hides)  # noqa: SLF001  # where the helpers read
    body.read_by(observed)
