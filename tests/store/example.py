"""Spans to store, with only what a test cares about said."""

from __future__ import annotations

import itertools
import os
from typing import Any

import orjson

from genba.store.rows import RawExchange, SpanRow

BEGAN = 1_790_000_000_000_000_000

_numbers = itertools.count()


def span(**said: Any) -> SpanRow:
    """A span of its own trace, a second long, a second after the one before."""
    start = said.pop("start_ns", BEGAN + next(_numbers) * 1_000_000_000)
    values: dict[str, Any] = {
        "trace_id": os.urandom(16),
        "span_id": os.urandom(8),
        "parent_span_id": None,
        "name": "chat m",
        "kind": "client",
        "scope": "genba",
        "start_ns": start,
        "end_ns": start + 1_000_000_000,
        "status": "unset",
        "status_description": None,
        "run_id": None,
        "sequence": None,
        "attributes": {},
        "content": {},
        "single_content": {},
        "events": (),
        "links": (),
        "resource": {},
        "exchange": None,
    }
    return SpanRow(**{**values, **said})


def chat(*said: tuple[str, str], model: str = "m", **more: Any) -> SpanRow:
    """A model call: who said what, the last of them as the answer."""
    messages = [{"role": role, "parts": [{"type": "text", "content": text}]} for role, text in said]
    attributes = {
        "gen_ai.operation.name": "chat",
        "gen_ai.request.model": model,
        "genba.outcome": "completed",
        **more.pop("attributes", {}),
    }
    content = {"gen_ai.input.messages": encoded(*messages[:-1]), "gen_ai.output.messages": encoded(*messages[-1:])}
    return span(name=f"chat {model}", attributes=attributes, content=content, **more)


def wire(*said: tuple[str, str], **more: Any) -> RawExchange:
    """The raw exchange of such a call."""
    messages = [{"role": role, "content": text} for role, text in said]
    return RawExchange(
        request=orjson.dumps({"model": "m", "messages": messages[:-1], **more}), response=orjson.dumps({"choices": messages[-1:]})
    )


def encoded(*values: Any) -> list[bytes]:
    """Each value as JSON."""
    return [orjson.dumps(value) for value in values]
