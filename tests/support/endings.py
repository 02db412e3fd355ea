"""The ways in which a call to a model can end, each played once on any host, service and form.

A scenario returns what the host saw. It runs twice, without genba and with it: both must see the same.
"""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from support.hosts import Host, Looping, Reading, plain, said
from support.services import MARKER, TEXT, TEXT_ARRIVED, Generated, Service
from support.wire import Reply, Server, json_answer

Seen = list[Any]


@dataclass(frozen=True)
class Ending:
    """How a stream ends, and what its span must say then."""

    name: str
    serve: Callable[[Service], Reply]
    play: Callable[[Reading, str, Service, Any], Awaitable[None]]
    outcome: str
    text: str
    interrupted: bool = False
    """Whether the sync client's transport raises KeyboardInterrupt after the last piece."""


async def _to_the_end(reading: Reading, form: str, service: Service, client: Any) -> None:
    await reading.open(form, service, client)
    await reading.read()
    await reading.host.leave(reading.manager)


async def _break_inside_with(reading: Reading, form: str, service: Service, client: Any) -> None:
    await reading.open(form, service, client)
    await reading.read_arrived()
    await reading.host.leave(reading.manager)


async def _raise_inside_with(reading: Reading, form: str, service: Service, client: Any) -> None:
    await reading.open(form, service, client)
    await reading.read_arrived()
    await reading.host.leave(reading.manager, ValueError("the host's own"))


async def _close_after_some(reading: Reading, form: str, service: Service, client: Any) -> None:
    await reading.open(form, service, client)
    await reading.read_arrived()
    await reading.host.close(reading.opened)


async def _close_twice(reading: Reading, form: str, service: Service, client: Any) -> None:
    await _close_after_some(reading, form, service, client)
    await reading.host.close(reading.opened)
    await reading.host.leave(reading.manager)


async def _close_unread(reading: Reading, form: str, service: Service, client: Any) -> None:
    await reading.open(form, service, client)
    await reading.host.close(reading.opened)


async def _close_elsewhere(reading: Reading, form: str, service: Service, client: Any) -> None:
    await reading.open(form, service, client)
    await reading.read_arrived()
    await reading.host.close_elsewhere(reading.opened)


async def _drop(reading: Reading, form: str, service: Service, client: Any) -> None:
    await reading.open(form, service, client)
    await reading.read_arrived()
    reading.drop()


async def _drop_unread(reading: Reading, form: str, service: Service, client: Any) -> None:
    await reading.open(form, service, client)
    reading.drop()


async def _cancel(reading: Reading, form: str, service: Service, client: Any) -> None:
    """Async: the task is cancelled while it waits for the next piece. Sync: the wait is interrupted (see `interrupting`)."""
    if not isinstance(reading.host, Looping):
        await _inside_with(reading, form, service, client)
        return
    arrived = asyncio.Event()

    async def task() -> None:
        await reading.open(form, service, client)
        await reading.read_arrived()
        arrived.set()
        try:
            await reading.read()
        except BaseException as error:
            await reading.host.leave(reading.manager, error)
            raise

    running = asyncio.create_task(task())
    await arrived.wait()
    running.cancel()
    await running


async def _inside_with(reading: Reading, form: str, service: Service, client: Any) -> None:
    await reading.open(form, service, client)
    try:
        await reading.read()
    except BaseException as error:
        await reading.host.leave(reading.manager, error)
        raise


async def _refused(reading: Reading, form: str, service: Service, client: Any) -> None:
    await reading.open(form, service, client)
    raise AssertionError("the server refused, but the client did not say so")


# A host that closes, breaks out of a `with` or is cancelled says that it wants no more: cancelled. One that just lets go: abandoned.
STREAM_ENDINGS = (
    Ending("end", lambda s: s.stream(), _to_the_end, "completed", TEXT),
    Ending("server error before", lambda s: json_answer(s.error, 500), _refused, "failed", ""),
    Ending("error event midway", lambda s: s.broken_stream_then(s.error_event or b""), _inside_with, "failed", TEXT_ARRIVED),
    Ending("connection cut", lambda s: s.broken_stream(then="cut"), _inside_with, "failed", TEXT_ARRIVED),
    Ending("break", lambda s: s.broken_stream(then="stall"), _break_inside_with, "cancelled", TEXT_ARRIVED),
    Ending("host raises", lambda s: s.broken_stream(then="stall"), _raise_inside_with, "cancelled", TEXT_ARRIVED),
    Ending("close", lambda s: s.broken_stream(then="stall"), _close_after_some, "cancelled", TEXT_ARRIVED),
    Ending("close twice", lambda s: s.broken_stream(then="stall"), _close_twice, "cancelled", TEXT_ARRIVED),
    Ending("close before reading", lambda s: s.broken_stream(then="stall"), _close_unread, "cancelled", ""),
    Ending("closed elsewhere", lambda s: s.broken_stream(then="stall"), _close_elsewhere, "cancelled", TEXT_ARRIVED),
    Ending("cancel", lambda s: s.broken_stream(then="stall"), _cancel, "cancelled", TEXT_ARRIVED, interrupted=True),
    Ending("dropped", lambda s: s.broken_stream(then="stall"), _drop, "abandoned", TEXT_ARRIVED),
    Ending("dropped before reading", lambda s: s.broken_stream(then="stall"), _drop_unread, "abandoned", ""),
)


