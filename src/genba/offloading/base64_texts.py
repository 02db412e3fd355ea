"""Base64 in the dialects that are met in requests, read so that the same text can be made of the bytes again."""

from __future__ import annotations

import base64
import binascii
import re
from typing import Final

ENCODINGS: Final = ("base64", "base64url", "base64 unpadded", "base64url unpadded")
"""With `+/` or with `-_`, with or without `=` at the end."""

_BASE64: Final = re.compile(r"[A-Za-z0-9+/_-]*={0,2}")


def decoded(text: str) -> tuple[bytes, str] | None:
    """The bytes, and which of the encodings makes this very text of them; None if none does."""
    if not _BASE64.fullmatch(text, 0, 256):  # spares the work on most texts
        return None
    alphabet = "base64url" if "-" in text or "_" in text else "base64"
    missing = -len(text) % 4
    encoding = f"{alphabet} unpadded" if missing else alphabet
    try:
        content = _read(text + "=" * missing, alphabet)
    except ValueError:
        return None
    return (content, encoding) if encoded(content, encoding) == text else None


def media(text: str) -> bytes | None:
    """The bytes of what is said to be base64, also where it is written in lines, or ends oddly; None if it is no base64."""
    exactly = decoded(text)
    if exactly is not None:
        return exactly[0]
    joined = re.sub(r"\s+", "", text).rstrip("=")
    try:
        return _read(joined + "=" * (-len(joined) % 4), "base64url" if "-" in joined or "_" in joined else "base64")
    except ValueError:
        return None


def encoded(content: bytes, encoding: str) -> str:
    """The text that `encoding` makes of the bytes."""
    text = (base64.urlsafe_b64encode if encoding.startswith("base64url") else base64.b64encode)(content).decode()
    return text.rstrip("=") if encoding.endswith("unpadded") else text


def _read(padded: str, alphabet: str) -> bytes:
    try:
        return base64.b64decode(padded.encode("ascii"), altchars=b"-_" if alphabet == "base64url" else None, validate=True)
    except (binascii.Error, UnicodeEncodeError) as error:
        raise ValueError("no base64") from error
