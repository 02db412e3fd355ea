"""The request parameters that both generations of Cohere's API have, in the conventions' words."""

from __future__ import annotations

from typing import Any

from ...conversation import JSON, Message, Part, parts
from ..json_fields import integer, items, member, number, some_text, texts

_OUTPUT_TYPES = {"text": "text", "json_object": "json"}


def read(body: dict[str, Any]) -> dict[str, Any]:
    """The keyword arguments of a `Request`, except what is said and which tools are offered."""
    count = integer(body, "num_generations")
    return {
        "model": some_text(body, "model"),
        "output_type": _OUTPUT_TYPES.get(some_text(member(body, "response_format"), "type") or ""),
        "stream": True if body.get("stream") is True else None,
        "temperature": number(body, "temperature"),
        "top_p": number(body, "p"),
        "top_k": integer(body, "k"),
        "max_tokens": integer(body, "max_tokens"),
        "frequency_penalty": number(body, "frequency_penalty"),
        "presence_penalty": number(body, "presence_penalty"),
        "stop_sequences": tuple(texts(body.get("stop_sequences"))),
        "seed": integer(body, "seed"),
        "choice_count": count if count != 1 else None,
    }


def documents(body: dict[str, Any]) -> list[Message]:
    """What the model may cite, as a turn of its own."""
    found = [_document(document) for document in items(body, "documents")]
    return [parts.message("document", found)] if found else []


def _document(document: JSON) -> Part:
    return parts.text(document) if isinstance(document, str) else parts.other("document", {"document": document})
