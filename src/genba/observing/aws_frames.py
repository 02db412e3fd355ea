"""Read the event streams of AWS, which are binary: frames of headers and a payload, each with the moment it was complete."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ..conversation import JSON
from ..conversation.encoding import decode

TYPE = "application/vnd.amazon.eventstream"
_PRELUDE = 12
"""Bytes before the headers: the length of all, the length of the headers, a checksum."""
_CHECKSUM = 4
_SIZES = {0: 0, 1: 0, 2: 1, 3: 2, 4: 4, 5: 8, 8: 8, 9: 16}
"""How many bytes the value of a header has, by its type; those of the other types say it themselves."""
_TEXT = 7


def events(pieces: Sequence[bytes], times: Sequence[int]) -> Iterator[tuple[int, JSON, int]]:
    """(when, JSON, bytes of its frame) of each event, in order. A last frame that was cut off is left out."""
    rest = b""
    for piece, when in zip(pieces, times, strict=False):
        rest += piece
        while len(rest) >= _PRELUDE and len(rest) >= (length := int.from_bytes(rest[:4], "big")) >= _PRELUDE:
            frame, rest = rest[:length], rest[length:]
            end = _PRELUDE + int.from_bytes(frame[4:8], "big")
            yield when, said(_headers(frame[_PRELUDE:end]), frame[end:-_CHECKSUM]), length


def said(headers: Mapping[str, Any], payload: bytes) -> JSON:
    """What a frame says: `{its event: …}`, for a chunk the JSON that it wraps, and an error as Anthropic's own streams write one."""
    body = decode(payload) if payload else {}
    fields: dict[str, Any] = body if isinstance(body, dict) else {"value": body}
    if headers.get(":message-type") in ("exception", "error"):
        kind = headers.get(":exception-type") or headers.get(":error-code")
        words = fields.get("message") or fields.get("Message") or headers.get(":error-message")
        return {"type": "error", "error": {"type": kind, "message": words}}
    if isinstance(fields.get("bytes"), str):
        return decode(base64.b64decode(fields["bytes"]))
    return {str(headers.get(":event-type")): body}


def _headers(raw: bytes) -> dict[str, str]:
    """Those that are text: the others say nothing here."""
    found: dict[str, str] = {}
    at = 0
    while at < len(raw):
        end = at + 1 + raw[at]
        name, kind = raw[at + 1 : end].decode(), raw[end]
        at = end + 1
        size = _SIZES.get(kind)
        if size is None:
            size = int.from_bytes(raw[at : at + 2], "big")
            at += 2
        if kind == _TEXT:
            found[name] = raw[at : at + size].decode()
        at += size
    return found
