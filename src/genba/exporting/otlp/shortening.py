"""A copy of a span that is as short as its destination wants it: texts lose their middles, JSON stays JSON, and it says what is missing.

Content goes first. Identifiers, usage and everything else that is short stays. The store has the whole of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import orjson
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from ... import semconv
from ...conversation.encoding import Shortened, sha256, shorten
from ...recording.rendering import fitted_value, shortened_text
from .encoding import LAST
from .target import Alias, Limits

SHORT = 200
"""Bytes. A text of no more is left alone: it is an identifier, or as good as one."""


def shaped(encoded: bytes, limits: Limits, room: int, aliases: Sequence[Alias] = ()) -> Any:
    """The span, as a message, as it may be sent, in at most `room` bytes; None if it cannot be made so short."""
    span = Span.FromString(encoded)
    for alias in aliases:
        _add(span, alias)
    most = limits.max_attribute_bytes
    if most is None and span.ByteSize() <= room:
        return span
    cuts: list[Shortened] = []
    if most is not None:
        for pair in list(_texts(span)):
            _cut(pair, most, cuts)
    _note(span, cuts, most)
    while span.ByteSize() > room:
        pair = max(_texts(span), key=_weight, default=None)
        if pair is None or len(pair.value.string_value.encode()) <= SHORT:
            return None
        size = len(pair.value.string_value.encode())
        _cut(pair, max(min(size - (span.ByteSize() - room) - 2 * SHORT, size - SHORT), SHORT), cuts)
        _note(span, cuts, most)
    return span


def _texts(span: Any) -> Iterator[Any]:
    yield from (pair for pair in span.attributes if pair.value.HasField("string_value") and pair.key != semconv.CONTENT_SHORTENED)
    for event in span.events:
        yield from (pair for pair in event.attributes if pair.value.HasField("string_value"))


def _weight(pair: Any) -> tuple[bool, int]:
    """What is cut first: content before the rest, the longest of it."""
    size = len(pair.value.string_value.encode())
    return pair.key in LAST and size > SHORT, size


def _cut(pair: Any, most: int, cuts: list[Shortened]) -> None:
    text = pair.value.string_value
    if len(text) <= most and len(text.encode()) <= most:
        return
    pair.value.string_value = _fitting(pair.key, text, most)
    if all(cut.path != pair.key for cut in cuts):  # what it was at first counts
        cuts.append(Shortened(pair.key, len(text), sha256(text)))


def _fitting(name: str, text: str, most: int) -> str:
    """The text in at most `most` bytes."""
    if name in semconv.TOKEN_RECORDS or name == semconv.USAGE_RAW:
        return ""  # whole or not at all: half of one would be another
    if text[:1] in "[{":
        try:
            value = orjson.loads(text)
        except ValueError:
            return _shorter(text, most)
        return _fitting_json(name, value, most).decode("utf-8", "ignore")
    return _shorter(text, most)


def _fitting_json(name: str, value: Any, most: int) -> bytes:
    while True:
        fit = fitted_value(value, most, name, [])
        if fit is not None:
            return fit
        if not isinstance(value, list) or len(value) < 2:
            return b""
        value = value[(len(value) + 1) // 2 :]  # the oldest go


def _shorter(text: str, most: int) -> str:
    keep = most
    while True:
        short = shorten(text, keep)
        size = len(short.encode())
        if size <= most:
            return short
        keep = min(keep * most // size, keep - 1)


def _note(span: Any, cuts: Sequence[Shortened], most: int | None) -> None:
    """Say what was cut, beside what was cut before."""
    if not cuts:
        return
    pair = _found(span.attributes, semconv.CONTENT_SHORTENED)
    before: list[Any] = []
    if pair is not None:
        known = orjson.loads(pair.value.string_value or "[]")
        before = [one for one in known if one.get("path") not in {cut.path for cut in cuts}]
    else:
        pair = span.attributes.add(key=semconv.CONTENT_SHORTENED)
        _to_front(span, pair.key)
        pair = _found(span.attributes, semconv.CONTENT_SHORTENED)
    told = orjson.loads(shortened_text(cuts)) + before
    while len(orjson.dumps(told)) > (most or 1 << 20) and len(told) > 1:
        told.pop()
    pair.value.string_value = orjson.dumps(told).decode()


def _add(span: Any, alias: Alias) -> None:
    source = _found(span.attributes, alias.source)
    if source is None or _found(span.attributes, alias.name) is not None:
        return
    if alias.values is None:
        span.attributes.add(key=alias.name).value.CopyFrom(source.value)
    elif source.value.string_value in alias.values:
        span.attributes.add(key=alias.name).value.string_value = alias.values[source.value.string_value]
    else:
        return
    _to_front(span, alias.name)


def _to_front(span: Any, name: str) -> None:
    """What is small goes before what was said."""
    copies = [type(pair).FromString(pair.SerializeToString()) for pair in span.attributes]
    del span.attributes[:]
    span.attributes.extend(sorted(copies, key=lambda pair: pair.key != name))


def _found(pairs: Iterable[Any], name: str) -> Any:
    return next((pair for pair in pairs if pair.key == name), None)
