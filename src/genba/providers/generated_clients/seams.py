"""The functions of a generated client that are wrapped, and what is put around them."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from types import SimpleNamespace
from typing import Any

from opentelemetry.context import get_current, get_value

from ... import harmless, semconv
from ...observing.around import Function, around, around_async
from ...observing.call import Call
from ...observing.endpoint import Endpoint
from ...observing.patching import Patch
from ...recording import owning
from ...recording.invocation import Invocation
from .declaration import GeneratedClient
from .requests import Requests
from .results import raised, returned

_SENTINELS = frozenset(("NotGiven", "Omit"))
_NOT_SENT = frozenset(("extra_headers", "extra_query", "extra_body", "timeout"))


def patches(client: GeneratedClient) -> list[Patch]:
    """What is to be wrapped in `client`'s library."""
    base, library = f"{client.package}._base_client", client.distribution or client.package
    requests = Requests(client)
    done = functools.partial(returned, client)
    wrap = functools.partial(around, begin=requests.begin, left=raised, returned=done)
    wrap_async = functools.partial(around_async, begin=requests.begin, left=raised, returned=done)
    return [
        # First, so that no call waits for a preparation that nobody watches.
        Patch(base, "SyncAPIClient._copy_and_prepare", requests.watching_preparation, library, optional=True),
        Patch(base, "AsyncAPIClient._copy_and_prepare", requests.watching_preparation_async, library, optional=True),
        *(
            Patch(base, f"{kind}.{name}", functools.partial(telling, note), library, optional=True)
            for name, note in (("_process_response", _keep_the_body), ("_sleep_for_retry", _note_retry))
            for kind in ("SyncAPIClient", "AsyncAPIClient")
        ),
        Patch(base, "SyncAPIClient.request", wrap, library, otherwise=_fallback(client, requests, is_async=False)),
        Patch(base, "AsyncAPIClient.request", wrap_async, library, otherwise=_fallback(client, requests, is_async=True)),
        *(Patch(module, attribute, make, library, optional=True) for module, attribute, make in client.more()),
    ]


def _fallback(client: GeneratedClient, requests: Requests, *, is_async: bool) -> list[Patch]:
    """The resources' own methods: they miss raw responses and calls made by hand, but not the calls that most people make."""
    found = []
    for where, route in client.methods.items():
        module, _, attribute = where.partition(":")
        begin = functools.partial(_begin_method, requests, client.routes[route])
        make = functools.partial(
            around_async if is_async else around, begin=begin, left=raised, returned=functools.partial(returned, client)
        )
        found.append(Patch(module, f"Async{attribute}" if is_async else attribute, make, client.distribution or client.package))
    return found


def _begin_method(requests: Requests, endpoint: Endpoint, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Call | None:
    said = {name: value for name, value in kwargs.items() if type(value).__name__ not in _SENTINELS and name not in _NOT_SENT}
    options = SimpleNamespace(
        method="post", json_data=said, extra_json=kwargs.get("extra_body"), files=None, params=None, headers=None, endpoint=endpoint
    )
    resource = args[0]
    return requests.begin((getattr(resource, "_client", resource), None, options), {})


def telling(note: Callable[[Mapping[str, Any]], None], original: Function) -> Function:
    """Around a function, plain or async, that is called with keywords: `note` sees them first."""

    @functools.wraps(original)
    def plain(*args: Any, **kwargs: Any) -> Any:
        note(kwargs)
        return original(*args, **kwargs)

    @functools.wraps(original)
    async def is_async(*args: Any, **kwargs: Any) -> Any:
        note(kwargs)
        return await original(*args, **kwargs)

    return is_async if inspect.iscoroutinefunction(original) else plain


def _keep_the_body(said: Mapping[str, Any]) -> None:
    """In `_process_response` the client has the response as it came: one that is read whole is kept, as its bytes."""
    try:
        invocation: Any = get_current().get(owning.OWNER)
        call = invocation.calling if invocation is not None else None
        if call is not None and not said["stream"]:
            content = getattr(said["response"], "_content", None)
            call.body_received = content if type(content) is bytes else None
    except Exception as error:  # noqa: BLE001  # a bare `try`: this is the hot path
        harmless.failed("keeping a response's body", error)


def _note_retry(said: Mapping[str, Any]) -> None:
    """Each retry becomes an event on the call's span."""
    with harmless.guard("noting a retry"):
        invocation = get_value(owning.OWNER)
        if isinstance(invocation, Invocation) and invocation.is_recording:
            response = said.get("response")
            status = getattr(response, "status_code", None)
            noted = {semconv.RETRY_ATTEMPT: int(said.get("retries_taken") or 0) + 1}
            if isinstance(status, int):
                noted["http.response.status_code"] = status
            invocation.span.add_event(semconv.RETRY_EVENT, noted)
