"""One finished span as the bytes that are kept, and how such bytes are framed so that damage is found and costs one span at most.

A record is `MAGIC, length, crc, payload`. Each holds its resource and scope too: no record needs another one to be understood.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple
from zlib import crc32

MAGIC: Final = b"\xf7GS1"
_FRAME: Final = struct.Struct("<4sII")
_PAYLOAD: Final = struct.Struct("<QI")
_LENGTH: Final = struct.Struct("<I")


@dataclass(frozen=True, slots=True)
class Entry:
    """A span in OTLP's protobuf form."""

    ended_ns: int
    header: bytes
    """A `ResourceSpans` with the resource and the scope, and no span."""
    span: bytes

    def __len__(self) -> int:
        return len(self.header) + len(self.span)


class Found(NamedTuple):
    """What lies in a stretch of a file."""

    entry: Entry | None
    """None where it is damaged."""
    end: int
    """Where the next record begins."""


def pack(payload: bytes) -> bytes:
    """The payload, framed."""
    return _FRAME.pack(MAGIC, len(payload), _sum(payload)) + payload


def payload_of(entry: Entry) -> bytes:
    """The entry as the payload of a record."""
    return _PAYLOAD.pack(entry.ended_ns, len(entry.header)) + entry.header + entry.span


def entry_of(payload: bytes) -> Entry | None:
    """The entry that was packed; None if it never was one."""
    if len(payload) < _PAYLOAD.size:
        return None
    ended_ns, length = _PAYLOAD.unpack_from(payload)
    start = _PAYLOAD.size
    if start + length > len(payload):
        return None
    return Entry(ended_ns, payload[start : start + length], payload[start + length :])


def payloads(data: bytes, start: int = 0) -> Iterator[tuple[bytes | None, int]]:
    """Every record's payload and end, in order; None in place of a stretch that is no record."""
    while start < len(data):
        payload = _at(data, start)
        if payload is None:
            start = _next(data, start + 1)
            yield None, start
        else:
            start += _FRAME.size + len(payload)
            yield payload, start


def records(data: bytes, start: int = 0) -> Iterator[Found]:
    """Every entry from `start` on, and what is damaged between them."""
    for payload, end in payloads(data, start):
        yield Found(entry_of(payload) if payload is not None else None, end)


def _at(data: bytes, start: int) -> bytes | None:
    if len(data) - start < _FRAME.size:
        return None
    magic, length, expected = _FRAME.unpack_from(data, start)
    begin = start + _FRAME.size
    if magic != MAGIC or begin + length > len(data):
        return None
    payload = data[begin : begin + length]
    return payload if _sum(payload) == expected else None


def _next(data: bytes, start: int) -> int:
    """Where a whole record begins again: what looks like one inside of a damaged one is passed over."""
    while True:
        start = data.find(MAGIC, start)
        if start < 0:
            return len(data)
        if _at(data, start) is not None:
            return start
        start += 1


def _sum(payload: bytes) -> int:
    # With the length: one that was changed to fit by chance is found too.
    return crc32(payload, crc32(_LENGTH.pack(len(payload))))
