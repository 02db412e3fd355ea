"""Take what is current here to where else work is done: a thread, a process, a queue, a program that is started.

Within the process that is the context itself; beyond it the ids of the span, as W3C trace context, and the conversation's values.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from opentelemetry.context import Context, attach, detach, get_current
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from .. import harmless
from ..conversation.encoding import decode, encode
from .owning import living
from .scope import Scope
from .scope import current as current_scope

CONVERSATION = "genba-conversation"
"""The key under which a carrier has the conversation's values, as JSON."""
_IN_ENVIRONMENT = {"traceparent": "TRACEPARENT", "tracestate": "TRACESTATE", CONVERSATION: "GENBA_CONVERSATION"}
_W3C = TraceContextTextMapPropagator()


def carrier() -> dict[str, str]:
    """What is current here, as text: `traceparent`, `tracestate`, and the values of `genba.conversation`.

    Send it along with a piece of work (headers of a message, a field of a job), and open `genba.resume(carrier)` where it is done. It
    holds nothing of prompts or completions. Empty when nothing is current.
    """
    found: dict[str, str] = {}
    with harmless.guard("taking the context along"):
        _W3C.inject(found, living(get_current()))
        scope = current_scope.get()
        if scope is not None:
            said = {"id": scope.conversation_id, "user": scope.user_id, "tags": scope.tags, "attributes": scope.attributes}
            found[CONVERSATION] = encode({name: value for name, value in said.items() if value}).decode("ascii", "backslashreplace")
    return found


def environment(base: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment for a program that is to go on in this trace: `base` (default: this process's own) and the `carrier` in it.

    A program that calls `genba.init()` finds it there: its first spans hang below the span that is current here.
    """
    return {**(os.environ if base is None else base), **{_IN_ENVIRONMENT[name]: value for name, value in carrier().items()}}


def from_environment(env: Mapping[str, str]) -> dict[str, str]:
    """The carrier that a parent process left in the environment."""
    return {name: env[variable] for name, variable in _IN_ENVIRONMENT.items() if env.get(variable)}


def context_of(sent: Mapping[str, str]) -> Context:
    """The context that a carrier speaks of; an empty one if it says nothing that can be understood."""
    return _W3C.extract({name: value for name, value in sent.items() if isinstance(value, str)}, Context())


def scope_of(sent: Mapping[str, str]) -> Scope | None:
    """The conversation that a carrier speaks of."""
    with harmless.guard("reading a conversation that was sent along"):
        said = decode(sent[CONVERSATION].encode()) if sent.get(CONVERSATION) else None
        if isinstance(said, dict):
            attributes = said.get("attributes")
            return Scope(
                conversation_id=_text(said.get("id")),
                user_id=_text(said.get("user")),
                tags=tuple(tag for tag in said.get("tags") or () if isinstance(tag, str)),
                attributes={
                    name: tuple(value) if isinstance(value, list) else value
                    for name, value in (attributes.items() if isinstance(attributes, dict) else ())
                },
            )
    return None


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


@contextmanager
def resume(sent: Mapping[str, str]) -> Iterator[None]:
    """Go on with what a `carrier` speaks of: spans made in the block hang below the span that was current where it was made."""
    with current(context_of(sent), scope_of(sent)):
        yield


@contextmanager
def current(context: Context, scope: Scope | None) -> Iterator[None]:
    """A block in which these are current."""
    token = attach(context)
    earlier = current_scope.set(scope) if scope is not None else None
    try:
        yield
    finally:
        if earlier is not None:
            current_scope.reset(earlier)
        detach(token)
