"""The binary event streams of AWS: a prelude with its checksum, headers, a payload, and a checksum over all."""

from __future__ import annotations

import base64
import json
import struct
import zlib
from collections.abc import Mapping, Sequence
from typing import Any

TYPE = "application/vnd.amazon.eventstream"
_STRING = 7


def frame(headers: Mapping[str, str], payload: bytes) -> bytes:
    """One message."""
    head = b"".join(
        struct.pack("!B", len(name)) + name.encode() + struct.pack("!BH", _STRING, len(value.encode())) + value.encode()
        for name, value in headers.items()
    )
    prelude = struct.pack("!II", 16 + len(head) + len(payload), len(head))
    start = prelude + struct.pack("!I", zlib.crc32(prelude))
    return start + head + payload + struct.pack("!I", zlib.crc32(head + payload, zlib.crc32(start)))


def event(kind: str, value: Any) -> bytes:
    """An event, by its name."""
    headers = {":event-type": kind, ":content-type": "application/json", ":message-type": "event"}
    return frame(headers, json.dumps(value).encode())


def chunk(value: Any) -> bytes:
    """A vendor's own event, as InvokeModelWithResponseStream wraps it, padding included."""
    return event("chunk", {"bytes": base64.b64encode(json.dumps(value).encode()).decode(), "p": "abcd"})


def error(kind: str, message: str) -> bytes:
    """An error in the middle of a stream."""
    headers = {":exception-type": kind, ":content-type": "application/json", ":message-type": "exception"}
    return frame(headers, json.dumps({"message": message}).encode())


def frames(stream: bytes) -> list[tuple[dict[str, str], bytes]]:
    """The messages of a stream: headers and payload. Checks both checksums."""
    found = []
    while stream:
        length, head = struct.unpack("!II", stream[:8])
        assert zlib.crc32(stream[:8]) == struct.unpack("!I", stream[8:12])[0]
        assert zlib.crc32(stream[: length - 4]) == struct.unpack("!I", stream[length - 4 : length])[0]
        headers, at = {}, 12
        while at < 12 + head:
            name = stream[at + 1 : at + 1 + stream[at]].decode()
            at += 2 + stream[at]
            size = struct.unpack("!H", stream[at : at + 2])[0]
            headers[name] = stream[at + 2 : at + 2 + size].decode()
            at += 2 + size
        found.append((headers, stream[12 + head : length - 4]))
        stream = stream[length:]
    return found


def converse(text: Sequence[str], *, stop: str = "end_turn", usage: Mapping[str, Any]) -> list[bytes]:
    """A streamed answer of Converse."""
    return [
        *converse_pieces(text),
        event("contentBlockStop", {"contentBlockIndex": 0}),
        event("messageStop", {"stopReason": stop, "p": "ab"}),
        event("metadata", {"usage": usage, "metrics": {"latencyMs": 41}, "p": "abc"}),
    ]


def converse_pieces(text: Sequence[str]) -> list[bytes]:
    """Its beginning, up to the last piece of the text."""
    deltas = [event("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": piece}, "p": "abcde"}) for piece in text]
    return [event("messageStart", {"role": "assistant", "p": "a"}), *deltas]
