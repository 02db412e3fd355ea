"""The events of a streamed message, possibly cut short, folded into the message that they add up to.

Usage in `message_delta` is cumulative and replaces what `message_start` said. What `message_start` says about the output is only a
placeholder, so a stream that broke off before its `message_delta` has no output count.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from ...conversation import JSON
from ...conversation.tokens import Piece
from ..json_fields import Object, as_object, items, member, present, text

_GROWS = {"text_delta": ("text", "text"), "thinking_delta": ("thinking", "thinking"), "input_json_delta": ("partial_json", "input")}
"""Which deltas are the next piece of a text: under which key they have it, and which field of the block it belongs to."""

_REPLACES = {"signature_delta": ("signature",), "compaction_delta": ("content", "encrypted_content")}
"""Which deltas have whole fields of the block, and which."""


def fold(events: Sequence[JSON]) -> JSON:
    """The body that the same call without streaming would have had, as far as the events tell."""
    message = _Message()
    for event in events:
        if isinstance(event, dict):
            message.add(event)
    return message.result()


def piece(event: JSON) -> Piece:
    """How many characters of answer an event has: what is said, thought, or given to a tool. Of tokens it tells nothing."""
    said = as_object(event)
    if said.get("type") == "content_block_delta":
        delta = member(said, "delta")
        key, _ = _GROWS.get(text(delta, "type") or "", ("", ""))
        return Piece(len(text(delta, key) or ""))
    opened = member(said, "content_block") if said.get("type") == "content_block_start" else {}
    return Piece(len(text(opened, "text") or "") + len(text(opened, "thinking") or ""))


def is_last(event: JSON) -> bool:
    """Whether this event is the last of a message's stream."""
    return as_object(event).get("type") == "message_stop"


def failed(event: JSON) -> tuple[str, str | None] | None:
    """What an error event says; None for every other event, and for a message."""
    if as_object(event).get("type") != "error":
        return None
    error = member(as_object(event), "error")
    return text(error, "type") or "_OTHER", text(error, "message")


class _Message:
    """A message that is arriving."""

    def __init__(self) -> None:
        self._fields: dict[str, Any] = {}
        self._usage: dict[str, Any] = {}
        self._blocks: dict[int, _Block] = {}
        self._finished = False
        self._error: Object | None = None

    def add(self, event: Object) -> None:
        kind = event.get("type")
        if kind == "content_block_delta":
            self._add_delta(event)
        elif kind == "content_block_start":
            self._add_block(event)
        elif kind == "message_start":
            self._fields = dict(member(event, "message"))
            self._usage = dict(member(self._fields, "usage"))
        elif kind == "message_delta":
            self._finish(event)
        elif kind == "error":
            self._error = member(event, "error")

    def result(self) -> JSON:
        body = dict(self._fields)
        if self._error is not None:
            body["error"] = self._error
        if self._blocks:
            body["content"] = [self._blocks[index].result() for index in sorted(self._blocks)]
        if self._usage:
            body["usage"] = self._usage if self._finished else self._without_placeholders()
        return body

    def _add_block(self, event: Object) -> None:
        opened = member(event, "content_block")
        self._blocks[self._index(event, len(self._blocks))] = _Block(opened)
        # The whole answer names the model that a fallback went to; a stream has begun with another by then.
        served_by = text(member(opened, "to"), "model")
        if opened.get("type") == "fallback" and served_by is not None:
            self._fields["model"] = served_by

    def _add_delta(self, event: Object) -> None:
        block = self._blocks.get(self._index(event, len(self._blocks) - 1))
        if block is not None:
            block.add(member(event, "delta"))

    def _index(self, event: Object, otherwise: int) -> int:
        index = event.get("index")
        return index if isinstance(index, int) else otherwise

    def _finish(self, event: Object) -> None:
        self._finished = True
        beside = {key: value for key, value in event.items() if key not in ("type", "delta", "usage")}
        self._fields.update(present({**beside, **member(event, "delta")}))
        self._usage.update(present(member(event, "usage")))

    def _without_placeholders(self) -> dict[str, Any]:
        return {key: value for key, value in self._usage.items() if key not in ("output_tokens", "output_tokens_details")}


class _Block:
    """A content block that is arriving. Pieces are joined once, at the end, so a long block takes linear time."""

    def __init__(self, opened: Object) -> None:
        self._fields = dict(opened)
        self._pieces: dict[str, list[str]] = {}
        self._citations: list[JSON] = []

    def add(self, delta: Object) -> None:
        kind = text(delta, "type") or ""
        if kind in _GROWS:
            key, field = _GROWS[kind]
            self._pieces.setdefault(field, []).append(text(delta, key) or "")
        elif kind in _REPLACES:
            self._fields.update({key: delta[key] for key in _REPLACES[kind] if key in delta})
        elif kind == "citations_delta":
            self._citations.append(delta.get("citation"))

    def result(self) -> dict[str, Any]:
        fields = dict(self._fields)
        for field, pieces in self._pieces.items():
            arrived = "".join(pieces)
            if field != "input":
                fields[field] = (text(fields, field) or "") + arrived
            elif arrived:
                fields[field] = _parsed(arrived)
        if self._citations:
            fields["citations"] = [*items(fields, "citations"), *self._citations]
        return fields


def _parsed(arguments: str) -> JSON:
    """The arguments of a tool call, or their text as far as it came where that is not JSON."""
    try:
        return json.loads(arguments)
    except (ValueError, RecursionError):
        return arguments
