"""What stands in place of content that lies in the blob store, and how it is put back.

In a message, media become the conventions' `uri` part. Anywhere else, and in the raw exchange, a JSON string becomes a JSON object
with the one key `genba.blob`, which says where its bytes are and how the string was made of them.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final, NamedTuple

import orjson

from ..conversation import JSON
from . import base64_texts

BLOB: Final = "genba.blob"
TEXT: Final = "utf-8"
"""The bytes are the string's own, in this encoding."""


class Reference(NamedTuple):
    """Where a piece of content is."""

    path: str
    """Where in the content it was, such as `gen_ai.input.messages[0].parts[1]`."""
    uri: str
    sha256: str
    """Of the bytes there."""
    size: int
    """Of the bytes there."""
    mime_type: str | None = None


def stand_in(reference: Reference, encoding: str, prefix: str = "") -> dict[str, Any]:
    """The object in place of a string: `prefix`, then the bytes in `encoding`."""
    said = {"uri": reference.uri, "sha256": reference.sha256, "size": reference.size, "encoding": encoding}
    more = {"prefix": prefix, "mime_type": reference.mime_type}
    return {BLOB: {**said, **{name: value for name, value in more.items() if value}}}


def put_back(encoded: bytes, read: Callable[[str, str], bytes]) -> bytes:
    """The JSON as it was before anything of it was put into the blob store.

    Args:
        encoded: JSON, such as the request of a raw exchange.
        read: URI and SHA-256 of a blob -> what is in it: `Blobs.read`. What it raises is passed on.
    """
    return _STAND_IN.sub(lambda found: _string(orjson.loads(found[1]), read, found[0]), encoded)


_STAND_IN = re.compile(rb'\{"genba\.blob":(\{"uri":[^{}]*\})\}')


def _string(said: JSON, read: Callable[[str, str], bytes], whole: bytes) -> bytes:
    uri, digest, encoding = said.get("uri"), said.get("sha256"), said.get("encoding")
    if not (isinstance(uri, str) and isinstance(digest, str) and (encoding == TEXT or encoding in base64_texts.ENCODINGS)):
        return whole  # it only looks like one of ours
    content = read(uri, digest)
    text = content.decode(TEXT) if encoding == TEXT else base64_texts.encoded(content, encoding)
    return orjson.dumps(f"{said.get('prefix', '')}{text}")
