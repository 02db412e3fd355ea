"""Take a raw exchange apart into pieces that calls share, and put it together again."""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Mapping, Sequence

import orjson

from .values import loads


def split(request: bytes) -> tuple[bytes, Mapping[str, Sequence[bytes]]]:
    """A request's JSON -> the same with its lists of objects (messages, input, tools …) as null, and the elements of those lists.

    `join` gives the request back: byte for byte if it was written as orjson writes, else equal JSON. What cannot be taken apart
    without loss stays whole.
    """
    try:
        body = orjson.loads(request)
        if not isinstance(body, dict):
            return request, {}
        lists = {
            key: [orjson.dumps(element) for element in value]
            for key, value in body.items()
            if isinstance(value, list) and value and all(isinstance(element, dict) for element in value)
        }
        if not lists:
            return request, {}
        skeleton = orjson.dumps({key: None if key in lists else value for key, value in body.items()})
        joined = join(skeleton, lists)
        return (skeleton, lists) if joined == request or _equal(joined, request) else (request, {})
    except (TypeError, ValueError, RecursionError):
        return request, {}


def join(skeleton: bytes, lists: Mapping[str, Sequence[bytes]]) -> bytes:
    """The request that `split` took apart."""
    if not lists:
        return skeleton
    body = loads(skeleton)
    return orjson.dumps({**body, **{key: orjson.Fragment(b"[" + b",".join(elements) + b"]") for key, elements in lists.items()}})


def pack_events(events: Sequence[tuple[int, bytes]]) -> bytes:
    """A stream's events as one compressed blob: their number, offsets, lengths, then the events one after another."""
    number = len(events)
    head = struct.pack(f"<I{number}q{number}I", number, *(offset for offset, _ in events), *(len(event) for _, event in events))
    # Events repeat each other: level 1 makes them fifty times smaller, and higher levels hardly smaller still.
    return zlib.compress(head + b"".join(event for _, event in events), 1)


def unpack_events(packed: bytes) -> list[tuple[int, bytes]]:
    """What `pack_events` was given."""
    raw = zlib.decompress(packed)
    (number,) = struct.unpack_from("<I", raw)
    # "<" means no padding, so the parts lie end to end.
    offsets = struct.unpack_from(f"<{number}q", raw, 4)
    lengths = struct.unpack_from(f"<{number}I", raw, 4 + 8 * number)
    events, at = [], 4 + 12 * number
    for offset, length in zip(offsets, lengths, strict=True):
        events.append((offset, raw[at : at + length]))
        at += length
    return events


def _equal(one: bytes, other: bytes) -> bool:
    # The standard library's reader keeps numbers that orjson would round.
    return bool(json.loads(one) == json.loads(other))
