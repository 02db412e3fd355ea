"""Find what is large in a JSON value: media, by being base64, and long texts. What becomes of it is for others to say."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final, NamedTuple, Protocol

from ..conversation import JSON
from ..conversation.encoding import MAX_TEXT
from . import base64_texts

_DATA_URL: Final = re.compile(r"data:([\w.+-]{1,60}/[\w.+-]{1,90})?((?:;[\w.+=-]{1,90}){0,4});base64,")
_MIME_TYPE: Final = re.compile(r"[\w.+-]{1,60}/[\w.+-]{1,90}")
_WORDS: Final = ("text", "reasoning", "refusal", "compaction")
"""Parts whose content is words, whatever they look like."""
_SAYS_THE_TYPE: Final = ("mime_type", "media_type", "mimeType", "mediaType")


class Media(NamedTuple):
    """A string that is bytes."""

    content: bytes
    encoding: str
    """What makes the string of the bytes."""
    prefix: str = ""
    mime_type: str | None = None


class Taking(Protocol):
    """What becomes of what is found."""

    def part(self, part: Mapping[str, JSON], content: bytes, path: str) -> JSON:
        """A message part of kind `blob`, and its bytes -> what is to stand there."""

    def media(self, media: Media, text: str, path: str) -> JSON:
        """Another string that is bytes -> what is to stand there."""

    def text(self, text: str, path: str, limit: int) -> JSON:
        """A text that is too long -> what is to stand there, of no more than `limit` characters."""


def longest(limit: int) -> int:
    """Characters of base64 that hold no more than so many bytes, whatever is in them."""
    return limit // 3 * 4


def replaced(value: JSON, limit: int, taking: Taking, path: str) -> JSON:
    """`value`, with what is in it of media of more than `limit` bytes, and of texts over `MAX_TEXT` characters, replaced."""
    return _Walk(limit, taking).value(value, path, {}, "")


def media_in(text: str, mime_type: str | None = None) -> Media | None:
    """The bytes that a string is, if it is a data URL or base64 of its own."""
    head = _DATA_URL.match(text[:600])
    prefix = head[0] if head else ""
    found = base64_texts.decoded(text[len(prefix) :])
    return None if found is None else Media(*found, prefix, (head[1] if head else None) or mime_type)


class _Walk:
    __slots__ = ("_characters", "_limit", "_taking")

    def __init__(self, limit: int, taking: Taking) -> None:
        self._limit = limit
        self._characters = longest(limit)
        self._taking = taking

    def value(self, value: JSON, path: str, holder: Mapping[str, JSON], key: str) -> JSON:
        if isinstance(value, str):
            return self._text(value, path, holder, key) if len(value) > self._characters else value
        if isinstance(value, list):
            return [self.value(one, f"{path}[{index}]", holder, key) for index, one in enumerate(value)]
        if isinstance(value, dict):
            made = self._part(value, path)
            return {name: self.value(one, f"{path}.{name}", value, name) for name, one in value.items()} if made is None else made
        return value

    def _part(self, part: Mapping[str, JSON], path: str) -> JSON | None:
        content = part.get("content")
        if part.get("type") != "blob" or not isinstance(content, str) or len(content) <= self._characters:
            return None
        read = base64_texts.media(content)
        if read is None:
            return {**part, "content": self._taking.text(content, f"{path}.content", self._limit)}
        return self._taking.part(part, read, path) if len(read) > self._limit else part

    def _text(self, text: str, path: str, holder: Mapping[str, JSON], key: str) -> JSON:
        if not (key == "content" and holder.get("type") in _WORDS):
            media = media_in(text, _mime_type(holder))
            if media is not None:
                return self._taking.media(media, text, path) if len(media.content) > self._limit else text
        return self._taking.text(text, path, MAX_TEXT) if len(text) > MAX_TEXT else text


def _mime_type(holder: Mapping[str, JSON]) -> str | None:
    """What is said beside it."""
    said = next((holder[name] for name in _SAYS_THE_TYPE if isinstance(holder.get(name), str)), None)
    return said if isinstance(said, str) and _MIME_TYPE.fullmatch(said) else None
