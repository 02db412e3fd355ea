"""A call of a tool by the protocol, on either side: how its span begins, and how its result is read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from opentelemetry.context import Context
from opentelemetry.trace import SpanKind

from ... import harmless, semconv
from ...observing.wire import unwrapped
from ...recording import owning, signals
from ...recording.invocation import Invocation
from ...semconv import Operation

LIBRARY = "mcp"
METHOD = "tools/call"
TOOL_ERROR = "tool_error"
"""What the conventions call a result that says it is an error."""


def begin(name: str, arguments: Any, kind: SpanKind, context: Context) -> Invocation | None:
    """The span of a call, begun below `context`; None if it is not to be recorded."""
    sending = signals.current()
    if sending is None or owning.suppressed(context) or sending.drops(context):
        return None
    known = {
        semconv.OPERATION_NAME: Operation.EXECUTE_TOOL,
        semconv.TOOL_NAME: name,
        semconv.MCP_METHOD_NAME: METHOD,
    }
    invocation = Invocation(sending, Operation.EXECUTE_TOOL, f"{Operation.EXECUTE_TOOL} {name}", kind, known, context)
    invocation.teller = LIBRARY
    if invocation.is_recording:
        invocation.took(arguments or {})
    return invocation


def gave(invocation: Invocation, result: Any) -> None:
    """Take note of a result, which may say that it is an error: then the call failed, though nothing was raised."""
    with harmless.guard("reading the result of a tool"):
        if invocation.is_recording:
            said = unwrapped(result)
            invocation.gave(said)
            if is_error(said):
                invocation.answered_badly(TOOL_ERROR, words(said))


def is_error(said: Any) -> bool:
    """Whether a result says that it is an error."""
    return isinstance(said, Mapping) and said.get("isError") is True


def words(said: Mapping[str, Any]) -> str | None:
    """The text of a result."""
    content = said.get("content")
    texts = [one.get("text") for one in content if isinstance(one, Mapping)] if isinstance(content, list) else []
    return " ".join(text for text in texts if isinstance(text, str)) or None
