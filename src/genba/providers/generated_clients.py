"""The clients that one code generator writes: openai, anthropic, groq and their kin, hooked at the one method all their calls pass.

That method, `request`, is looked up at call time, so clients, resources and raw wrappers made before patching are covered too; retries
happen inside it; and it sees the request as the wire's own JSON. A client is declared by its package, its routes, and what its provider is called.
"""

from __future__ import annotations

import copy
import functools
import re
import weakref
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

from opentelemetry.context import attach, detach, get_current, get_value
from opentelemetry.trace import SpanKind

from .. import harmless, semconv
from ..conversation import JSON
from ..conversation.encoding import decode, encode
from ..observing import bodies
from ..observing.call import Call
from ..observing.endpoint import Endpoint
from ..observing.patching import Patch, Wrap
from ..observing.streams import ObservedAsyncIterator, ObservedIterator
from ..observing.wire import unwrapped
from ..recording import owning, signals
from ..recording.invocation import Invocation

Server = tuple[Any, str, int | None, str | None]
"""The base URL it was read from, host, port, provider name."""


_MARK = "_genba_watches"
_SENTINELS = frozenset(("NotGiven", "Omit"))
_NOT_SENT = frozenset(("extra_headers", "extra_query", "extra_body", "timeout"))
_MANY = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class GeneratedClient:
    """A client library of this family."""

    package: str
    """Its import name, which is also its distribution's."""
    routes: Mapping[str, Endpoint]
    """Endpoints by `METHOD /path`; a path may have `{id}` in it."""
    provider_name: Callable[[str, str], str] | None = None
    """(the client's class name, the server's host) -> `gen_ai.provider.name`; without it, what the endpoint says."""
    versions: str = ""
    """The releases that are tested, as a version specifier."""
    methods: Mapping[str, str] = field(default_factory=dict)
    """What to wrap where a version has no `request` method as we know it: `module:Class.method` -> its route."""
    more: Callable[[], Sequence[tuple[str, str, Wrap]]] = tuple
    """Further functions to wrap: module, attribute, wrapper."""
    adds_usage: Callable[[JSON], JSON] | None = None
    """A request body -> the same asking for usage at the end of the stream, or None if it does not apply."""
    is_only_usage: Callable[[Any], bool] | None = None
    """Whether a chunk is there only because of that."""

    def patches(self) -> list[Patch]:
        """What is to be wrapped."""
        base = f"{self.package}._base_client"
        reader = _Reader(self)
        return [
            # First, so that a call never waits for a preparation that nobody watches.
            Patch(base, "SyncAPIClient._copy_and_prepare", reader.wrap_prepare, self.package, optional=True),
            Patch(base, "AsyncAPIClient._copy_and_prepare", reader.wrap_prepare_async, self.package, optional=True),
            Patch(base, "SyncAPIClient._process_response", _keeping_the_body, self.package, optional=True),
            Patch(base, "AsyncAPIClient._process_response", _keeping_the_body, self.package, optional=True),
            Patch(base, "SyncAPIClient.request", reader.wrap, self.package, otherwise=self._fallback(reader, is_async=False)),
            Patch(base, "AsyncAPIClient.request", reader.wrap_async, self.package, otherwise=self._fallback(reader, is_async=True)),
            Patch(base, "SyncAPIClient._sleep_for_retry", _noting_retries, self.package, optional=True),
            Patch(base, "AsyncAPIClient._sleep_for_retry", _noting_retries_async, self.package, optional=True),
            *(Patch(module, attribute, wrap, self.package, optional=True) for module, attribute, wrap in self.more()),
        ]


    def _fallback(self, reader: _Reader, *, is_async: bool) -> list[Patch]:
        """The resources' own methods: they miss raw responses and calls made by hand, but not the calls that most people make."""
        found = []
        for where, route in self.methods.items():
            module, _, attribute = where.partition(":")
            kind, method = attribute.split(".")
            name = f"Async{kind}.{method}" if is_async else attribute
            wrap = functools.partial(reader.wrap_method, self.routes[route], is_async=is_async)
            found.append(Patch(module, name, wrap, self.package))
        return found


