"""From a client's `request` to the call that it is: the beginning of every call of a generated client."""

from __future__ import annotations

import copy
import functools
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from ... import harmless, semconv
from ...conversation.encoding import readable
from ...observing.beginning import begun
from ...observing.call import Call
from ...observing.endpoint import Endpoint
from ...recording import signals
from .bodies import body_of
from .declaration import GeneratedClient
from .routing import Routes, Servers

_MARK = "_genba_watches"
_MANY = 1000


class Requests:
    """The requests of one client library."""

    def __init__(self, client: GeneratedClient) -> None:
        self._client = client
        self._routes = Routes(client.routes)
        self._servers = Servers(client.provider_name)
        self._unprepared: dict[int, Call] = {}
        """Calls whose body the client has yet to turn into JSON, by the id of their options."""

    def begin(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Call | None:
        """The call that `client.request(cast_to, options, …)` is, its span started; None if it is none of ours."""
        sending = signals.current()
        if sending is None:
            return None
        try:
            client = args[0]
            options = args[2] if len(args) > 2 else kwargs["options"]
            endpoint = self._endpoint(options)
            if endpoint is None:
                return None
            call = begun(endpoint, self._start_attributes, endpoint, client, options)
            if call is None or not call.invocation.is_recording:
                return call
            self._read_body(call, client, options)
            if call.is_owned and sending.settings.stream_usage is not None and self._client.adds_usage is not None:
                self._ask_for_usage(call, options, args, kwargs)
            return call
        except Exception as error:  # noqa: BLE001  # a bare `try`: this is the hot path
            harmless.failed(f"beginning a call of {self._client.package}", error)
            return None

    def _endpoint(self, options: Any) -> Endpoint | None:
        if type(options) is SimpleNamespace:  # made by the fallback, which knows
            known: Endpoint = options.endpoint
            return known
        return self._routes.find(options.method, options.url)

    def _start_attributes(self, endpoint: Endpoint, client: Any, options: Any) -> dict[str, Any]:
        """What samplers may want to see, and what is known only here."""
        _, host, port, provider = self._servers.of(client)
        body = options.json_data
        model = body.get("model") if type(body) is dict else None
        attributes: dict[str, Any] = {
            semconv.OPERATION_NAME: endpoint.operation,
            semconv.PROVIDER_NAME: provider or endpoint.provider,
        }
        if type(options) is not SimpleNamespace:
            attributes.update(self._routes.said_by_path(endpoint, options.method, options.url))
        if type(model) is str:
            attributes[semconv.REQUEST_MODEL] = model if model.isascii() else readable(model)
        if host:
            attributes[semconv.SERVER_ADDRESS] = host
            if port is not None:
                attributes[semconv.SERVER_PORT] = port
        return attributes

    def _ask_for_usage(self, call: Call, options: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """Send a copy of the request that asks for usage, where the host did not ask itself."""
        adds_usage = self._client.adds_usage
        # The bytes of a raw response are the host's: nothing could be hidden in them, so nothing is asked for.
        is_raw = any(name.lower() == "x-stainless-raw-response" for name in options.headers or ())
        asking = adds_usage(options.json_data) if adds_usage is not None and not is_raw else None
        if asking is not None:
            asked = copy.copy(options)
            asked.json_data = asking
            call.instead = ((*args[:2], asked, *args[3:]), kwargs) if len(args) > 2 else (args, {**kwargs, "options": asked})

    def watching_preparation(self, original: Callable[..., Any]) -> Callable[..., Any]:
        """Around `_copy_and_prepare`, in clients that make JSON of the arguments only there."""

        @functools.wraps(original)
        def copy_and_prepare(client: Any, options: Any, *args: Any, **kwargs: Any) -> Any:
            prepared = original(client, options, *args, **kwargs)
            self._prepared(options, prepared)
            return prepared

        setattr(copy_and_prepare, _MARK, True)
        return copy_and_prepare

    def watching_preparation_async(self, original: Callable[..., Any]) -> Callable[..., Any]:
        """Around the asynchronous `_copy_and_prepare`."""

        @functools.wraps(original)
        async def copy_and_prepare(client: Any, options: Any, *args: Any, **kwargs: Any) -> Any:
            prepared = await original(client, options, *args, **kwargs)
            self._prepared(options, prepared)
            return prepared

        setattr(copy_and_prepare, _MARK, True)
        return copy_and_prepare

    def _prepared(self, options: Any, prepared: Any) -> None:
        call = self._unprepared.pop(id(options), None) if self._unprepared else None
        if call is not None:
            with harmless.guard("copying a request"):
                call.asked(body_of(prepared))

    def _read_body(self, call: Call, client: Any, options: Any) -> None:
        """Copy the request's body: now if it is JSON already, else once the client has made it so."""
        if type(options) is not SimpleNamespace and hasattr(getattr(type(client), "_copy_and_prepare", None), _MARK):
            if len(self._unprepared) > _MANY:
                self._unprepared.clear()
            self._unprepared[id(options)] = call
        else:
            call.asked(body_of(options))
