"""Make one call through a client that has a way of its own, and take all that it gives."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from typing import Any

from support.hosts import END, Blocking, Host, Looping, plain, said
from support.wire import Server


def played(exchange: Mapping[str, Any], make: Callable[..., Any], ask: Callable[[Any], Any], server: Server) -> list[Any]:
    """What the host saw: `make(address, asynchronous)` gives the client, `ask(client)` makes the call."""
    host: Host = Looping() if exchange["called"]["async"] else Blocking()

    async def scenario() -> list[Any]:
        client = make(server.url, host.asynchronous)
        seen: list[Any] = []
        try:
            result = await host.result(ask(client))
            if hasattr(result, "__anext__") or hasattr(result, "__next__"):
                iterator = host.iterator(result)
                while (item := await host.next(iterator)) is not END:
                    seen.append(plain(item))
            else:
                seen.append(plain(result))
        except Exception as error:
            seen.append(said(error))
        await host.close(client)
        return seen

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return host.run(scenario)
