"""The event streams of botocore: their frames are read inside (see `Held`), but the host closes, and errors are raised, further out.

Both methods belong to all of AWS's streams; they act only on those whose frames are observed.
"""

from __future__ import annotations

import functools
import inspect
from typing import Any

from ... import harmless
from ...conversation import JSON
from ...observing import aws_frames
from ...observing.around import Function
from ...observing.methods import Held
from ...observing.patching import Patch
from ...observing.streams import KeepingAsyncIterator, KeepingIterator

_FRAMES = "_event_generator"


def patches() -> list[Patch]:
    """The patches by which the ends of streams are noticed."""
    return [
        Patch("botocore.eventstream", "EventStream.close", _closing, "botocore"),
        Patch("botocore.eventstream", "EventStream._parse_event", _parsing, "botocore"),
        Patch("aiobotocore.eventstream", "AioEventStream._parse_event", _parsing, "aiobotocore"),
    ]


def held(result: Any) -> Held | None:
    """Where the frames of an answer come from, if it is a stream."""
    for stream in result.values():
        if hasattr(stream, _FRAMES):
            return Held(holder=stream, attribute=_FRAMES)
    return None


def read(frame: Any) -> JSON:
    """One frame, as botocore has taken it apart."""
    return aws_frames.said(frame.headers, frame.payload)


def _observed(stream: Any) -> KeepingIterator | KeepingAsyncIterator | None:
    frames = vars(stream).get(_FRAMES)
    return frames if isinstance(frames, (KeepingIterator, KeepingAsyncIterator)) else None


def _closing(function: Function) -> Function:
    @functools.wraps(function)
    def close(self: Any) -> Any:
        frames = _observed(self)
        if frames is not None:
            frames.stop()  # first: what a reader in another thread meets then is no error
        return function(self)

    return close


def _parsing(function: Function) -> Function:
    """An error that came in the middle of a stream is a frame like any other; only reading it raises."""

    @functools.wraps(function)
    def plain(self: Any, frame: Any) -> Any:
        try:
            return function(self, frame)
        except BaseException as error:
            _fail(self, error)
            raise

    @functools.wraps(function)
    async def is_async(self: Any, frame: Any) -> Any:
        try:
            return await function(self, frame)
        except BaseException as error:
            _fail(self, error)
            raise

    return is_async if inspect.iscoroutinefunction(function) else plain


def _fail(stream: Any, error: BaseException) -> None:
    with harmless.guard("ending a failed stream"):
        frames = _observed(stream)
        if frames is not None:
            frames.broke(error)
