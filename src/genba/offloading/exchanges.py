"""Put what is large in a raw exchange into the blob store, so that `references.put_back` gives the exchange back.

Media are found in the bytes themselves and nothing else is touched: what is put back is the same byte for byte. Only where a text
makes the whole too long is the JSON read and written anew.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Final

import orjson

from ..conversation import JSON
from ..conversation.encoding import MAX_BYTES, decode, encode, is_shortened, shorten
from .content import Put
from .references import TEXT, Reference, stand_in
from .walking import Media, longest, media_in, replaced

_MIME_TYPE: Final = re.compile(
    rb'"(?:mime_type|media_type|mimeType|mediaType)":\s?"([\w.+/-]{1,150})"[^"]{0,3}(?:"\w{1,20}":\s?)?$'
)
"""The type that is said just before the data."""


def offloaded(encoded: bytes, limit: int, put: Put) -> bytes:
    """The JSON with references in place of media of more than `limit` bytes; what could not be put into the store stays.

    If it is longer than what is kept of an exchange, long texts go there too.
    """
    if len(encoded) <= longest(limit):
        return encoded

    def exchanged(found: re.Match[bytes]) -> bytes:
        media = media_in(found[1].decode("ascii"), _said_before(found))
        kept = put(media.content) if media is not None and len(media.content) > limit else None
        if media is None or kept is None or isinstance(kept, str):
            return found[0]
        return orjson.dumps(stand_in(Reference("", *kept, len(media.content), media.mime_type), media.encoding, media.prefix))

    without_media = _pattern(longest(limit)).sub(exchanged, encoded)
    return without_media if len(without_media) <= MAX_BYTES else _within(without_media, limit, put)


@lru_cache(maxsize=4)
def _pattern(characters: int) -> re.Pattern[bytes]:
    # A string begins after one of these, or at the start; a quotation mark inside a string is preceded by a backslash. A key is followed by a colon.
    head = rb"(?:data:[\w.+/-]{0,150}(?:;[\w.+=-]{1,90}){0,4};base64,)?"
    return re.compile(rb'(?<![^\[{:,\s])"(' + head + rb'[A-Za-z0-9+/_-]{%d,}={0,2})"(?!\s*:)' % (characters - 2))


def _said_before(found: re.Match[bytes]) -> str | None:
    said = _MIME_TYPE.search(found.string[max(found.start() - 200, 0) : found.start()])
    return said[1].decode("ascii") if said else None


def _within(encoded: bytes, limit: int, put: Put) -> bytes:
    """The JSON within what is kept of an exchange."""
    try:
        body = decode(encoded)
    except ValueError:
        return encoded
    return encode(replaced(body, limit, _Texts(put), ""))


class _Texts:
    """Only long texts are left to be replaced."""

    def __init__(self, put: Put) -> None:
        self._put = put

    def part(self, part: Mapping[str, JSON], content: bytes, path: str) -> JSON:
        return part

    def media(self, media: Media, text: str, path: str) -> JSON:
        return text

    def text(self, text: str, path: str, limit: int) -> JSON:
        kept = "" if is_shortened(text) else self._put(text.encode(TEXT))
        if isinstance(kept, str):
            return shorten(text, limit)
        return stand_in(Reference(path, *kept, len(text.encode(TEXT)), "text/plain"), TEXT)
