"""The body of InvokeModel, which the host reads when and as far as it likes: what it reads is kept, and its end ends the call.

The object stays as it is. Its class is patched, but acts only on the bodies that belong to a call. What is left unread is not read by
us either; what it cost is in the headers.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from ... import harmless
from ...conversation import JSON
from ...conversation.encoding import decode
from ...observing.around import Function
from ...observing.bodies import MAX_BYTES
from ...observing.call import Call
from ...observing.patching import Patch
from ...observing.stand_ins import StandIn
from ...observing.streams import left_behind
from ...semconv import Outcome
from . import usage

_MARK = "_self_genba_body"
"""The older bodies of aiobotocore are proxies, which keep to themselves only what is called `_self_…`."""


def patches() -> list[Patch]:
    """The patches by which bodies can be watched."""
    wraps: Mapping[str, Callable[[Function], Function]] = {
        "read": functools.partial(_reading, _given),
        "readinto": functools.partial(_reading, _filled),
        "readlines": functools.partial(_reading, _lines),
        "__enter__": _entering,
        "__aenter__": _entering,
        "__exit__": _closing,
        "__aexit__": _closing,
        "close": _closing,
        "aclose": _closing,
    }
    own = {name: wrap for name, wrap in wraps.items() if not name.startswith("__a") and name != "aclose"}
    lines_read = {name: wrap for name, wrap in wraps.items() if name != "readlines"}  # theirs are read by `read`
    return [
        Patch(module, f"{kind}.{name}", wrap, library, optional=True)
        for library, module, kind, names in (
            ("botocore", "botocore.response", "StreamingBody", own),
            ("aiobotocore", "aiobotocore.response", "StreamingBody", lines_read),
            ("aiobotocore", "aiobotocore.response", "HttpxStreamingBody", lines_read),
            ("aiobotocore", "aiobotocore.response", "AioStreamingBodyBase", {"__aenter__": _entering, "__aexit__": _closing}),
        )
        for name, wrap in names.items()
    ]


def watch(result: Any, call: Call) -> bool:
    """Watch the body of an answer, if it has one that is still to be read."""
    body = result.get("body") if isinstance(result, dict) else None
    if not hasattr(body, "iter_lines"):
        return False
    setattr(body, _MARK, Watch(Arrived(result), call))
    return True


class Arrived:
    """What is known of an answer: its headers, and as much of its body as the host has read."""

    __slots__ = ("expected", "pieces", "said", "size")

    def __init__(self, result: Mapping[str, Any]) -> None:
        headers = result.get("ResponseMetadata", {}).get("HTTPHeaders", {})
        length = headers.get("content-length")
        self.expected = int(length) if isinstance(length, str) and length.isdecimal() else None
        self.said = {"headers": usage.counting(headers), "serviceTier": result.get("serviceTier")}
        self.pieces: list[bytes] = []
        self.size = 0

    def answer(self) -> JSON:
        """The body, if all of it was read, and what was known before."""
        try:
            body = decode(b"".join(self.pieces))
        except ValueError:  # not read to its end, or no JSON
            body = None
        return {"body": body, **self.said}


class Watch:
    """Sees how a body is read. It does not hold the body: it is dropped with it."""

    __slots__ = ("__weakref__", "_arrived", "_call")

    def __init__(self, arrived: Arrived, call: Call) -> None:
        self._arrived = arrived
        self._call = call
        call.so_far(arrived.answer)

    def took(self, piece: bytes, *, is_last: bool) -> None:
        """The host has read this."""
        if self._call.ended:
            return
        arrived = self._arrived
        arrived.size += len(piece)
        if piece and arrived.size <= MAX_BYTES:
            arrived.pieces.append(piece)
        if is_last or arrived.size == arrived.expected:
            with harmless.guard("ending a call whose answer was read"):
                self._call.answered_later(arrived.answer)

    def broke(self, error: BaseException) -> None:
        """Reading it raised."""
        with harmless.guard("ending a call whose answer broke off"):
            self._call.failed(error)

    def closed(self) -> None:
        """The host will not read on."""
        with harmless.guard("ending a call whose answer was closed"):
            self._call.stopped(Outcome.CANCELLED)

    def __del__(self) -> None:
        if not self._call.ended:
            left_behind(self._call)


def _watching(body: Any) -> Watch | None:
    found: Watch | None = getattr(body, _MARK, None)
    return found


Taken = Callable[[Any, tuple[Any, ...], dict[str, Any]], tuple[bytes, bool]]
"""What reading returned, and how it was called -> the bytes, and whether that was the last of them."""


def _given(piece: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[bytes, bool]:
    wanted = args[0] if args else next(iter(kwargs.values()), None)
    return piece, wanted is None or wanted < 0 or (not piece and wanted > 0)


def _filled(count: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[bytes, bool]:
    into = memoryview(args[0] if args else next(iter(kwargs.values())))
    return bytes(into[: count or 0]), not count and len(into) > 0


def _line(line: Any, _args: tuple[Any, ...], _kwargs: dict[str, Any]) -> tuple[bytes, bool]:
    return line, not line


def _lines(lines: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[bytes, bool]:
    return b"".join(lines), not args and not kwargs


def _read(watch: Watch, taken: Taken, function: Function, *args: Any, **kwargs: Any) -> Any:
    try:
        result = function(*args, **kwargs)
    except BaseException as error:
        watch.broke(error)
        raise
    _note(watch, taken, result, args, kwargs)
    return result


async def _read_async(watch: Watch, taken: Taken, function: Function, *args: Any, **kwargs: Any) -> Any:
    try:
        result = await function(*args, **kwargs)
    except BaseException as error:
        watch.broke(error)
        raise
    _note(watch, taken, result, args, kwargs)
    return result


def _note(watch: Watch, taken: Taken, result: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    with harmless.guard("keeping what was read of an answer"):
        piece, is_last = taken(result, args, kwargs)
        watch.took(piece, is_last=is_last)


def _reading(taken: Taken, function: Function) -> Function:
    """A method that reads, of all bodies there are."""

    @functools.wraps(function)
    def plain(self: Any, *args: Any, **kwargs: Any) -> Any:
        watch = _watching(self)
        if watch is None:
            return function(self, *args, **kwargs)
        return _read(watch, taken, functools.partial(function, self), *args, **kwargs)

    @functools.wraps(function)
    async def is_async(self: Any, *args: Any, **kwargs: Any) -> Any:
        watch = _watching(self)
        if watch is None:
            return await function(self, *args, **kwargs)
        return await _read_async(watch, taken, functools.partial(function, self), *args, **kwargs)

    return is_async if inspect.iscoroutinefunction(function) else plain


def _closing(function: Function) -> Function:
    """A method that closes the body: closed first, so that nothing that this causes is taken for an error."""

    @functools.wraps(function)
    def plain(self: Any, *args: Any, **kwargs: Any) -> Any:
        _closed(self)
        return function(self, *args, **kwargs)

    @functools.wraps(function)
    async def is_async(self: Any, *args: Any, **kwargs: Any) -> Any:
        _closed(self)
        return await function(self, *args, **kwargs)

    return is_async if inspect.iscoroutinefunction(function) else plain


def _closed(body: Any) -> None:
    watch = _watching(body)
    if watch is not None:
        watch.closed()


def _entering(function: Function) -> Function:
    """A body that is entered gives away what it reads from: something must stand for that."""

    @functools.wraps(function)
    def plain(self: Any) -> Any:
        return _standing_for(function(self), self)

    @functools.wraps(function)
    async def is_async(self: Any) -> Any:
        return _standing_for(await function(self), self)

    return is_async if inspect.iscoroutinefunction(function) else plain


def _standing_for(entered: Any, body: Any) -> Any:
    watch = _watching(body)
    return entered if watch is None or entered is body else Source(entered, watch)


class Source(StandIn):
    """Stands for the response of the HTTP library that a body reads from."""

    __slots__ = ("_inner", "_watch")

    def __init__(self, inner: Any, watch: Watch) -> None:
        self._inner = inner
        self._watch = watch

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._inner, name)
        taken = _READS.get(name)
        if taken is None:
            return found
        return functools.partial(_read_async if inspect.iscoroutinefunction(found) else _read, self._watch, taken, found)

    def __iter__(self) -> Iterator[bytes]:
        return self._each(iter(self._inner))

    def stream(self, *args: Any, **kwargs: Any) -> Iterator[bytes]:
        """Piece by piece."""
        return self._each(self._inner.stream(*args, **kwargs))

    def close(self) -> Any:
        """Close it, and with it the body."""
        self._watch.closed()
        return self._inner.close()

    def _each(self, pieces: Iterator[bytes]) -> Iterator[bytes]:
        for piece in pieces:
            self._watch.took(piece, is_last=False)
            yield piece
        self._watch.took(b"", is_last=True)


_READS: Mapping[str, Taken] = {"read": _given, "read1": _given, "readinto": _filled, "readline": _line, "readlines": _lines}
