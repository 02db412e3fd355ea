"""Automatic function calling: the client runs the host's functions itself, and asks the model again, until it has its answer.

That is an agent of the client's own: its turns and its functions hang below one span, which there is only where functions were given.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

from opentelemetry.context import get_current
from opentelemetry.trace import SpanKind, get_current_span

from ... import harmless
from ...conversation import JSON
from ...observing.decorators import tool
from ...observing.endpoint import Endpoint
from ...observing.methods import Arguments, Method, Sent, observed
from ...observing.relays import relaying
from ...recording import owning
from ...recording.invocation import Invocation
from ...semconv import Operation
from .requests import model_name, option, provider

AGENT = Endpoint(operation=Operation.INVOKE_AGENT, provider="gcp.gemini")


def _nothing(_: Any) -> JSON:
    """What was asked and answered, the turns inside say."""
    return None


def as_agent(where: str) -> Callable[[Any], Any]:
    """What wraps one of the public methods that may call functions."""
    method = Method(where=where, sent=_agent, answer=_nothing, event=_nothing, kind=SpanKind.INTERNAL)
    return functools.partial(observed, method)


def as_reading_agent(where: str) -> Callable[[Any], Any]:
    """The same for one that streams: the host holds a generator around the streams that the client reads."""
    wrap = as_agent(where)
    return lambda function: relaying(wrap(function))


def _agent(arguments: Arguments) -> Sent | None:
    """A chat knows by itself what `Models` is told at each call: which model, which functions."""
    receiver = arguments.receiver
    models = getattr(receiver, "_modules", receiver)
    if not calls_functions(arguments.get("config") or getattr(receiver, "_config", None)) or _is_an_agents_turn():
        return None
    return Sent(
        endpoint=AGENT,
        model=model_name(str(arguments.get("model") or getattr(receiver, "_model", ""))),
        provider=provider(models._api_client),  # noqa: SLF001  # every part of the client has it there
    )


def _is_an_agents_turn() -> bool:
    """Whether what is current is such an agent, and no function of it: in some releases a chat leaves the calling to `Models`."""
    current = get_current()
    agent: Any = current.get(owning.AGENT)
    return (
        agent is not None
        and agent.calling is not None
        and agent.calling.endpoint is AGENT
        and get_current_span(current) is agent.span
    )


def calls_functions(config: Any) -> bool:
    """Whether the client is to call functions of the host's: some were given, and it was not told to leave them alone."""
    automatic = option(config, "automatic_function_calling")
    limit = option(automatic, "maximum_remote_calls")
    if option(automatic, "disable") or (isinstance(limit, int) and limit <= 0):
        return False
    given = option(config, "tools")
    return isinstance(given, (list, tuple)) and any(callable(one) or type(one).__name__ == "ClientSession" for one in given)


def as_tool(original: Any) -> Any:
    """Around what runs one function: plain, or the asynchronous one."""
    if inspect.iscoroutinefunction(original):

        @functools.wraps(original)
        async def invoke_async(args: Any, function_to_invoke: Any) -> Any:
            with _running(function_to_invoke) as running:
                _note(running.took, args)
                result = await original(args, function_to_invoke)
                _note(running.gave, result)
                return result

        return invoke_async

    @functools.wraps(original)
    def invoke(args: Any, function_to_invoke: Any) -> Any:
        with _running(function_to_invoke) as running:
            _note(running.took, args)
            result = original(args, function_to_invoke)
            _note(running.gave, result)
            return result

    return invoke


def _running(function: Any) -> AbstractContextManager[Invocation]:
    described = (inspect.getdoc(function) or "").partition("\n")[0] if inspect.isroutine(function) else ""
    name = getattr(function, "__name__", None)
    running = tool(name if isinstance(name, str) else type(function).__name__, type="function", description=described or None)
    running.teller = "google-genai"
    return running


def _note(told: Callable[[Any], None], value: Any) -> None:
    with harmless.guard("taking note of a function that the client calls"):
        told(value)
