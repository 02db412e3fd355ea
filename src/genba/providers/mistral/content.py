"""Pieces of content that only Mistral writes, or writes in its own way, put as OpenAI's API would put them."""

from __future__ import annotations

from typing import Any

from ...conversation import JSON, Part
from ..json_fields import as_object, some_text
from ..openai import content


def read(said: JSON) -> list[Part]:
    """The parts of a message's content."""
    return content.read(as_openai(said))


def as_openai(said: JSON) -> JSON:
    """A content whose pieces are OpenAI's."""
    return [_piece(as_object(piece)) for piece in said] if isinstance(said, list) else said


def _piece(piece: dict[str, Any]) -> dict[str, Any]:
    kind = piece.get("type")
    audio = piece.get("input_audio")
    if kind == "document_url":
        return {"type": "file", "file_url": some_text(piece, "document_url"), "filename": some_text(piece, "document_name")}
    if kind == "input_audio" and isinstance(audio, str):
        is_address = audio.startswith(("http://", "https://", "data:"))
        return {"type": "audio_url", "audio_url": audio} if is_address else {"type": kind, "input_audio": {"data": audio}}
    return piece
