"""Put what is large in rendered content into the blob store: messages as JSON bytes in, the same with references out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from ..conversation import JSON
from ..conversation.encoding import Shortened, is_shortened, sha256, shorten
from .references import TEXT, Reference, stand_in
from .walking import Media, longest, replaced

Put = Callable[[bytes], "tuple[str, str] | str"]
"""Bytes -> the URI and the SHA-256 of the blob that they are in, or why they are in none."""


@dataclass(slots=True)
class Offloaded:
    """Content with references in place of what is large."""

    lists: dict[str, list[bytes]] = field(default_factory=dict)
    singles: dict[str, bytes] = field(default_factory=dict)
    references: list[Reference] = field(default_factory=list)
    shortened: list[Shortened] = field(default_factory=list)
    """Long texts, each with the blob that has it whole; and what could not be put there, with the reason."""


def offloaded(lists: Mapping[str, Sequence[bytes]], singles: Mapping[str, bytes], limit: int, put: Put) -> Offloaded:
    """The content of a span, by attribute: lists of JSON values and single ones.

    Media of more than `limit` bytes never stay; texts of more than 1 MiB lose their middle and name the blob that has them whole.
    """
    done = Offloaded()
    taking = _Taking(limit, put, done)

    def without_what_is_large(encoded: bytes, path: str) -> bytes:
        if len(encoded) <= longest(limit):
            return encoded
        try:
            value = orjson.loads(encoded)
        except ValueError:  # a search's plain words
            return encoded
        made = replaced(value, limit, taking, path)
        return encoded if made == value else orjson.dumps(made)

    for name, elements in lists.items():
        done.lists[name] = [without_what_is_large(element, f"{name}[{at}]") for at, element in enumerate(elements)]
    for name, encoded in singles.items():
        done.singles[name] = without_what_is_large(encoded, name)
    return done


class _Taking:
    def __init__(self, limit: int, put: Put, done: Offloaded) -> None:
        self._limit = limit
        self._put = put
        self._done = done

    def part(self, part: Mapping[str, JSON], content: bytes, path: str) -> JSON:
        kept = self._kept(content, path, part.get("mime_type"))
        if isinstance(kept, str):
            return {**part, "content": self._cut(part["content"], f"{path}.content", self._limit, kept)}
        rest = {name: value for name, value in part.items() if name not in ("type", "content")}
        return {"type": "uri", **rest, "uri": kept.uri, "sha256": kept.sha256, "size": kept.size}

    def media(self, media: Media, text: str, path: str) -> JSON:
        kept = self._kept(media.content, path, media.mime_type)
        if isinstance(kept, str):
            return self._cut(text, path, self._limit, kept)
        return stand_in(kept, media.encoding, media.prefix)

    def text(self, text: str, path: str, limit: int) -> JSON:
        if is_shortened(text):  # when it was copied, and that is told already
            return shorten(text, limit)
        return self._cut(text, path, limit, self._kept(text.encode(TEXT), path, "text/plain"))

    def _kept(self, content: bytes, path: str, mime_type: Any) -> Reference | str:
        put = self._put(content)
        if isinstance(put, str):
            return put
        reference = Reference(path, *put, len(content), mime_type if isinstance(mime_type, str) else None)
        self._done.references.append(reference)
        return reference

    def _cut(self, text: str, path: str, limit: int, kept: Reference | str) -> str:
        uri, because = (None, kept) if isinstance(kept, str) else (kept.uri, None)
        self._done.shortened.append(Shortened(path, len(text), sha256(text), uri, because))
        return shorten(text, limit)
