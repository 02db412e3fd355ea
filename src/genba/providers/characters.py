"""How many characters of an answer there are in what came: in its texts and thoughts, and in what the model wrote for tools."""

from __future__ import annotations

from collections.abc import Iterable

from ..conversation import JSON, Part
from ..conversation.encoding import encode

_WORDS = ("text", "reasoning", "refusal")


def of(*written: JSON) -> int:
    """Of texts together; whatever is none has no characters."""
    return sum(len(text) for text in written if isinstance(text, str))


def of_arguments(arguments: JSON) -> int:
    """Of what a tool is called with: a text, or an object, which is as long as its shortest JSON."""
    if isinstance(arguments, str):
        return len(arguments)
    return 0 if arguments is None else len(encode(arguments).decode())


def of_parts(said: Iterable[Part]) -> int:
    """Of a message: its texts and thoughts, and what it calls the host's functions with."""
    return sum(
        of(part.get("content")) if part.get("type") in _WORDS else of_arguments(part.get("arguments"))
        for part in said
        if part.get("type") in _WORDS or part.get("type") == "tool_call"
    )
