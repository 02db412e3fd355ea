"""The content of a message: one text, or a list of pieces as Chat, Responses and the servers that speak like them write it."""

from __future__ import annotations

from collections.abc import Callable

from ...conversation import JSON, Part, parts
from ..json_fields import Object, all_integers, as_object, member, objects, rest, some_text


def read(content: JSON) -> list[Part]:
    """The parts of a message's `content`. An empty text is no part."""
    if isinstance(content, list):
        return [part for piece in content for part in read(piece)]
    if isinstance(content, dict):
        return [_READERS.get(_kind(content), _unknown)(content)]
    return [parts.text(content)] if isinstance(content, str) and content else []


def read_prompt(prompt: JSON) -> list[list[Part]]:
    """The inputs of an API that takes one or many: texts, lists of token ids, or pieces. One list of parts for each input."""
    if isinstance(prompt, list) and not all_integers(prompt):
        return [_one_prompt(one) for one in prompt]
    return [_one_prompt(prompt)] if prompt is not None else []


def upload(modality: parts.Modality, descriptor: JSON) -> Part:
    """A file sent along with a form. Its bytes are not in the JSON; the descriptor says what it was."""
    if isinstance(descriptor, str):
        return parts.other("upload", {"modality": modality, "content": descriptor})
    return parts.other("upload", {"modality": modality, **rest(as_object(descriptor))})


def _one_prompt(prompt: JSON) -> list[Part]:
    return [parts.other("token_ids", {"content": prompt})] if all_integers(prompt) else read(prompt)


def _kind(piece: Object) -> str:
    return some_text(piece, "type") or ""


def _text(piece: Object) -> Part:
    # Log-probabilities are told by themselves: see `Response.tokens`.
    return {**parts.text(some_text(piece, "text") or ""), **rest(piece, "type", "text", "content", "logprobs")}


def _thinking(piece: Object) -> Part:
    thought = piece.get("thinking")
    said = [some_text(one, "text") or "" for one in objects(thought)]
    return parts.reasoning(thought if isinstance(thought, str) else "".join(said))


def _refusal(piece: Object) -> Part:
    return parts.refusal(some_text(piece, "refusal") or "")


def _media(modality: str, key: str) -> Callable[[Object], Part]:
    def read_media(piece: Object) -> Part:
        """Chat nests `{"url": …}` under the key, Responses has the URL there; either may name an uploaded file instead."""
        source = piece.get(key)
        nested = as_object(source)
        url = source if isinstance(source, str) else some_text(nested, "url")
        file_id = some_text(piece, "file_id") or some_text(nested, "file_id")
        detail = some_text(nested, "detail") or some_text(piece, "detail")
        if url:
            return parts.media(modality, url, detail=detail)
        return parts.file(modality, file_id, detail=detail) if file_id else _unknown(piece)

    return read_media


def _audio(piece: Object) -> Part:
    audio = member(piece, "input_audio")
    data, format = some_text(audio, "data"), some_text(audio, "format")
    return parts.blob("audio", data, f"audio/{format}" if format else None) if data else _unknown(piece)


def _file(piece: Object) -> Part:
    """Chat nests it under `file`, Responses does not."""
    file = member(piece, "file") or piece
    filename, detail = some_text(file, "filename"), some_text(file, "detail")
    if data := some_text(file, "file_data"):
        put = parts.media if data.startswith("data:") else parts.blob
        return put("document", data, filename=filename, detail=detail)
    if file_id := some_text(file, "file_id"):
        return parts.file("document", file_id, filename=filename, detail=detail)
    if url := some_text(file, "file_url"):
        return parts.media("document", url, filename=filename, detail=detail)
    return _unknown(piece)


def _unknown(piece: Object) -> Part:
    return parts.other(_kind(piece) or "unknown", piece)


_READERS: dict[str, Callable[[Object], Part]] = {
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
