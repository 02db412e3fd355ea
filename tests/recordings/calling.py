"""Make the call that a recorded exchange came from, in the form in which it was called, through the real client."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Mapping
from typing import Any

from support.hosts import END, Blocking, Host, Looping, plain, said
from support.services import client
from support.wire import Answer, Reply, Server, Stream

FORMS = ("as called", "streaming response")
PIECE = 700
"""Bytes that arrive at once: events come apart anywhere."""


def served(exchange: Mapping[str, Any]) -> Reply:
    """The recorded answer, to be sent again."""
    response = exchange["response"]
    body = response["text"].encode()
    if "event-stream" in response["content_type"]:
        pieces = [body[start : start + PIECE] for start in range(0, len(body), PIECE)]
        return Stream(pieces, content_type=response["content_type"])
    return Answer(body, response["status"], response["content_type"])


def call(exchange: Mapping[str, Any], form: str, server: Server) -> list[Any]:
    """What the host saw."""
    host: Host = Looping() if exchange["called"]["async"] else Blocking()
    server.serve(served(exchange))

    async def scenario() -> list[Any]:
        caller = client(exchange["client"], server.url, asynchronous=host.asynchronous)
        seen: list[Any] = []
        try:
            await _call(exchange, form, caller, host, seen)
        except Exception as error:
            seen.append(said(error))
        await host.close(caller)
        return seen

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the clients warn of the old models that the recordings ask for
        return host.run(scenario)


async def _call(exchange: Mapping[str, Any], form: str, caller: Any, host: Host, seen: list[Any]) -> None:
    called, body = exchange["called"], exchange["request"]["body"]
    resource = _resource(exchange["request"]["path"], caller.beta if called["beta"] else caller)
    if form == "streaming response":
        manager = resource.with_streaming_response.create(**_arguments(resource.create, body))
        response = await host.enter(manager)
        seen.append(b"".join([piece async for piece in _each(host, response.iter_bytes())]))
        await host.leave(manager)
        return
    if called["helper"] and body.get("stream"):
        method = resource.stream
        manager = method(**_arguments(method, {name: value for name, value in body.items() if name != "stream"}))
        seen.extend([plain(item) async for item in _each(host, await host.enter(manager))])
        await host.leave(manager)
        return
    method = resource.with_raw_response.create if called["raw_response"] else resource.create
    arguments = _arguments(resource.create, body)
    if called["helper"]:
        method = resource.parse
        arguments.pop("stream", None)
    result = await host.result(method(**arguments))
    if called["raw_response"]:
        seen.append((type(result).__name__, dict(result.headers).get("content-type")))
        result = await host.result(result.parse())
    if body.get("stream") and hasattr(result, "close"):
        seen.extend([plain(item) async for item in _each(host, result)])
    else:
        seen.append(plain(result))


async def _each(host: Host, items: Any) -> Any:
    iterator = host.iterator(items)
    while (item := await host.next(iterator)) is not END:
        yield item


def _resource(path: str, caller: Any) -> Any:
    names = {"/chat/completions": "chat.completions", "/completions": "completions", "/embeddings": "embeddings"}
    names |= {"/responses": "responses", "/messages": "messages"}
    found = caller
    for name in next(names[end] for end in names if path.endswith(end)).split("."):
        found = getattr(found, name)
    return found


def _arguments(method: Any, body: Mapping[str, Any]) -> dict[str, Any]:
    """The body as arguments; what the installed client has no argument for goes beside them."""
    known = inspect.signature(inspect.unwrap(method)).parameters
    named = {name: value for name, value in body.items() if name in known}
    beside = {name: value for name, value in body.items() if name not in known}
    return {**named, "extra_body": beside} if beside else named