class _Reader:
    """One client library at work: from a `request` to the call it is."""

    def __init__(self, client: GeneratedClient) -> None:
        self._client = client
        self._exact = {route: endpoint for route, endpoint in client.routes.items() if "{" not in route}
        self._templates = [
            (re.compile(re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(route)) + "$"), endpoint)
            for route, endpoint in client.routes.items()
            if "{" in route
        ]
        self._servers: dict[int, Server] = {}
        self._unprepared: dict[int, Call] = {}
        """Calls whose body the client has yet to turn into JSON, by the id of their options."""

    def wrap(self, original: Callable[..., Any]) -> Callable[..., Any]:
        """Around `SyncAPIClient.request`."""
        return _around(original, self.begin, self._client)

    def wrap_async(self, original: Callable[..., Any]) -> Callable[..., Any]:
        """Around `AsyncAPIClient.request`."""
        return _around_async(original, self.begin, self._client)

    def wrap_method(self, endpoint: Endpoint, original: Callable[..., Any], *, is_async: bool) -> Callable[..., Any]:
        """Around a resource's own method, such as `Completions.create`, for want of `request`."""

        def begin(resource: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Call | None:
            said = {name: value for name, value in kwargs.items() if type(value).__name__ not in _SENTINELS and name not in _NOT_SENT}
            options = SimpleNamespace(
                method="post", url="", json_data=said, extra_json=kwargs.get("extra_body"), files=None, params=None, endpoint=endpoint
            )
            return self.begin(getattr(resource, "_client", resource), (None, options), {})

        return _around_async(original, begin, self._client) if is_async else _around(original, begin, self._client)

    def wrap_prepare(self, original: Callable[..., Any]) -> Callable[..., Any]:
        """Around `_copy_and_prepare`, in clients that make JSON of the arguments only there."""

        @functools.wraps(original)
        def copy_and_prepare(client: Any, options: Any, *args: Any, **kwargs: Any) -> Any:
            prepared = original(client, options, *args, **kwargs)
            self._prepared(options, prepared)
            return prepared

        setattr(copy_and_prepare, _MARK, True)
        return copy_and_prepare

    def wrap_prepare_async(self, original: Callable[..., Any]) -> Callable[..., Any]:
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
                call.asked(_body(prepared))

    def _read_body(self, call: Call, client: Any, options: Any) -> None:
        """Copy the request's body: now if it is JSON already, else once the client has made it so."""
        if hasattr(getattr(type(client), "_copy_and_prepare", None), _MARK):
            if len(self._unprepared) > _MANY:
                self._unprepared.clear()
            self._unprepared[id(options)] = call
        else:
            call.asked(_body(options))

    def begin(self, client: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Call | None:
        """The call that this request is, its span started; None if it is none of ours."""
        sending = signals.current()
        if sending is None:
            return None
        try:
            options = args[1] if len(args) > 1 else kwargs["options"]
            endpoint = self._endpoint(options)
            if endpoint is None:
                return None
            context = get_current()
            if context and owning.suppressed(context):
                return None
            owner = owning.owner_of(context, endpoint.operation)
            if owner is not None:
                call = Call(endpoint, owner, owned=False)
                if owner.is_recording:
                    call.attributes = self._start_attributes(endpoint, client, options)
                    self._read_body(call, client, options)
                return call
            invocation = self._invocation(sending, endpoint, client, options)
            invocation.calling = call = Call(endpoint, invocation, owned=True)
            if not invocation.is_recording:
                return call
            self._read_body(call, client, options)
            if sending.settings.stream_usage is not None and self._client.adds_usage is not None:
                self._ask_for_usage(call, options, args, kwargs)
            return call
        except Exception as error:  # noqa: BLE001  # a bare `try`: this is the hot path
            harmless.failed(f"beginning a call of {self._client.package}", error)
            return None

    def _endpoint(self, options: Any) -> Endpoint | None:
        if type(options) is SimpleNamespace:  # made by `wrap_method`, which knows
            known: Endpoint = options.endpoint
            return known
        url = options.url
        method = options.method
        endpoint = self._exact.get(f"{method.upper()} {url}")
        if endpoint is not None:
            return endpoint
        path = urlsplit(url).path
        route = f"{method.upper()} {path}"
        endpoint = self._exact.get(route)
        if endpoint is not None:
            return endpoint
        for template, templated in self._templates:
            if template.match(route):
                return templated
        if "://" in url:  # an absolute address, given by hand
            names = [name for name in self._exact if name.startswith(f"{method.upper()} ") and path.endswith(name.split(" ", 1)[1])]
            return self._exact[max(names, key=len)] if names else None
        return None

    def _invocation(self, sending: signals.Signals, endpoint: Endpoint, client: Any, options: Any) -> Invocation:
        attributes = self._start_attributes(endpoint, client, options)
        model = attributes.get(semconv.REQUEST_MODEL)
        name = endpoint.operation if model is None else f"{endpoint.operation} {model}"
        return Invocation(sending, endpoint.operation, name, SpanKind.CLIENT, attributes)

    def _start_attributes(self, endpoint: Endpoint, client: Any, options: Any) -> dict[str, Any]:
        """What samplers may want to see, and what is known only here."""
        _, host, port, provider = self._server(client)
        body = options.json_data
        model = body.get("model") if type(body) is dict else None
        attributes: dict[str, Any] = {
            semconv.OPERATION_NAME: endpoint.operation,
            semconv.PROVIDER_NAME: provider or endpoint.provider,
        }
        if type(model) is str:
            attributes[semconv.REQUEST_MODEL] = model
        if host:
            attributes[semconv.SERVER_ADDRESS] = host
            if port is not None:
                attributes[semconv.SERVER_PORT] = port
        return attributes

    def _server(self, client: Any) -> Server:
        url = client._base_url  # noqa: SLF001  # `base_url` returns the same object through a property
        known = self._servers.get(id(url))
        if known is not None and known[0] is url:
            return known
        host = str(url.host)
        port = url.port or {"https": 443, "http": 80}.get(url.scheme)
        provider = self._client.provider_name
        if len(self._servers) > _MANY:  # clients made by the thousand: forget the old ones
            self._servers.clear()
        server = (url, host, port, provider(type(client).__name__, host) if provider is not None else None)
        self._servers[id(url)] = server
        return server

    def _ask_for_usage(self, call: Call, options: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """Send a copy of the request that asks for usage, where the host did not ask itself."""
        adds_usage = self._client.adds_usage
        # The bytes of a raw response are the host's: nothing could be hidden in them, so nothing is asked for.
        is_raw = any(name.lower() == "x-stainless-raw-response" for name in options.headers or ())
        asking = adds_usage(options.json_data) if adds_usage is not None and not is_raw else None
        if asking is not None:
            asked = copy.copy(options)
            asked.json_data = asking
            call.instead = ((args[0], asked, *args[2:]), kwargs) if len(args) > 1 else (args, {**kwargs, "options": asked})


Begin = Callable[[Any, tuple[Any, ...], dict[str, Any]], Call | None]


def _around(original: Callable[..., Any], begin: Begin, declared: GeneratedClient) -> Callable[..., Any]:
    @functools.wraps(original)
    def request(client: Any, *args: Any, **kwargs: Any) -> Any:
        call = begin(client, args, kwargs)
        if call is None:
            return original(client, *args, **kwargs)
        if call.instead is not None:
            args, kwargs = call.instead
        token = attach(call.invocation.context)
        try:
            result = original(client, *args, **kwargs)
        except BaseException as error:
            raised(call, error)
            raise
        finally:
            detach(token)
        return returned(call, result, declared)

    return request


def _around_async(original: Callable[..., Any], begin: Begin, declared: GeneratedClient) -> Callable[..., Any]:
    @functools.wraps(original)
    async def request(client: Any, *args: Any, **kwargs: Any) -> Any:
        call = begin(client, args, kwargs)
        if call is None:
            return await original(client, *args, **kwargs)
        if call.instead is not None:
            args, kwargs = call.instead
        token = attach(call.invocation.context)
        try:
            result = await original(client, *args, **kwargs)
        except BaseException as error:
            raised(call, error)
            raise
        finally:
            detach(token)
        return returned(call, result, declared)

    return request


def returned(call: Call, result: Any, client: GeneratedClient) -> Any:
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
            _note_file(call, result)
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
    observed = stream._iterator = kind(stream._iterator, call, unwrapped, hides)  # noqa: SLF001  # where the helpers read
    seen = weakref.ref(observed)

    def closed() -> None:
        still = seen()
        if still is not None and not still.is_advancing:
            still.stop()

    bodies.tell_when_closed(stream.response, closed)


def _note_file(call: Call, result: Any) -> None:
    """A binary answer, such as speech: its size and type, not its bytes."""
    response = getattr(result, "response", result)
    if hasattr(response, "_content"):
        call.answered({"bytes": len(response.content), "content_type": response.headers.get("content-type")})
    else:
        bodies.keep(response, call)


def _body(options: Any) -> bytes:
    """The request as the wire's JSON, copied now: what the host does to its messages afterwards is not seen."""
    body = options.json_data
    extra = options.extra_json
    if extra:
        body = {**body, **extra} if isinstance(body, Mapping) else extra
    if options.files or options.method.upper() == "GET":
        body = {**(body if isinstance(body, Mapping) else {}), **_beside_the_body(options)}
    return encode(body)


def _beside_the_body(options: Any) -> dict[str, JSON]:
    """What else the request says: path and query of a GET, names and sizes of the files of a form."""
    said: dict[str, JSON] = {}
    if options.method.upper() == "GET":
        said["path"] = urlsplit(options.url).path
        if isinstance(options.params, Mapping):
            said.update({str(name): value for name, value in options.params.items()})
    files = options.files
    for name, file in files.items() if isinstance(files, Mapping) else files or ():
        described = _described(file)
        if name in said:  # several files under one name
            earlier = said[name]
            said[name] = [*(earlier if isinstance(earlier, list) else [earlier]), described]
        else:
            said[str(name)] = described
    return said


def _described(file: Any) -> JSON:
    if isinstance(file, tuple):
        described = {"filename": file[0] if file else None}
        content = file[1] if len(file) > 1 else None
        if len(file) > 2:  # noqa: PLR2004  # (name, content, type)
            described["content_type"] = file[2]
    else:
        described, content = {"filename": getattr(file, "name", None)}, file
    if isinstance(content, (bytes, bytearray)):
        described["bytes"] = len(content)
    return described


def _keeping_the_body(original: Callable[..., Any]) -> Callable[..., Any]:
    """Around `_process_response`, where the client has the response as it came: one that is read whole is kept, as its bytes."""

    @functools.wraps(original)
    def process_response(client: Any, *args: Any, **kwargs: Any) -> Any:  # the asynchronous one's coroutine is passed on as it is
        try:
            invocation: Any = get_current().get(owning.OWNER)
            call = invocation.calling if invocation is not None else None
            if call is not None and not kwargs["stream"]:
                content = getattr(kwargs["response"], "_content", None)
                call.body_received = content if type(content) is bytes else None
        except Exception as error:  # noqa: BLE001  # a bare `try`: this is the hot path
            harmless.failed("keeping a response's body", error)
        return original(client, *args, **kwargs)

    return process_response


def _noting_retries(original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def sleep_for_retry(client: Any, *args: Any, **kwargs: Any) -> Any:
        _note_retry(kwargs)
        return original(client, *args, **kwargs)

    return sleep_for_retry


def _noting_retries_async(original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    async def sleep_for_retry(client: Any, *args: Any, **kwargs: Any) -> Any:
        _note_retry(kwargs)
        return await original(client, *args, **kwargs)

    return sleep_for_retry


def _note_retry(said: Mapping[str, Any]) -> None:
    with harmless.guard("noting a retry"):
        invocation = get_value(owning.OWNER)
        if isinstance(invocation, Invocation) and invocation.is_recording:
            response = said.get("response")
            status = getattr(response, "status_code", None)
            noted = {semconv.RETRY_ATTEMPT: int(said.get("retries_taken") or 0) + 1}
            if isinstance(status, int):
                noted["http.response.status_code"] = status
            invocation.span.add_event(semconv.RETRY_EVENT, noted)
