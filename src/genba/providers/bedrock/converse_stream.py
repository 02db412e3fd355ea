"""The events of ConverseStream, possibly cut short, folded into the answer of Converse that they add up to."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from ...conversation import JSON
from ...conversation.tokens import Piece
from .. import characters
from ..json_fields import Object, as_object, items, member, objects, present, text

_GROWING_MEDIA = ("image", "video", "audio")


def fold(events: Sequence[JSON]) -> JSON:
    """The answer. One that was cut short has no `stopReason`."""
    body: Object = {}
    message: Object = {}
    growing: dict[int, _Block] = {}
    for event in map(as_object, events):
        for kind, value in event.items():
            said = as_object(value)
            if kind == "contentBlockDelta":
                _block(growing, said).add(member(said, "delta"))
            elif kind == "contentBlockStart":
                _block(growing, said).start = member(said, "start")
            elif kind == "messageStart":
                message["role"] = said.get("role")
            elif kind in ("messageStop", "metadata"):
                body.update(present({key: part for key, part in said.items() if key != "p"}))  # `p` is padding
    if growing:
        message["content"] = [growing[index].whole() for index in sorted(growing)]
    if message:
        body["output"] = {"message": message}
    return body


def piece(event: JSON) -> Piece:
    """What of an answer is in one event."""
    delta = member(member(as_object(event), "contentBlockDelta"), "delta")
    thought, called = member(delta, "reasoningContent"), member(delta, "toolUse")
    return Piece(characters.of(delta.get("text"), thought.get("text"), called.get("input")))


class _Block:
    """A content block that is arriving. Texts are joined once, at the end."""

    __slots__ = ("citations", "fields", "pieces", "results", "start")

    def __init__(self) -> None:
        self.start: Object = {}
        self.pieces: dict[str, list[str]] = {}
        self.fields: Object = {}
        self.citations: list[JSON] = []
        self.results: list[JSON] = []

    def add(self, delta: Object) -> None:
        reasoning = member(delta, "reasoningContent")
        for name, piece in (("text", delta), ("input", member(delta, "toolUse")), ("thought", reasoning), ("signature", reasoning)):
            written = text(piece, "text" if name == "thought" else name)
            if written is not None:
                self.pieces.setdefault(name, []).append(written)
        if "redactedContent" in reasoning:
            self.fields["redactedContent"] = reasoning["redactedContent"]
        if "citation" in delta:
            self.citations.append(delta["citation"])
        self.results.extend(items(delta, "toolResult"))
        for modality in _GROWING_MEDIA:
            if modality in delta:
                self.fields.setdefault(modality, {}).update(member(delta, modality))

    def whole(self) -> Object:
        tool, result = member(self.start, "toolUse"), member(self.start, "toolResult")
        written = {name: "".join(pieces) for name, pieces in self.pieces.items()}
        if tool or "input" in written:
            return {"toolUse": {**tool, "input": _parsed(written.get("input") or "")}}
        if result or self.results:
            return {"toolResult": {**result, "content": objects(self.results)}}
        if "redactedContent" in self.fields:
            return {"reasoningContent": {"redactedContent": self.fields["redactedContent"]}}
        if "thought" in written or "signature" in written:
            thought = present({"text": written.get("thought", ""), "signature": written.get("signature")})
            return {"reasoningContent": {"reasoningText": thought}}
        for modality in _GROWING_MEDIA:
            if modality in self.fields or modality in self.start:
                return {modality: {**member(self.start, modality), **member(self.fields, modality)}}
        if self.citations:
            return {"citationsContent": {"content": [{"text": written.get("text", "")}], "citations": self.citations}}
        return {"text": written.get("text", "")}


def _block(growing: dict[int, _Block], said: Object) -> _Block:
    index: Any = said.get("contentBlockIndex")
    return growing.setdefault(index if isinstance(index, int) else 0, _Block())


def _parsed(arguments: str) -> JSON:
    """The arguments of a tool call, or their text as far as it came where that is not JSON."""
    if not arguments:
        return {}
    try:
        return json.loads(arguments)
    except (ValueError, RecursionError):
        return arguments
