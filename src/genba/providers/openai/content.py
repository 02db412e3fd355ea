"""The content of a message: one text, or a list of pieces as Chat, Responses and the servers that speak like them write it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ...conversation import JSON, Part, parts
from . import wire

Wire = dict[str, Any]


def read(content: JSON) -> list[Part]:
    """The parts of a message's `content`. An empty text is no part."""
    if isinstance(content, list):
        return [part for piece in content for part in read(piece)]
    if isinstance(content, dict):
        return [_READERS.get(_kind(content), _unknown)(content)]
    return [parts.text(content)] if isinstance(content, str) and content else []


def read_prompt(prompt: JSON) -> list[list[Part]]:
    """The inputs of an API that takes one or many: texts, lists of token ids, or pieces. One list of parts for each input."""
    if isinstance(prompt, list) and not wire.integers(prompt):
        return [_one_prompt(one) for one in prompt]
    return [_one_prompt(prompt)] if prompt is not None else []


def upload(modality: parts.Modality, descriptor: JSON) -> Part:
    """A file sent along with a form. Its bytes are not in the JSON; the descriptor says what it was."""
    if isinstance(descriptor, str):
        return parts.other("upload", {"modality": modality, "content": descriptor})
    return parts.other("upload", {"modality": modality, **wire.rest(wire.fields(descriptor))})


def _one_prompt(prompt: JSON) -> list[Part]:
    return [parts.other("token_ids", {"content": prompt})] if wire.integers(prompt) else read(prompt)


def _kind(piece: Wire) -> str:
    kind = piece.get("type")
    return kind if isinstance(kind, str) else ""


def _text(piece: Wire) -> Part:
    # Log-probabilities are an attribute of the span: see `attributes`.
    return {**parts.text(wire.text(piece, "text") or ""), **wire.rest(piece, "type", "text", "content", "logprobs")}


def _thinking(piece: Wire) -> Part:
    thought = piece.get("thinking")
    said = [wire.text(one, "text") or "" for one in wire.objects(thought)]
    return parts.reasoning(thought if isinstance(thought, str) else "".join(said))


def _refusal(piece: Wire) -> Part:
    return parts.refusal(wire.text(piece, "refusal") or "")


def _media(modality: str, key: str) -> Callable[[Wire], Part]:
    def read_media(piece: Wire) -> Part:
        """Chat nests `{"url": …}` under the key, Responses has the URL there; either may name an uploaded file instead."""
        source = piece.get(key)
        nested = wire.fields(source)
        url = source if isinstance(source, str) else wire.text(nested, "url")
        file_id = wire.text(piece, "file_id") or wire.text(nested, "file_id")
        detail = wire.text(nested, "detail") or wire.text(piece, "detail")
        if url:
            return parts.media(modality, url, detail=detail)
        return parts.file(modality, file_id, detail=detail) if file_id else _unknown(piece)

    return read_media


def _audio(piece: Wire) -> Part:
    audio = wire.fields(piece.get("input_audio"))
    data, format = wire.text(audio, "data"), wire.text(audio, "format")
    return parts.blob("audio", data, f"audio/{format}" if format else None) if data else _unknown(piece)


def _file(piece: Wire) -> Part:
    """Chat nests it under `file`, Responses does not."""
    file = wire.fields(piece.get("file")) or piece
    filename, detail = wire.text(file, "filename"), wire.text(file, "detail")
    if data := wire.text(file, "file_data"):
        put = parts.media if data.startswith("data:") else parts.blob
        return put("document", data, filename=filename, detail=detail)
    if file_id := wire.text(file, "file_id"):
        return parts.file("document", file_id, filename=filename, detail=detail)
    if url := wire.text(file, "file_url"):
        return parts.media("document", url, filename=filename, detail=detail)
    return _unknown(piece)


def _unknown(piece: Wire) -> Part:
    return parts.other(_kind(piece) or "unknown", piece)


_READERS: dict[str, Callable[[Wire], Part]] = {
    "text": _text,
    "input_text": _text,
    "output_text": _text,
    "refusal": _refusal,
    "thinking": _thinking,  # Mistral
    "image_url": _media("image", "image_url"),
    "input_image": _media("image", "image_url"),
    "computer_screenshot": _media("image", "image_url"),
    "video_url": _media("video", "video_url"),
    "audio_url": _media("audio", "audio_url"),
    "input_audio": _audio,
    "file": _file,
    "input_file": _file,
}
