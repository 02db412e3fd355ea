"""Sync and async host code under the same few names, so that a scenario is written once, as a coroutine.

Under `Blocking` the coroutine never suspends: it is driven by one `send`, in the caller's own context, with no event loop.
"""

from __future__ import annotations

import asyncio
import gc
import inspect
import threading
import time
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

from opentelemetry import trace

from support.services import MARKER, Generated, Service

T = TypeVar("T")
END = object()
AN_HOUR = 3600


class Blocking:
    """A host without an event loop."""

    name = "sync"
    asynchronous = False

    def run(self, scenario: Callable[[], Coroutine[Any, Any, T]]) -> T:
        try:
            scenario().send(None)
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]
        raise AssertionError("blocking code suspended")

    async def result(self, value: Any) -> Any:
        return value

    async def enter(self, manager: Any) -> Any:
        return manager.__enter__() if hasattr(manager, "__enter__") else manager

    async def leave(self, manager: Any, error: BaseException | None = None) -> None:
        if hasattr(manager, "__exit__"):
            manager.__exit__(type(error) if error else None, error, None)
        else:
            manager.close()

    async def close(self, opened: Any) -> None:
        opened.close()

    async def close_elsewhere(self, opened: Any) -> None:
        thread = threading.Thread(target=opened.close)
        thread.start()
        thread.join()

    def iterator(self, items: Any) -> Any:
        return iter(items)

    async def next(self, iterator: Any) -> Any:
        return next(iterator, END)


class Looping:
    """A host on an event loop."""

    name = "async"
    asynchronous = True

    def run(self, scenario: Callable[[], Coroutine[Any, Any, T]]) -> T:
        return asyncio.run(scenario())

    async def result(self, value: Awaitable[Any] | Any) -> Any:
        return await value if inspect.isawaitable(value) else value

    async def enter(self, manager: Any) -> Any:
        return await manager.__aenter__() if hasattr(manager, "__aenter__") else manager

    async def leave(self, manager: Any, error: BaseException | None = None) -> None:
        if hasattr(manager, "__aexit__"):
            await manager.__aexit__(type(error) if error else None, error, None)
        else:
            await close(manager)

    async def close(self, opened: Any) -> None:
        await close(opened)

    async def close_elsewhere(self, opened: Any) -> None:
        await asyncio.create_task(close(opened))

    def iterator(self, items: Any) -> Any:
        return items.__aiter__()

    async def next(self, iterator: Any) -> Any:
        try:
            return await iterator.__anext__()
        except StopAsyncIteration:
            return END


async def close(opened: Any) -> None:
    """Close it by whichever name it calls that."""
    closing = (opened.aclose if hasattr(opened, "aclose") else opened.close)()
    if inspect.isawaitable(closing):
        await closing


HOSTS = (Blocking(), Looping())
Host = Blocking | Looping


class Reading:
    """A stream that a host has opened, and everything that it saw of it."""

    def __init__(self, host: Host) -> None:
        self.host = host
        self.seen: list[Any] = []
        self.strangers: list[Any] = []
        """Spans that were current between two items and were not the host's own."""
        self._own = trace.get_current_span()
        self.manager: Any = None
        self.opened: Any = None
        self.iterator: Any = None

    async def open(self, form: str, service: Service, client: Any) -> None:
        """Call the service so that the answer comes as a stream in `form`, and enter whatever has to be entered."""
        host = self.host
        if form == "stream":
            self.manager = await host.result(service.ask_for_a_stream(client))
        else:
            assert isinstance(service, Generated)
            resource, ask = service.resource(client), dict(service.ask)
            if form == "manager":
                self.manager = resource.stream(**ask)
            elif form == "raw":
                raw = await host.result(resource.with_raw_response.create(**ask, stream=True))
                self.manager = await host.result(raw.parse())
            else:
                self.manager = resource.with_streaming_response.create(**ask, stream=True)
        self._look()
        self.opened = await host.enter(self.manager)
        self._look()
        self._form = form

    async def start(self) -> None:
        items = self.opened
        if self._form == "lines":
            items = self.opened.iter_lines()
        elif self._form == "parsed":
            items = await self.host.result(self.opened.parse())
        self.iterator = self.host.iterator(items)

    async def read(self, *, until: str | None = None) -> None:
        """Read to the end, or to the first item that holds `until`."""
        if self.iterator is None:
            await self.start()
        while (item := await self.host.next(self.iterator)) is not END:
            self._look()
            self.seen.append(plain(item))
            if until and until in str(item):
                return
        self._look()

    async def read_arrived(self) -> None:
        await self.read(until=MARKER)

    def drop(self) -> None:
        """Let go of everything, as a host does that returns from a function in the middle of a loop."""
        self.manager = self.opened = self.iterator = None
        gc.collect()

    def _look(self) -> None:
        if trace.get_current_span() is not self._own:
            self.strangers.append(trace.get_current_span())


def plain(item: Any) -> Any:
    """What a host can see of an item, comparable."""
    if type(item) is tuple:
        return tuple(plain(part) for part in item)
    if hasattr(item, "proto"):
        return str(item.proto)
    if hasattr(item, "model_dump"):
        dumped = item.model_dump()
        if isinstance(dumped, dict) and isinstance(dumped.get("created"), int) and abs(dumped["created"] - time.time()) < AN_HOUR:
            dumped["created"] = "now"  # a client's own clock: between two calls it may have moved on
        return dumped
    return {name: value for name, value in vars(item).items() if name[:1] != "_"} if hasattr(item, "__dict__") else item


def said(error: BaseException) -> tuple[str, str]:
    """What a host can see of an error."""
    return type(error).__qualname__, str(error)
