"""The handlers: method calls begin and end, and events say what was asked and answered in them.

A stream's method ends when the host has got the stream: the call goes on until an event tells of the stream's end, or nobody has it any
more. The client is asked at the first step of the stream, so until then the call stays current.
"""

from __future__ import annotations

import functools
import weakref
from collections.abc import Mapping
from time import time_ns
from typing import Any

from ... import harmless, semconv
from ...semconv import Operation, Outcome
from ..runs import Run, Runs
from . import exchange, steps

runs = Runs("llama-index")


class Spans:
    """What `BaseSpanHandler` has methods for."""

    def span_enter(
        self, id_: str, bound_args: Any, instance: Any = None, parent_id: str | None = None, tags: Any = None, **_: Any
    ) -> None:
        """A method is called."""
        with harmless.guard("beginning a run of llama-index"):
            above = runs.above(parent_id)
            step = steps.of(_method(id_), instance, tags or {}, above)
            if step is None:
                runs.hide(id_, parent_id, current=True)
                return
            owns = step.operation in (*semconv.INFERENCE, Operation.EMBEDDINGS, Operation.RETRIEVAL)
            run = runs.begin(
                id_,
                step.operation,
                step.name,
                parent=parent_id,
                kind=step.kind,
                attributes=step.attributes,
                current=not step.goes_on,
                quietly=owns,
            )
            if run is None:
                runs.hide(id_, parent_id, current=True)
                return
            run.memo = instance
            if bound_args is not None and run.invocation.keeps_content:
                exchange.asked(run, dict(bound_args.arguments))

    def span_exit(self, id_: str, bound_args: Any = None, instance: Any = None, result: Any = None, **_: Any) -> None:
        """It returned: a value, or a stream of which nothing has come yet."""
        run = runs.get(id_)
        if run is not None and run.invocation.operation in semconv.INFERENCE and _is_stream(result):
            with harmless.guard("watching a stream of llama-index"):
                given_up = functools.partial(runs.end, id_, outcome=Outcome.ABANDONED)
                weakref.finalize(result, run.invocation.later, given_up).atexit = False
            return
        if run is not None and run.invocation.keeps_content:
            with harmless.guard("reading what llama-index returned"):
                exchange.gave(run, result)
        runs.end(id_, failed=exchange.failure(run, result))

    def span_drop(self, id_: str, bound_args: Any = None, instance: Any = None, err: BaseException | None = None, **_: Any) -> None:
        """It raised."""
        runs.end(id_, err, outcome=Outcome.CANCELLED if err is None else None)

    # `BaseSpanHandler` would keep spans of its own.

    def new_span(self, *args: Any, **kwargs: Any) -> None:
        """None is made."""

    prepare_to_exit_span = prepare_to_drop_span = new_span


class Events:
    """What `BaseEventHandler` has methods for."""

    def handle(self, event: Any, **_: Any) -> None:
        """Something is said of a method that is at work."""
        run = runs.get(event.span_id)
        tell = _TELLS.get(type(event).__name__)
        if run is not None and tell is not None:
            with harmless.guard("reading an event of llama-index"):
                tell(run, event)


def _asked(run: Run, event: Any) -> None:
    run.reported.read_request = exchange.request(event)


def _arrived(run: Run, event: Any) -> None:
    times = run.reported.chunk_times
    times.append(time_ns())
    if len(times) == 1:
        runs.leave(event.span_id)
    run.reported.read_response = exchange.response(event)


def _answered(run: Run, event: Any) -> None:
    run.reported.read_response = exchange.response(event)
    if run.reported.chunk_times:
        runs.end(event.span_id)


def _broke_off(run: Run, event: Any) -> None:
    if run.invocation.operation in semconv.INFERENCE:
        runs.end(event.span_id, event.exception)


_TELLS: Mapping[str, Any] = {
    "LLMChatStartEvent": _asked,
    "LLMCompletionStartEvent": _asked,
    "LLMChatInProgressEvent": _arrived,
    "LLMCompletionInProgressEvent": _arrived,
    "LLMChatEndEvent": _answered,
    "LLMCompletionEndEvent": _answered,
    "EmbeddingEndEvent": exchange.embedded,
    "RetrievalStartEvent": exchange.looked_for,
    "RetrievalEndEvent": exchange.found,
    "ExceptionEvent": _broke_off,
}


def _method(id_: str) -> str:
    """`Class.method`, without the 36 characters that make it unique."""
    return id_[:-37]


def _is_stream(result: Any) -> bool:
    return hasattr(type(result), "__next__") or hasattr(type(result), "__anext__")