def interrupting(http: Any) -> Any:
    """An HTTP transport in which KeyboardInterrupt strikes while the client waits for what follows `MARKER`."""

    class Interrupted(http.SyncByteStream):  # type: ignore[name-defined,misc]
        def __init__(self, inner: Any) -> None:
            self._inner = inner

        def __iter__(self) -> Any:
            for piece in self._inner:
                yield piece
                if MARKER.encode() in piece:
                    raise KeyboardInterrupt

        def close(self) -> None:
            self._inner.close()

    class Transport(http.HTTPTransport):  # type: ignore[name-defined,misc]
        def handle_request(self, request: Any) -> Any:
            response = super().handle_request(request)
            response.stream = Interrupted(response.stream)
            return response

    return Transport()


def striking(http: Any) -> Any:
    """An HTTP transport in which KeyboardInterrupt strikes before any answer came."""

    class Transport(http.HTTPTransport):  # type: ignore[name-defined,misc]
        def handle_request(self, request: Any) -> Any:
            raise KeyboardInterrupt

    return Transport()


def play_stream(host: Host, service: Service, form: str, ending: Ending, server: Server) -> tuple[Seen, list[Any]]:
    """What the host saw of a stream that ended so; and the spans that were current where only the host's own may be."""
    server.serve(ending.serve(service))
    transport = interrupting if ending.interrupted and not host.asynchronous else None

    async def scenario() -> tuple[Seen, list[Any]]:
        client = service.client(server.url, asynchronous=host.asynchronous, transport=transport)
        reading = Reading(host)
        try:
            await ending.play(reading, form, service, client)
        except BaseException as error:
            reading.seen.append(said(error))
        result = reading.seen, reading.strangers
        await host.close(client)
        return result

    result = host.run(scenario)
    gc.collect()
    return result


def play_value(host: Host, service: Service, form: str, ending: str, server: Server) -> Seen:
    """What the host saw of a call without a stream, in `form`, that ended so."""
    replies = {
        "end": service.answer(),
        "retry": service.answer(),
        "server error": json_answer(service.error, 500),
        "connection cut": json_answer(service.whole, then="cut"),
        "cancel": json_answer(service.whole, then="stall"),
        "left unread": service.answer(),
    }
    server.serve(replies[ending])
    if ending == "retry":
        server.queue.append(json_answer(service.error, 500, headers={"retry-after-ms": "1"}))
    transport = striking if ending == "cancel" and not host.asynchronous else None

    async def scenario() -> Seen:
        retries = 1 if ending == "retry" else 0
        client = service.client(server.url, asynchronous=host.asynchronous, transport=transport, max_retries=retries)
        seen: Seen = []
        try:
            if ending == "cancel" and isinstance(host, Looping):
                await _cancelled_while_waiting(call_value(host, service, form, client), server)
            else:
                seen.append(await call_value(host, service, form, client, read=ending != "left unread"))
        except BaseException as error:
            seen.append(said(error))
        await host.close(client)
        return seen

    return host.run(scenario)


async def call_value(host: Host, service: Service, form: str, client: Any, *, read: bool = True) -> Any:
    """Make one call without a stream and look at its answer."""
    if form == "value":
        return plain(await host.result(service.ask_for_a_value(client)))
    assert isinstance(service, Generated)
    resource, ask = service.resource(client), dict(service.ask)
    if form.startswith("raw"):
        raw = await host.result(resource.with_raw_response.create(**ask))
        if form == "raw unparsed":
            return raw.headers["content-type"], await host.result(raw.http_response.content)
        return raw.headers["content-type"], plain(await host.result(raw.parse())), type(raw).__name__
    manager = resource.with_streaming_response.create(**ask)
    response = await host.enter(manager)
    try:
        if not read:
            return response.headers["content-type"]
        return plain(await host.result(response.parse() if form == "parsed" else response.read()))
    finally:
        await host.leave(manager)


async def _cancelled_while_waiting(call: Coroutine[Any, Any, Any], server: Server) -> None:
    running = asyncio.create_task(call)
    while not server.received:  # noqa: ASYNC110  # the server is a thread, and knows no event of this loop
        await asyncio.sleep(0.005)
    running.cancel()
    await running
