"""Claude's Agent SDK: what its command-line program says on its pipes, as spans. The models are called in there, not here.

What is read is the JSON of the pipes, below the SDK's own objects: the prompts that go in, and the messages that come out.
"""

from __future__ import annotations

import functools
from collections.abc import AsyncGenerator, Callable, Sequence
from typing import Any
from weakref import WeakKeyDictionary

import orjson

from ... import harmless
from ...observing.patching import Patch
from ...recording import signals
from .session import Session

_LIBRARY = "claude-agent-sdk"
_sessions: WeakKeyDictionary[Any, Session] = WeakKeyDictionary()
"""By the pipe to the program."""


def _session(transport: Any) -> Session:
    session = _sessions.get(transport)
    if session is None:
        session = _sessions[transport] = Session()
    return session


def _writing(function: Callable[..., Any]) -> Any:
    """Around whatever is written to the program: a prompt among it begins an agent's work, in the context of who sends it."""

    @functools.wraps(function)
    async def write(self: Any, data: str) -> Any:
        if signals.current() is not None:
            with harmless.guard("reading what goes to the agent"):
                line = orjson.loads(data)
                if isinstance(line, dict) and line.get("type") == "user":
                    _session(self).asked(line)
        return await function(self, data)

    return write


def _receiving(function: Callable[..., Any]) -> Any:
    """Around the messages that the SDK reads from the program, for whatever asked for them."""

    @functools.wraps(function)
    async def receive_messages(self: Any) -> AsyncGenerator[Any, None]:
        messages = function(self)
        if signals.current() is None:
            async for message in messages:
                yield message
            return
        session = _session(self.transport)
        try:
            async for message in messages:
                with harmless.guard("reading what the agent says"):
                    session.received(message)
                yield message
        except Exception as error:
            session.stopped(error)
            raise

    return receive_messages


def _closing(function: Callable[..., Any]) -> Any:
    """Around the end of it all: an agent that is still at work is stopped by it."""

    @functools.wraps(function)
    async def close(self: Any) -> Any:
        session = _sessions.pop(self.transport, None)
        if session is not None:
            session.stopped(None)
        return await function(self)

    return close


def patches() -> Sequence[Patch]:
    """Both pipes, and their end."""
    pipes, query = "claude_agent_sdk._internal.transport.subprocess_cli", "claude_agent_sdk._internal.query"
    return [
        Patch(pipes, "SubprocessCLITransport.write", _writing, _LIBRARY),
        Patch(query, "Query.receive_messages", _receiving, _LIBRARY),
        Patch(query, "Query.close", _closing, _LIBRARY),
    ]
