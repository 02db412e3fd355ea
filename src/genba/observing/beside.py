"""What the functions further in of the same library see of a call: they belong to it, and are no calls of their own.

An engine in this process has a function for chats, which rests on one for texts, which rests on one that counts tokens. The outermost
knows best what was said; only the innermost knows what it cost.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from opentelemetry.context import get_current

from ..conversation import Response, Tokens
from ..conversation.usage import summed
from ..recording.owning import CALL, OWNER


class Beside:
    """Completes what a call answered by what was seen beside it."""

    __slots__ = ("_reads",)

    def __init__(self) -> None:
        self._reads: list[Callable[[], Response]] = []

    def add(self, read: Callable[[], Response]) -> None:
        """Take note of a part of the call; `read` is called on the exporter's thread, once the call has ended."""
        self._reads.append(read)

    def completing(self, response: Response) -> Response:
        """`response`, with the tokens that the parts took, gave and cost, how long they took, and why they ended where it does not say so itself."""
        seen = [read() for read in self._reads]
        if response.usage is None and any(part.usage is not None for part in seen):
            response = replace(response, usage=summed([part.usage for part in seen]))
        tokens = _numbered(seen)
        if tokens:
            response = replace(response, tokens=(*response.tokens, *tokens))
        timings = next((part.timings for part in seen if part.timings is not None), None)
        if response.timings is None and timings is not None:
            response = replace(response, timings=timings)
        reasons = [reason for part in seen for reason in part.finish_reasons]
        if reasons and not response.finish_reasons and len(reasons) == len(response.messages):
            said = zip(response.messages, reasons, strict=True)
            ended = [{**message, "finish_reason": reason} for message, reason in said]
            response = replace(response, finish_reasons=reasons, messages=ended)  # type: ignore[arg-type]  # still messages
        return response


def _numbered(parts: Sequence[Response]) -> list[Tokens]:
    """The tokens of all parts. What a part calls its first prompt, or its first choice, comes after those of the parts before it."""
    found: list[Tokens] = []
    begins = {"input": 0, "output": 0}
    for part in parts:
        placed = [replace(one, index=begins[one.side] + one.index) for one in part.tokens]
        for one in placed:
            begins[one.side] = max(begins[one.side], one.index + 1)
        found += placed
    return found


def at_work(provider: str) -> Any:
    """The call of this provider's inside which we are; None if there is none."""
    context = get_current()
    owner: Any = context.get(OWNER)
    for call in (context.get(CALL), getattr(owner, "calling", None)):
        found: Any = call
        if found is not None and not found.ended and found.endpoint.provider == provider:
            return found
    return None


def inside(provider: str) -> Beside | None:
    """Where to say what a part of that call sees; None if there is no such call, or it takes no notice."""
    call = at_work(provider)
    beside: Beside | None = None if call is None else call.beside
    return beside
